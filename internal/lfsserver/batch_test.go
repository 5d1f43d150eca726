package lfsserver_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver/lfstest"
	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
	"github.com/lfs-operator/lfs-operator/test/assets"
)

// zeros is an OID that no content has.
var zeros = strings.Repeat("0", 64)

func TestWholeBatch(t *testing.T) {
	t.Parallel()
	s := lfstest.Start(t, assets.SharedStore(t))
	one := fmt.Sprintf(`{"oid":%q,"size":3}`, lfstest.OID("one"))
	many := func(n int) string { return strings.TrimSuffix(strings.Repeat(one+",", n), ",") }
	for name, tc := range map[string]struct {
		body, want string
		status     int
	}{
		"nothing":                  {body: ``, status: 400, want: "not a batch request"},
		"no JSON":                  {body: `{"operation":`, status: 400, want: "invalid JSON"},
		"something behind it":      {body: `{"operation":"upload","objects":[]} x`, status: 400, want: "invalid JSON"},
		"an array":                 {body: `[]`, status: 400, want: "not a JSON object"},
		"objects are no array":     {body: `{"operation":"upload","objects":"a"}`, status: 400, want: `"objects" must not be a JSON string`},
		"an OID that is a number":  {body: `{"operation":"upload","objects":[{"oid":1,"size":1}]}`, status: 400, want: "oid"},
		"unknown operation":        {body: `{"operation":"delete","objects":[]}`, status: 422, want: `operation "delete"`},
		"no operation":             {body: `{"objects":[]}`, status: 422, want: "operation"},
		"another hash":             {body: `{"operation":"upload","hash_algo":"sha512","objects":[]}`, status: 409, want: "hash_algo"},
		"the npm client's hash":    {body: `{"operation":"upload","hash_algo":"sha_256","objects":[` + one + `]}`, status: 200},
		"no transfers":             {body: `{"operation":"upload","objects":[` + one + `]}`, status: 200},
		"only transfers unknown":   {body: `{"operation":"upload","transfers":["xet"],"objects":[` + one + `]}`, status: 200},
		"ref is null":              {body: `{"operation":"upload","ref":null,"objects":[` + one + `]}`, status: 200},
		"ref is a branch":          {body: `{"operation":"upload","ref":"main","objects":[` + one + `]}`, status: 200},
		"ref is empty":             {body: `{"operation":"upload","ref":{},"objects":[` + one + `]}`, status: 200},
		"no objects":               {body: `{"operation":"download","objects":[]}`, status: 200},
		"the same object twice":    {body: `{"operation":"upload","objects":[` + many(2) + `]}`, status: 200},
		"as many as allowed":       {body: `{"operation":"upload","objects":[` + many(1000) + `]}`, status: 200},
		"one object too many":      {body: `{"operation":"upload","objects":[` + many(1001) + `]}`, status: 413, want: "at most 1000"},
		"a body without end":       {body: `{"operation":"` + strings.Repeat("x", 3<<20), status: 413, want: "too large"},
		"a field nobody knows":     {body: `{"operation":"upload","objects":[],"is_browser":true}`, status: 200},
		"deeply nested, but small": {body: strings.Repeat(`{"a":`, 20000), status: 400, want: "invalid JSON"},
	} {
		t.Run(name, func(t *testing.T) {
			resp, body := s.Post(s.Root()+"/objects/batch", lfstest.Basic(lfstest.WriteToken), []byte(tc.body))
			if resp.StatusCode != tc.status {
				t.Fatalf("status %d, want %d: %s", resp.StatusCode, tc.status, body)
			}
			if got := resp.Header.Get("Content-Type"); got != "application/vnd.git-lfs+json" {
				t.Errorf("Content-Type %q", got)
			}
			if tc.status == 200 {
				return
			}
			var e struct {
				Message   string `json:"message"`
				RequestID string `json:"request_id"`
			}
			if err := json.Unmarshal(body, &e); err != nil || !strings.Contains(e.Message, tc.want) || e.RequestID == "" {
				t.Errorf("answer %s (%v), want a message with %q and a request_id", body, err, tc.want)
			}
		})
	}
}

func TestEachObject(t *testing.T) {
	t.Parallel()
	s := lfstest.Start(t, assets.SharedStore(t))
	there := s.Upload("something that is there")
	absent := lfstest.ObjectOf("something that is not")
	const abovePut, tooLarge = 5<<30 + 1, 5<<40 + 1
	for name, tc := range map[string]struct {
		operation, object, message string
		code                       int
		actions                    []string
	}{
		"upload of what is there":           {operation: "upload", object: object(there.OID, there.Size)},
		"upload of what is not":             {operation: "upload", object: object(absent.OID, absent.Size), actions: []string{"upload", "verify"}},
		"upload of nothing at all":          {operation: "upload", object: object(lfstest.OID(""), 0), actions: []string{"upload", "verify"}},
		"upload of what has another size":   {operation: "upload", object: object(there.OID, 1), code: 422, message: "stored already"},
		"upload of the largest":             {operation: "upload", object: object(zeros, 5<<30), actions: []string{"upload", "verify"}},
		"upload of more than one PUT takes": {operation: "upload", object: object(zeros, abovePut), actions: []string{"upload", "verify"}},
		"upload of what is too large":       {operation: "upload", object: object(zeros, tooLarge), code: 422, message: "5497558138880"},
		"upload with a short OID":           {operation: "upload", object: object("abc", 1), code: 422, message: "oid"},
		"upload with an upper-case OID":     {operation: "upload", object: object(strings.Repeat("A", 64), 1), code: 422, message: "oid"},
		"upload with a path for an OID":     {operation: "upload", object: object("../../"+zeros[6:], 1), code: 422, message: "oid"},
		"upload of a negative size":         {operation: "upload", object: object(absent.OID, -1), code: 422, message: "size"},
		"upload of half a byte":             {operation: "upload", object: `{"oid":"` + absent.OID + `","size":0.5}`, code: 422, message: "size"},
		"upload of more than a number":      {operation: "upload", object: `{"oid":"` + absent.OID + `","size":99999999999999999999}`, code: 422, message: "size"},
		"upload without size":               {operation: "upload", object: `{"oid":"` + absent.OID + `"}`, code: 422, message: "size"},
		"download of what is there":         {operation: "download", object: object(there.OID, there.Size), actions: []string{"download"}},
		"download of what is not":           {operation: "download", object: object(absent.OID, absent.Size), code: 404, message: "does not exist"},
		"download with a bad OID":           {operation: "download", object: object("abc", 1), code: 422, message: "oid"},
		"download with a size of the past":  {operation: "download", object: object(there.OID, 1), actions: []string{"download"}},
		"download of what is negative":      {operation: "download", object: object(there.OID, -5), code: 422, message: "size"},
		"download of what was never stored": {operation: "download", object: object(zeros, 0), code: 404, message: "does not exist"},
	} {
		t.Run(name, func(t *testing.T) {
			// Beside an object that is fine: one bad object must not fail others.
			body := fmt.Sprintf(`{"operation":%q,"transfers":["basic"],"objects":[%s,%s]}`, tc.operation, tc.object, object(there.OID, there.Size))
			resp, raw := s.Post(s.Root()+"/objects/batch", lfstest.Basic(lfstest.WriteToken), []byte(body))
			var out struct{ Objects []map[string]json.RawMessage }
			var answers struct{ Objects []lfstest.Answer }
			if resp.StatusCode != 200 || json.Unmarshal(raw, &out) != nil || json.Unmarshal(raw, &answers) != nil || len(out.Objects) != 2 {
				t.Fatalf("status %d: %s", resp.StatusCode, raw)
			}
			if answers.Objects[1].Error != nil {
				t.Errorf("the object beside it failed too: %s", raw)
			}
			got := answers.Objects[0]
			var actions []string
			for _, name := range []string{"download", "upload", "verify"} {
				if a, ok := got.Actions[name]; ok {
					actions = append(actions, name)
					checkAction(t, s, name, a)
				}
			}
			if diff := cmp.Diff(tc.actions, actions); diff != "" {
				t.Errorf("actions (-want +got):\n%s", diff)
			}
			if _, has := out.Objects[0]["actions"]; has != (len(tc.actions) > 0) {
				t.Errorf("the key \"actions\" is there: %v: %s", has, raw)
			}
			if got.Authenticated != (len(tc.actions) > 0) {
				t.Errorf("authenticated: %v", got.Authenticated)
			}
			switch {
			case tc.code == 0 && got.Error != nil:
				t.Errorf("error %+v", got.Error)
			case tc.code != 0 && (got.Error == nil || got.Error.Code != tc.code || !strings.Contains(got.Error.Message, tc.message)):
				t.Errorf("error %+v, want %d with %q", got.Error, tc.code, tc.message)
			}
		})
	}
}

// checkAction looks for what every link must have.
func checkAction(t *testing.T, s *lfstest.Server, name string, a lfstest.Action) {
	t.Helper()
	u, err := url.Parse(a.Href)
	if err != nil || !u.IsAbs() {
		t.Errorf("%s: href %q is not absolute", name, a.Href)
		return
	}
	if a.ExpiresIn < 3600 || a.ExpiresIn > 24*3600 {
		t.Errorf("%s: expires_in %d", name, a.ExpiresIn)
	}
	switch name {
	case "upload":
		if strings.HasPrefix(a.Href, s.Root()+"/content/") {
			return // the server itself looks at what comes
		}
		if a.Header["x-amz-checksum-sha256"] == "" || !signs(u, "content-length", "x-amz-checksum-sha256") {
			t.Errorf("the upload is not bound to its content: %+v", a)
		}
	case "verify":
		if !strings.HasPrefix(a.Href, s.Root()) || !strings.HasPrefix(a.Header["Authorization"], "Bearer ") {
			t.Errorf("verify: %+v", a)
		}
	}
}

// signs is true when a link's signature covers these headers.
func signs(u *url.URL, headers ...string) bool {
	signed := strings.Split(u.Query().Get("X-Amz-SignedHeaders"), ";")
	for _, h := range headers {
		if !slices.Contains(signed, h) {
			return false
		}
	}
	return true
}

func object(oid string, size int64) string { return fmt.Sprintf(`{"oid":%q,"size":%d}`, oid, size) }

// TestVerified: the store has checked an upload that succeeds, so of small objects only
// the last of a batch is verified. By that the server hears of the others too.
func TestVerified(t *testing.T) {
	t.Parallel()
	s := lfstest.Start(t, assets.SharedStore(t))
	there := s.Upload("there before")
	large := lfstest.Object{OID: lfstest.OID("large"), Size: 2 << 20}
	small := []lfstest.Object{lfstest.ObjectOf("one"), lfstest.ObjectOf("two"), lfstest.ObjectOf("three")}
	batch := s.Batch("upload", small[0], large, small[1], small[2], there)
	var verified []bool
	for _, a := range batch {
		verified = append(verified, a.Actions["verify"].Href != "")
	}
	if want := []bool{false, true, false, true, false}; !slices.Equal(verified, want) {
		t.Fatalf("verified %v, want %v", verified, want)
	}
	for i, content := range map[int]string{0: "one", 2: "two", 3: "three"} {
		if status := s.Put(batch[i].Actions["upload"], strings.NewReader(content), int64(len(content))); status != http.StatusOK {
			t.Fatalf("%q: %d", content, status)
		}
	}
	last := batch[3]
	if resp, body := s.Post(last.Actions["verify"].Href, last.Actions["verify"].Header["Authorization"], small[2]); resp.StatusCode != http.StatusOK {
		t.Fatalf("verify: %d %s", resp.StatusCode, body)
	}
	for i, again := range s.Batch("upload", small...) {
		if again.Actions != nil {
			t.Errorf("object %d is asked for again", i)
		}
	}
	s.Eventually("all are counted", func() (bool, string) {
		u := s.Status().Usage
		return u != nil && u.Objects == 4, fmt.Sprintf("%+v", u)
	})
}

func TestPaths(t *testing.T) {
	t.Parallel()
	s := lfstest.Start(t, assets.SharedStore(t))
	body := []byte(`{"operation":"upload","objects":[]}`)
	for path, want := range map[string]int{
		"/team-a/models.git/info/lfs/objects/batch":          200,
		"/team-a/models/info/lfs/objects/batch":              200,
		"/models/team-a/models.git/info/lfs/objects/batch":   200,
		"/datasets/team-a/models.git/info/lfs/objects/batch": 200,
		"/spaces/team-a/models/info/lfs/objects/batch":       200,
		"/team-a/models/objects/batch":                       200,
		"/team-a/models/verify":                              404,
		"/team-b/models.git/info/lfs/objects/batch":          404,
		"/team-a/other.git/info/lfs/objects/batch":           404,
		"/team-a/modelsx.git/info/lfs/objects/batch":         404,
		"/team-a/models.git.git/info/lfs/objects/batch":      404,
		"/team-a/models.git/info/lfs/objects/batch/":         404,
		"/team-a/models.git/info/lfs/objects":                404,
		"/team-a/models.git/info/lfs/locks":                  422,
		"/team-a/models.git/info/lfs/locks/verify":           200,
		"/team-a/models.git/info/lfs/locks/1/unlock":         404,
		"/team-a/models.git/info/lfs/locks/1":                404,
		"/team-a/models/locks":                               404,
		"/other/team-a/models.git/info/lfs/objects/batch":    404,
		"/status":  404,
		"/metrics": 404,
		"/healthz": 404,
		"/":        404,
	} {
		resp, got := s.Post(s.URL+path, lfstest.Basic(lfstest.WriteToken), body)
		if resp.StatusCode != want {
			t.Errorf("POST %s: %d, want %d: %s", path, resp.StatusCode, want, got)
		}
		if !json.Valid(got) {
			t.Errorf("POST %s: the answer is not JSON: %q", path, got)
		}
	}
	req, _ := http.NewRequest(http.MethodGet, s.Root()+"/objects/batch", nil)
	if resp, _ := s.Do(req); resp.StatusCode != 405 || resp.Header.Get("Allow") != "POST" {
		t.Errorf("GET: %d, Allow %q", resp.StatusCode, resp.Header.Get("Allow"))
	}
}

// TestHosts: links are made for the host that the client used, and only for
// hosts of the configuration.
func TestHosts(t *testing.T) {
	t.Parallel()
	s := lfstest.Start(t, assets.SharedStore(t), lfstest.WithConfig(func(c *serverconfig.Config) {
		c.Endpoints = append(c.Endpoints,
			serverconfig.Endpoint{Scheme: "https", Host: "lfs.example.com", StoreEndpoint: "https://s3.example.com"},
			serverconfig.Endpoint{Scheme: "http", Host: "LFS.example.org:80", StoreEndpoint: "http://s3.example.org:9000"})
		c.Storage.PublicEndpoint = "http://public.example.net"
	}))
	o := lfstest.ObjectOf("for many hosts")
	for host, want := range map[string]struct{ verify, upload string }{
		strings.TrimPrefix(s.URL, "http://"): {s.URL, "http://public.example.net"},
		"lfs.example.com":                    {"https://lfs.example.com", "https://s3.example.com"},
		"LFS.Example.COM:443":                {"https://lfs.example.com", "https://s3.example.com"},
		"lfs.example.org":                    {"http://lfs.example.org", "http://s3.example.org:9000"},
		"lfs.example.org:80":                 {"http://lfs.example.org", "http://s3.example.org:9000"},
		"lfs.example.org:8080":               {},
		"evil.example":                       {},
	} {
		body := fmt.Sprintf(`{"operation":"upload","objects":[%s]}`, object(o.OID, o.Size))
		req, err := http.NewRequest(http.MethodPost, s.Root()+"/objects/batch", bytes.NewReader([]byte(body)))
		if err != nil {
			t.Fatal(err)
		}
		req.Host = host
		req.Header.Set("Authorization", lfstest.Basic(lfstest.WriteToken))
		req.Header.Set("X-Forwarded-Host", "evil.example")
		req.Header.Set("X-Forwarded-Proto", "https")
		resp, raw := s.Do(req)
		if want.verify == "" {
			if resp.StatusCode != http.StatusMisdirectedRequest || !strings.Contains(string(raw), "lfs.example.com") {
				t.Errorf("host %s: %d %s", host, resp.StatusCode, raw)
			}
			continue
		}
		var out struct{ Objects []lfstest.Answer }
		if resp.StatusCode != 200 || json.Unmarshal(raw, &out) != nil || len(out.Objects) != 1 {
			t.Errorf("host %s: %d %s", host, resp.StatusCode, raw)
			continue
		}
		actions := out.Objects[0].Actions
		if !strings.HasPrefix(actions["verify"].Href, want.verify+"/team-a/") || !strings.HasPrefix(actions["upload"].Href, want.upload+"/") {
			t.Errorf("host %s: links %s and %s", host, actions["verify"].Href, actions["upload"].Href)
		}
	}
}
