# Requests as Python's requests library makes them, with the standard library alone.
import http.client, json, urllib.parse


def request(method, url, body=b"", headers=None):
    u = urllib.parse.urlparse(url)
    c = http.client.HTTPConnection(u.netloc)
    path = u.path + ("?" + u.query if u.query else "")
    c.request(method, path, body, {"User-Agent": "python-requests/2.34", **(headers or {})})
    r = c.getresponse()
    return r.status, r.headers, r.read()


def post(url, value, headers=None):
    status, _, body = request("POST", url, json.dumps(value).encode(), {"Content-Type": "application/json", **(headers or {})})
    return status, json.loads(body)
