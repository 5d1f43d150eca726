# The steps of KohakuHub's documentation for uploads by script (docs/api/git-lfs.md,
# "Manual LFS Upload"): credentials for the batch only, quotes taken off the ETags,
# upload_id in the path and the body, no header on any PUT.
import hashlib, sys
from http_as_requests import post, request

host, token, name = sys.argv[1:]
content = open(name, "rb").read()
oid, size = hashlib.sha256(content).hexdigest(), len(content)
status, answer = post(
    f"{host}/username/repo.git/info/lfs/objects/batch",
    {"operation": "upload", "transfers": ["basic"], "objects": [{"oid": oid, "size": size}], "hash_algo": "sha256"},
    {"Authorization": f"Bearer {token}"})
actions = answer["objects"][0]["actions"]
header = actions["upload"].get("header", {})
done = {"oid": oid, "size": size}
if "chunk_size" in header:
    chunk, parts, number = int(header["chunk_size"]), [], 1
    for at in range(0, size, chunk):
        _, got, _ = request("PUT", header[str(number)], content[at:at + chunk])
        parts.append({"PartNumber": number, "ETag": got["ETag"].strip('"')})
        number += 1
    done |= {"upload_id": header["upload_id"], "parts": parts}
    status, answer = post(f"{host}/api/username/repo.git/info/lfs/complete/{header['upload_id']}", done)
    assert status == 200 and answer["success"] and answer["size"] == size and answer["etag"], (status, answer)
else:
    request("PUT", actions["upload"]["href"], content)
status, answer = post(actions["verify"]["href"], done)
assert status == 200 and answer["success"], (status, answer)
