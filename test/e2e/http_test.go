//go:build e2e

package e2e

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/lfs-operator/lfs-operator/test/harness"
)

const mediaType = "application/vnd.git-lfs+json"

// lfsClient speaks to an LFS server as clients do.
type lfsClient struct {
	t              *testing.T
	url            string
	user, password string
	// host that the request names; left out: that of url.
	host string
}

// client uses the access Secret.
func client(t *testing.T, r *harness.Repository) lfsClient {
	t.Helper()
	return clientOf(t, r, r.Name+"-lfs-access")
}

// clientOf uses the named Secret.
func clientOf(t *testing.T, r *harness.Repository, secret string) lfsClient {
	t.Helper()
	user, err := env.SecretKey(t.Context(), r.Namespace, secret, "username")
	noError(t, err)
	password, err := env.SecretKey(t.Context(), r.Namespace, secret, "password")
	noError(t, err)
	book.learn(password, "password of Secret "+secret)
	return lfsClient{t: t, url: r.LFSURL(), user: user, password: password}
}

func (c lfsClient) as(user, password string) lfsClient {
	c.user, c.password = user, password
	return c
}

type object struct {
	OID  string `json:"oid"`
	Size int64  `json:"size"`
}

type action struct {
	Href   string            `json:"href"`
	Header map[string]string `json:"header"`
}

type batchObject struct {
	object
	Authenticated bool              `json:"authenticated"`
	Actions       map[string]action `json:"actions"`
	Error         *struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
	} `json:"error"`
}

type answer struct {
	t       *testing.T
	status  int
	header  http.Header
	body    string
	Message string        `json:"message"`
	Objects []batchObject `json:"objects"`
}

// only returns the one object of a batch that must have succeeded as a whole.
func (a *answer) only() batchObject {
	a.t.Helper()
	if a.status != http.StatusOK || len(a.Objects) != 1 {
		a.t.Fatalf("batch: status %d, want 200 with one object: %s", a.status, a.body)
	}
	return a.Objects[0]
}

func (c lfsClient) batch(operation string, objects ...object) *answer {
	c.t.Helper()
	body, err := json.Marshal(map[string]any{"operation": operation, "transfers": []string{"basic"}, "objects": objects})
	noError(c.t, err)
	return c.post("/objects/batch", bytes.NewReader(body), int64(len(body)))
}

func (c lfsClient) post(path string, body io.Reader, size int64) *answer {
	c.t.Helper()
	req, err := http.NewRequestWithContext(c.t.Context(), http.MethodPost, c.url+path, body)
	noError(c.t, err)
	req.ContentLength = size
	req.Header.Set("Accept", mediaType)
	req.Header.Set("Content-Type", mediaType)
	req.Header.Set("Expect", "100-continue") // whoever refuses need not take the body
	req.Host = c.host
	if c.user != "" {
		req.SetBasicAuth(c.user, c.password)
	}
	return send(c.t, req)
}

// send runs a request; a server that cannot be reached at all ends the test.
func send(t *testing.T, req *http.Request) *answer {
	t.Helper()
	resp, err := httpClient.Do(req)
	noError(t, err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	noError(t, err)
	a := &answer{t: t, status: resp.StatusCode, header: resp.Header, body: string(b)}
	_ = json.Unmarshal(b, a) // what is not JSON shows in body
	return a
}

// httpClient opens a connection for each request, so that each meets a server
// that is there now.
var httpClient = &http.Client{
	Timeout:   2 * time.Minute,
	Transport: &http.Transport{DisableKeepAlives: true, ExpectContinueTimeout: 5 * time.Second},
}

// do follows an action with a body.
func (a action) do(t *testing.T, method string, body []byte) *answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, a.Href, bytes.NewReader(body))
	noError(t, err)
	for k, v := range a.Header {
		req.Header.Set(k, v)
	}
	return send(t, req)
}

// newContent is content that nobody has uploaded yet.
func newContent(size int) (content []byte, o object) {
	content = make([]byte, size)
	_, _ = rand.Read(content)
	return content, objectOf(content)
}

func objectOf(content []byte) object {
	sum := sha256.Sum256(content)
	return object{OID: hex.EncodeToString(sum[:]), Size: int64(len(content))}
}

// TestHTTP is the server as clients see it, good ones and bad ones.
func TestHTTP(t *testing.T) {
	t.Parallel()
	r := readyRepository(t, harness.Repository{Name: "http", Spec: "  access: {tokens: [{name: reader, scope: Read}]}\n"})
	c := client(t, r)
	reader := clientOf(t, r, r.Name+"-lfs-token-reader")
	content, there := newContent(1000)
	upload(t, c, content)
	_, unknown := newContent(10)
	_, fresh := newContent(10)

	t.Run("requests that are refused as a whole", func(t *testing.T) {
		get := `{"operation":"download","objects":[{"oid":"` + there.OID + `","size":1000}]}`
		for name, tc := range map[string]struct {
			client lfsClient
			body   string
			want   int
		}{
			"no credentials":    {c.as("", ""), get, 401},
			"wrong password":    {c.as(c.user, "wrong"), get, 401},
			"empty password":    {c.as(c.user, ""), get, 401},
			"read token writes": {reader, strings.Replace(get, "download", "upload", 1), 403},
			"malformed JSON":    {c, get[:40], 400},
			"not an object":     {c, `[]`, 400},
			"unknown operation": {c, strings.Replace(get, "download", "steal", 1), 422},
			"empty body":        {c, ``, 400},
			"oversize body":     {c, get + strings.Repeat(" ", 2<<20), 413},
		} {
			a := tc.client.post("/objects/batch", strings.NewReader(tc.body), int64(len(tc.body)))
			if a.status != tc.want {
				t.Errorf("%s: status %d, want %d: %.300s", name, a.status, tc.want, a.body)
			}
			if a.Message == "" {
				t.Errorf("%s: no message for the person: %.300s", name, a.body)
			}
			if challenge := a.header.Get("LFS-Authenticate"); (tc.want == 401) != strings.HasPrefix(challenge, "Basic") {
				t.Errorf("%s: LFS-Authenticate is %q", name, challenge)
			}
		}
	})

	t.Run("objects that are refused", func(t *testing.T) {
		for name, tc := range map[string]struct {
			operation string
			object    object
			want      int
		}{
			"unknown OID":    {"download", unknown, 404},
			"OID too short":  {"download", object{OID: there.OID[:63], Size: 1}, 422},
			"OID not hex":    {"upload", object{OID: strings.Repeat("g", 64), Size: 1}, 422},
			"OID upper case": {"upload", object{OID: strings.ToUpper(there.OID), Size: 1000}, 422},
			"OID is a path":  {"download", object{OID: "../../" + there.OID[6:], Size: 1}, 422},
			"negative size":  {"upload", object{OID: fresh.OID, Size: -1}, 422},
		} {
			// The good object beside it is not harmed.
			a := c.batch(tc.operation, there, tc.object)
			if a.status != 200 || len(a.Objects) != 2 {
				t.Errorf("%s: status %d with %d objects, want 200 with 2: %s", name, a.status, len(a.Objects), a.body)
				continue
			}
			good, bad := a.Objects[0], a.Objects[1]
			if good.Error != nil {
				t.Errorf("%s: the good object is refused too: %+v", name, *good.Error)
			}
			if bad.Error == nil || bad.Error.Code != tc.want || bad.Error.Message == "" || len(bad.Actions) != 0 {
				t.Errorf("%s: answered %+v, want error %d with a message and no action", name, bad, tc.want)
			}
		}
	})

	t.Run("a reader reads", func(t *testing.T) {
		o := reader.batch("download", there).only()
		if o.Error != nil {
			t.Fatalf("answered %+v", *o.Error)
		}
		if got := o.Actions["download"].do(t, http.MethodGet, nil); got.status != 200 || got.body != string(content) {
			t.Errorf("status %d and %d bytes, want 200 and the content", got.status, len(got.body))
		}
	})

	t.Run("an object that is there is not asked for", func(t *testing.T) {
		if o := c.batch("upload", there).only(); o.Error != nil || len(o.Actions) != 0 {
			t.Errorf("answered %+v, want neither error nor actions", o)
		}
	})

	t.Run("an empty object", func(t *testing.T) {
		upload(t, c, nil)
		got := c.batch("download", objectOf(nil)).only().Actions["download"].do(t, http.MethodGet, nil)
		if got.status != 200 || got.body != "" {
			t.Errorf("status %d and %d bytes, want 200 and none", got.status, len(got.body))
		}
	})

	t.Run("wrong content is not stored", func(t *testing.T) {
		right, o := newContent(1000)
		wrong, _ := newContent(1000)
		put := c.batch("upload", o).only().Actions["upload"]
		for name, tc := range map[string]struct {
			put  action
			body []byte
		}{
			"same size":                   {put, wrong},
			"shorter":                     {put, right[:999]},
			"longer":                      {put, append(bytes.Clone(right), 'x')},
			"checksum left out":           {action{Href: put.Href}, wrong},
			"right, but checksum missing": {action{Href: put.Href}, right},
			"checksum of the wrong bytes": {action{Href: put.Href, Header: map[string]string{"x-amz-checksum-sha256": checksum(wrong)}}, wrong},
		} {
			if a := tc.put.do(t, http.MethodPut, tc.body); a.status < 400 {
				t.Errorf("%s: status %d, want a refusal", name, a.status)
			}
			if stored(t, r, o.OID) {
				t.Fatalf("%s: stored under the OID", name)
			}
			if d := c.batch("download", o).only(); d.Error == nil || d.Error.Code != 404 {
				t.Errorf("%s: a download is answered with %+v, want 404", name, d)
			}
		}
		upload(t, c, right)
	})

	t.Run("verify of what is missing", func(t *testing.T) {
		_, o := newContent(1000)
		verify, ok := c.batch("upload", o).only().Actions["verify"]
		if !ok {
			t.Fatal("no verify action")
		}
		body, err := json.Marshal(o)
		noError(t, err)
		if a := verify.do(t, http.MethodPost, body); a.status != 404 {
			t.Errorf("status %d, want 404: %s", a.status, a.body)
		}
	})

	t.Run("links fit the host that was asked", func(t *testing.T) {
		for host, store := range map[string]string{
			r.Host():                              env.StoreURL,
			"http-lfs.e2e-http.svc":               harness.StoreInternal,
			"http-lfs.e2e-http.svc.cluster.local": harness.StoreInternal,
		} {
			named := c
			named.host = host
			o := named.batch("upload", fresh).only()
			if href := o.Actions["upload"].Href; !strings.HasPrefix(href, store+"/") {
				t.Errorf("asked as %s, uploads go to %.60s, want %s", host, href, store)
			}
			if href := o.Actions["verify"].Href; !strings.HasPrefix(href, "http://"+host+"/") {
				t.Errorf("asked as %s, verify goes to %s", host, href)
			}
		}
		forged := c
		forged.host = "attacker.example"
		if a := forged.batch("upload", fresh); a.status != 421 || strings.Contains(a.body, "href") {
			t.Errorf("asked under a host that is not ours: status %d, want 421 without links: %s", a.status, a.body)
		}
	})

	t.Run("the admin port keeps the status to itself", func(t *testing.T) {
		_, err := env.Kubectl(t.Context(), "get", "--raw", "/api/v1/namespaces/"+r.Namespace+"/services/http-lfs:8081/proxy/status")
		if err == nil || !strings.Contains(err.Error(), "credentials") {
			t.Errorf("status without its token: %v, want 401", err)
		}
	})

	t.Run("nobody else's path", func(t *testing.T) {
		other := c
		other.url = strings.Replace(c.url, r.Namespace+"/"+r.Name, "somebody/else", 1)
		if a := other.batch("download", there); a.status != 404 {
			t.Errorf("status %d for another repository's URL, want 404", a.status)
		}
	})
}

// upload does what git-lfs does: batch, PUT, verify.
func upload(t *testing.T, c lfsClient, content []byte) {
	t.Helper()
	c.t = t
	o := c.batch("upload", objectOf(content)).only()
	put, ok := o.Actions["upload"]
	if !ok {
		t.Fatalf("no upload action: %+v", o)
	}
	if a := put.do(t, http.MethodPut, content); a.status != 200 {
		t.Fatalf("PUT: status %d: %s", a.status, a.body)
	}
	if verify, ok := o.Actions["verify"]; ok {
		body := fmt.Sprintf(`{"oid":%q,"size":%d}`, o.OID, o.Size)
		if a := verify.do(t, http.MethodPost, []byte(body)); a.status != 200 {
			t.Fatalf("verify: status %d: %s", a.status, a.body)
		}
	}
}
