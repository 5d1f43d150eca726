package lfsserver_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver/lfstest"
	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
	"github.com/lfs-operator/lfs-operator/test/assets"
)

// browse asks as a browser does; a token that is not empty goes through the form.
func browse(t *testing.T, s *lfstest.Server, path, token string) (*http.Response, string) {
	t.Helper()
	method, body := http.MethodGet, ""
	if token != "" {
		method, body = http.MethodPost, url.Values{"token": {token}}.Encode()
	}
	req, err := http.NewRequest(method, s.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8")
	if token != "" {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	resp, raw := s.Do(req)
	return resp, string(raw)
}

// TestPageForWhom: who sees what. How to use the repository is no secret; what is
// in it is for those who may download.
func TestPageForWhom(t *testing.T) {
	t.Parallel()
	closed := livedIn(t)
	open := livedIn(t)
	open.Reconfigure(func(c *serverconfig.Config) { c.Access.AnonymousRead = true })
	inside := []string{
		"1.2 MB", "counted", "keepVersions", "500 GiB", "checkpoints/**", "*.custom filter=lfs", // usage and policy
		"Stopped", "61 % of the objects", "35 GB", "mirror-of-an-earlier-life", "scenes/forest.blend", "token:writer",
	}
	never := []string{
		lfstest.WriteToken, lfstest.ReadToken, lfstest.ExpiredToken, lfstest.StatusToken, lfstest.ScanToken, closed.Store.AccessKey, closed.Store.SecretKey,
		serverconfig.TokenHash(lfstest.WriteToken), "some/prefix/", closed.Store.Endpoint, closed.Config.Storage.Bucket, open.Config.Storage.Bucket,
		"git.example.com", "git-read", closed.Config.Repository.UID, open.Config.Repository.UID,
	}
	for name, tc := range map[string]struct {
		s      *lfstest.Server
		token  string
		status int
		sees   bool
		says   string
	}{
		"nobody, closed":        {closed, "", 200, false, "See policy, usage, locks"},
		"nobody, open":          {open, "", 200, true, "Anyone may download"},
		"reader":                {closed, lfstest.ReadToken, 200, true, "Signed in as token:reader"},
		"writer":                {closed, lfstest.WriteToken, 200, true, "Signed in as token:writer"},
		"writer, with blanks":   {closed, " " + lfstest.WriteToken + "\n", 200, true, "Signed in as token:writer"},
		"writer, open":          {open, lfstest.WriteToken, 200, true, "Signed in as token:writer"},
		"expired":               {closed, lfstest.ExpiredToken, 403, false, "This token is not valid here"},
		"wrong":                 {closed, "lfs_wrong", 403, false, "This token is not valid here"},
		"wrong, open":           {open, "lfs_wrong", 403, true, "This token is not valid here"},
		"nothing but blanks":    {closed, "  ", 403, false, "This token is not valid here"},
		"the status token":      {closed, lfstest.StatusToken, 403, false, "This token is not valid here"},
		"HTML in the token":     {closed, "<script>alert(1)</script>", 403, false, "This token is not valid here"},
		"a form that is no end": {closed, strings.Repeat("a", 64<<10), 400, false, "The form could not be read."},
	} {
		t.Run(name, func(t *testing.T) {
			resp, body := browse(t, tc.s, "/team-a/models.git/info/lfs", tc.token)
			if resp.StatusCode != tc.status || resp.Header.Get("Content-Type") != "text/html; charset=utf-8" {
				t.Fatalf("%s %s: %.300s", resp.Status, resp.Header.Get("Content-Type"), body)
			}
			for _, always := range []string{tc.says, tc.s.Root(), "git lfs install", "models-lfs-access", "preupload_lfs_files", "uploadFiles", "LFS_TOKEN"} {
				if !strings.Contains(body, always) {
					t.Errorf("lacks %q", always)
				}
			}
			for _, what := range inside {
				if strings.Contains(body, what) != tc.sees {
					t.Errorf("%q: shown %v, want %v", what, !tc.sees, tc.sees)
				}
			}
			for _, what := range append(never, "alert(1)") {
				if strings.Contains(body, what) {
					t.Errorf("shows %q", what)
				}
			}
			for _, header := range []string{"WWW-Authenticate", "Set-Cookie", "Access-Control-Allow-Origin"} {
				if resp.Header.Get(header) != "" {
					t.Errorf("%s: %s", header, resp.Header.Get(header))
				}
			}
		})
	}
}

// TestPageIdentities: ways in are told to those who can take them, without the name
// of a Secret or the address of an issuer.
func TestPageIdentities(t *testing.T) {
	t.Parallel()
	s := lfstest.Start(t, assets.SharedStore(t))
	ways := []string{"serviceAccountToken", "audience: &#34;lfs-operator.dev/team-a/models&#34;", "$LFS_JWT", "build-farm", "https://lfs.example.com"}
	_, body := browse(t, s, "/team-a/models", "")
	for _, way := range append(ways, "_jwt", "ServiceAccount", "JSON Web Token") {
		if strings.Contains(body, way) {
			t.Errorf("says %q, which nobody can use", way)
		}
	}
	s.Reconfigure(otherIdentities)
	_, body = browse(t, s, "/team-a/models", "")
	for _, way := range ways {
		if !strings.Contains(body, way) {
			t.Errorf("lacks %q", way)
		}
	}
	for _, other := range []string{"farm-keys", "forge.example.com"} {
		if strings.Contains(body, other) {
			t.Errorf("shows %q", other)
		}
	}
}

// TestPageHeaders: nothing runs or loads that is not ours, nobody frames it, and
// it is one document.
func TestPageHeaders(t *testing.T) {
	t.Parallel()
	s := lfstest.Start(t, assets.SharedStore(t))
	resp, body := browse(t, s, "/team-a/models", "")
	for header, want := range map[string]string{
		"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store",
	} {
		if got := resp.Header.Get(header); got != want {
			t.Errorf("%s: %q, want %q", header, got, want)
		}
	}
	csp := regexp.MustCompile(`^default-src 'none'; style-src 'sha256-[^ ]+'; script-src 'sha256-[^ ]+'; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'$`)
	if got := resp.Header.Get("Content-Security-Policy"); !csp.MatchString(got) {
		t.Errorf("Content-Security-Policy: %s", got)
	}
	for _, m := range regexp.MustCompile(`(?:src|href|action)="([^"]*)"`).FindAllStringSubmatch(body, -1) {
		if !strings.HasPrefix(m[1], "data:") && !strings.HasPrefix(m[1], "#") && m[1] != "/team-a/models.git/info/lfs" {
			t.Errorf("leads to %s", m[1])
		}
	}
	if len(body) > 100_000 || strings.Contains(body, "style=") || regexp.MustCompile(`\son[a-z]+=`).MatchString(body) {
		t.Errorf("%d bytes, or style and script in attributes", len(body))
	}
	if resp, body := call(t, s, "HEAD", s.URL+"/team-a/models", "", ""); resp.StatusCode != 404 || body != "" {
		t.Errorf("HEAD without Accept: %s", resp.Status)
	}
}

// TestPageOnlyForBrowsers: at every root that people would paste, and nowhere
// else; git and the libraries never see it.
func TestPageOnlyForBrowsers(t *testing.T) {
	t.Parallel()
	s := lfstest.Start(t, assets.SharedStore(t))
	const html = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
	for name, tc := range map[string]struct {
		method, path, accept, contentType string
		want                              int
	}{
		"the repository":         {"GET", "/team-a/models", html, "", 200},
		"with a slash":           {"GET", "/team-a/models/", html, "", 200},
		"as git clones it":       {"GET", "/team-a/models.git", html, "", 200},
		"that with a slash":      {"GET", "/team-a/models.git/", html, "", 200},
		"the API root":           {"GET", "/team-a/models.git/info/lfs", html, "", 200},
		"that with a slash, too": {"GET", "/team-a/models.git/info/lfs/", html, "", 200},
		"as a model":             {"GET", "/models/team-a/models", html, "", 200},
		"with a query":           {"GET", "/team-a/models?tab=x", html, "", 200},
		"HEAD":                   {"HEAD", "/team-a/models", html, "", 200},
		"curl":                   {"GET", "/team-a/models", "*/*", "", 404},
		"no Accept at all":       {"GET", "/team-a/models", "", "", 404},
		"git-lfs":                {"GET", "/team-a/models.git/info/lfs", "application/vnd.git-lfs+json", "", 404},
		"HTML refused":           {"GET", "/team-a/models", "application/json, text/html;q=0", "", 404},
		"nonsense in Accept":     {"GET", "/team-a/models", ";;,text/html;q=x", "", 404},
		"a POST that is no form": {"POST", "/team-a/models", html, "application/json", 404},
		"a form with files":      {"POST", "/team-a/models", html, "multipart/form-data; boundary=x", 404},
		"another method":         {"PUT", "/team-a/models", html, "", 405},
		"another repository":     {"GET", "/team-a/model", html, "", 404},
		"a longer name":          {"GET", "/team-a/models2", html, "", 404},
		"below it":               {"GET", "/team-a/models/tree/main", html, "", 404},
		"what git asks first":    {"GET", "/team-a/models.git/info/refs?service=git-upload-pack", html, "", 404},
		"the host itself":        {"GET", "/", html, "", 404},
		"the batch API":          {"GET", "/team-a/models.git/info/lfs/objects/batch", html, "", 405},
	} {
		t.Run(name, func(t *testing.T) {
			req, err := http.NewRequest(tc.method, s.URL+tc.path, strings.NewReader(""))
			if err != nil {
				t.Fatal(err)
			}
			req.Header["Accept"] = nil
			if tc.accept != "" {
				req.Header.Set("Accept", tc.accept)
			}
			if tc.contentType != "" {
				req.Header.Set("Content-Type", tc.contentType)
			}
			resp, body := s.Do(req)
			isHTML := strings.HasPrefix(resp.Header.Get("Content-Type"), "text/html")
			if resp.StatusCode != tc.want || isHTML != (tc.want == 200) || (tc.method == "HEAD" && len(body) > 0) {
				t.Errorf("%s, %s: %.200s", resp.Status, resp.Header.Get("Content-Type"), body)
			}
		})
	}
}

// TestPageInTrouble: the page comes whatever is wrong, and says so; the reason is
// for those who may download.
func TestPageInTrouble(t *testing.T) {
	t.Parallel()
	s := lfstest.Start(t, assets.SharedStore(t), lfstest.WithoutCredentials())
	s.WaitReason("CredentialsMissing")
	for token, wants := range map[string][]string{
		"":                {"Not ready", "Nothing can be pushed or pulled right now.", "git lfs install"},
		lfstest.ReadToken: {"Not ready", "s3-credentials", "They cannot be read right now.", "There was no run yet", "counting"},
	} {
		resp, body := browse(t, s, "/team-a/models", token)
		for _, want := range wants {
			if resp.StatusCode != 200 || !strings.Contains(body, want) {
				t.Errorf("token %q: %s lacks %q", token, resp.Status, want)
			}
		}
		if token == "" && strings.Contains(body, "s3-credentials") {
			t.Error("everybody sees what is wrong in the cluster")
		}
	}
	// Under a host that is not listed the page names the one that is.
	req, err := http.NewRequest(http.MethodGet, s.URL+"/team-a/models", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = "localhost:1234"
	req.Header.Set("Accept", "text/html")
	resp, body := s.Do(req)
	if resp.StatusCode != 200 || !strings.Contains(string(body), s.Root()) || strings.Contains(string(body), "localhost:1234") {
		t.Errorf("another host: %s", resp.Status)
	}
}

// TestPageReadOnly: whoever may download learns why pushes are refused.
func TestPageReadOnly(t *testing.T) {
	t.Parallel()
	s := lfstest.Start(t, assets.SharedStore(t), lfstest.WithConfig(func(c *serverconfig.Config) { c.Policy.ReadOnly = true }))
	for token, want := range map[string]bool{"": false, lfstest.ReadToken: true} {
		if _, body := browse(t, s, "/team-a/models", token); strings.Contains(body, "read-only at the moment") != want {
			t.Errorf("token %q: shown %v, want %v", token, !want, want)
		}
	}
}

// TestPageEscapes: what others wrote is text.
func TestPageEscapes(t *testing.T) {
	t.Parallel()
	s := lfstest.Start(t, assets.SharedStore(t))
	const path = `<img src=x onerror="alert(1)">/"'&.bin`
	if resp, body := s.Post(s.Root()+"/locks", lfstest.Basic(lfstest.WriteToken), map[string]string{"path": path}); resp.StatusCode != 201 {
		t.Fatalf("%s: %s", resp.Status, body)
	}
	_, body := browse(t, s, "/team-a/models", lfstest.ReadToken)
	if !strings.Contains(body, "&lt;img src=x onerror=") || strings.Contains(body, "<img") {
		t.Error("a path is not escaped")
	}
}
