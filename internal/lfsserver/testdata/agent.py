# A git-lfs transfer agent that behaves like Hugging Face's "lfs-multipart-upload":
# links in the order of the header's keys, nothing sent with a part, no credentials
# on the completion (git-lfs, docs/custom-transfers.md).
import json, sys
from http_as_requests import post, request


def say(message):
    print(json.dumps(message), flush=True)


json.loads(sys.stdin.readline())  # init
say({})
for line in sys.stdin:
    message = json.loads(line)
    if message["event"] == "terminate":
        break
    action, oid = message["action"], message["oid"]
    header = action["header"]
    chunk = int(header.pop("chunk_size"))
    parts = []
    with open(message["path"], "rb") as f:
        for i, url in enumerate(header.values()):
            part = f.read(chunk)
            status, got, body = request("PUT", url, part)
            assert status == 200, (status, body)
            parts.append({"etag": got["ETag"], "partNumber": i + 1})
            say({"event": "progress", "oid": oid, "bytesSoFar": f.tell(), "bytesSinceLast": len(part)})
    status, body = post(action["href"], {"oid": oid, "parts": parts})
    if status >= 300:
        say({"event": "complete", "oid": oid, "error": {"code": status, "message": str(body)}})
    else:
        say({"event": "complete", "oid": oid})
