package lfsserver_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver/lfstest"
	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
	"github.com/lfs-operator/lfs-operator/test/assets"
)

// hubPath of the repository, as Hugging Face's clients build it.
func hubPath(s *lfstest.Server, rest string) string {
	return s.URL + "/api/models/" + s.Config.Repository.Namespace + "/" + s.Config.Repository.Name + "/" + rest
}

// ask sends a request with a body and returns status and answer.
func call(t *testing.T, s *lfstest.Server, method, url, authorization, body string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if authorization != "" {
		req.Header.Set("Authorization", authorization)
	}
	resp, raw := s.Do(req)
	return resp, string(raw)
}

// TestPreupload: threshold and suffix rules decide, a pointer stays a pointer,
// and the commit's own .gitignore says what is left out.
func TestPreupload(t *testing.T) {
	t.Parallel()
	s := lfstest.Start(t, assets.SharedStore(t))
	sample := func(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }
	pointer := "version https://git-lfs.github.com/spec/v1\noid sha256:" + lfstest.OID("x") + "\nsize 12345\n"
	request := map[string]any{
		"gitIgnore": "# build output\n\n*.tmp\n!keep.tmp\n/out/\n",
		"files": []map[string]any{
			{"path": "config.json", "size": 4_999_999, "sample": sample("{}")},
			{"path": "large.txt", "size": 5_000_000, "sample": sample("text")},
			{"path": "a/b/model.safetensors", "size": 1, "sample": sample("x"), "sha256": lfstest.OID("x"), "oid": lfstest.OID("x")},
			{"path": "PHOTO.CUSTOM", "size": 0, "sample": ""},
			{"path": "pointer.bin", "size": len(pointer), "sample": sample(pointer)},
			{"path": "big.bin", "size": 1 << 40, "sample": sample(pointer)},
			{"path": "no sample.bin", "size": 10},
			{"path": "broken sample.bin", "size": 10, "sample": "%%%"},
			{"path": "x/y.tmp", "size": 10, "sample": ""},
			{"path": "keep.tmp", "size": 10, "sample": ""},
			{"path": "out/model.bin", "size": 10, "sample": ""},
			{"path": "x/out/model.bin", "size": 10, "sample": ""},
		},
	}
	want := []string{
		"config.json regular false", "large.txt lfs false", "a/b/model.safetensors lfs false", "PHOTO.CUSTOM lfs false",
		"pointer.bin regular false", "big.bin lfs false", "no sample.bin lfs false", "broken sample.bin lfs false",
		"x/y.tmp regular true", "keep.tmp regular false", "out/model.bin lfs true", "x/out/model.bin lfs false",
	}
	for _, rev := range []string{"main", "refs%2Fpr%2F1", "feature/x?create_pr=1"} {
		resp, body := s.Post(hubPath(s, "preupload/"+rev), "Bearer "+lfstest.WriteToken, request)
		var answer struct {
			Files []struct {
				Path, UploadMode string
				ShouldIgnore     bool
			}
		}
		if err := json.Unmarshal(body, &answer); err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("%s: %s: %s", rev, resp.Status, body)
		}
		var got []string
		for _, f := range answer.Files {
			got = append(got, fmt.Sprint(f.Path, " ", f.UploadMode, " ", f.ShouldIgnore))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", rev, diff)
		}
	}
	// The policy in force decides, not the one that the server started with.
	s.Reconfigure(func(c *serverconfig.Config) { c.Policy.SuffixRules, c.Policy.ThresholdBytes = []string{".json"}, 1<<50 })
	_, body := s.Post(hubPath(s, "preupload/main"), "Bearer "+lfstest.WriteToken, request)
	if got := string(body); !strings.Contains(got, `"config.json","uploadMode":"lfs"`) || strings.Count(got, `"lfs"`) != 1 {
		t.Errorf("after a change of the policy: %s", got)
	}
}

// TestPolicyRoutesBadInput: each request is answered with what was wrong, and no
// answer is a 5xx.
func TestPolicyRoutesBadInput(t *testing.T) {
	t.Parallel()
	s := lfstest.Start(t, assets.SharedStore(t))
	write, read := "Bearer "+lfstest.WriteToken, "Bearer "+lfstest.ReadToken
	file := func(path string) string { return fmt.Sprintf(`{"files":[{"path":%q,"size":1,"sample":""}]}`, path) }
	many := `{"files":[` + strings.Repeat(`{"path":"a","size":1},`, 1000) + `{"path":"a","size":1}]}`
	for name, tc := range map[string]struct {
		method, path, authorization, body string
		want                              int
		says                              string
	}{
		"nobody asks":                 {"POST", "preupload/main", "", file("a"), 401, "credentials needed"},
		"a token that only reads":     {"POST", "preupload/main", read, file("a"), 403, "scope Write"},
		"expired":                     {"POST", "preupload/main", "Bearer " + lfstest.ExpiredToken, file("a"), 401, "credentials needed"},
		"no revision":                 {"POST", "preupload/", write, file("a"), 404, "not found"},
		"no revision, no slash":       {"POST", "preupload", write, file("a"), 404, "not found"},
		"GET":                         {"GET", "preupload/main", write, "", 405, "method"},
		"empty body":                  {"POST", "preupload/main", write, "", 400, "not a JSON object"},
		"a list":                      {"POST", "preupload/main", write, "[]", 400, "not a JSON object"},
		"cut off":                     {"POST", "preupload/main", write, `{"files":[`, 400, "invalid JSON"},
		"files is a number":           {"POST", "preupload/main", write, `{"files":1}`, 400, "files"},
		"path is a number":            {"POST", "preupload/main", write, `{"files":[{"path":1,"size":1}]}`, 400, "path"},
		"no size":                     {"POST", "preupload/main", write, `{"files":[{"path":"a"}]}`, 400, "files[0].size"},
		"negative size":               {"POST", "preupload/main", write, `{"files":[{"path":"a","size":-1}]}`, 400, "files[0].size"},
		"half a byte":                 {"POST", "preupload/main", write, `{"files":[{"path":"a","size":1.5}]}`, 400, "files[0].size"},
		"size beyond numbers":         {"POST", "preupload/main", write, `{"files":[{"path":"a","size":99999999999999999999}]}`, 400, "files[0].size"},
		"no path":                     {"POST", "preupload/main", write, `{"files":[{"size":1}]}`, 400, "files[0].path"},
		"absolute":                    {"POST", "preupload/main", write, file("/etc/passwd"), 400, "files[0].path"},
		"upwards":                     {"POST", "preupload/main", write, file("a/../../b"), 400, "files[0].path"},
		"a folder":                    {"POST", "preupload/main", write, file("a/"), 400, "files[0].path"},
		"NUL":                         {"POST", "preupload/main", write, `{"files":[{"path":"a\u0000b","size":1}]}`, 400, "files[0].path"},
		"too long":                    {"POST", "preupload/main", write, file(strings.Repeat("a", 4097)), 400, "files[0].path"},
		"too deep":                    {"POST", "preupload/main", write, file(strings.Repeat("a/", 50) + "b"), 400, "files[0].path"},
		"too many files":              {"POST", "preupload/main", write, many, 413, "1000 files"},
		"too many lines":              {"POST", "preupload/main", write, `{"gitIgnore":"` + strings.Repeat(`a\n`, 1001) + `"}`, 413, "1000 lines"},
		"too large":                   {"POST", "preupload/main", write, `{"files":"` + strings.Repeat("a", 3<<20) + `"}`, 413, "too large"},
		"settings by nobody":          {"GET", "settings/lfs", "", "", 401, "credentials needed"},
		"settings, another way":       {"POST", "settings/lfs", write, "", 405, "method"},
		"GET of what takes only PUT":  {"GET", "settings", write, "", 405, "method"},
		"below settings":              {"GET", "settings/lfs/x", write, "", 404, "not found"},
		"PUT by nobody":               {"PUT", "settings", "", `{"lfs_keep_versions":1}`, 401, "credentials needed"},
		"PUT of nothing":              {"PUT", "settings", write, "{}", 400, "at least one"},
		"PUT of what we do not know":  {"PUT", "settings", write, `{"private":true}`, 400, "at least one"},
		"PUT of no JSON":              {"PUT", "settings", write, "x", 400, "not a JSON object"},
		"PUT of threshold 0":          {"PUT", "settings", write, `{"lfs_threshold_bytes":0}`, 400, "lfs_threshold_bytes"},
		"PUT of a threshold in words": {"PUT", "settings", write, `{"lfs_threshold_bytes":"10M"}`, 400, "lfs_threshold_bytes"},
		"PUT of keep 0":               {"PUT", "settings", write, `{"lfs_keep_versions":0}`, 400, "lfs_keep_versions"},
		"PUT of keep too many":        {"PUT", "settings", write, `{"lfs_keep_versions":1001}`, 400, "lfs_keep_versions"},
		"PUT of a wildcard":           {"PUT", "settings", write, `{"lfs_suffix_rules":["*.bin"]}`, 400, "lfs_suffix_rules"},
		"PUT of a shell command":      {"PUT", "settings", write, `{"lfs_suffix_rules":[".a'; rm -rf /; '"]}`, 400, "lfs_suffix_rules"},
		"PUT too large":               {"PUT", "settings", write, `{"a":"` + strings.Repeat("a", 64<<10) + `"}`, 413, "too large"},
	} {
		t.Run(name, func(t *testing.T) {
			resp, body := call(t, s, tc.method, hubPath(s, tc.path), tc.authorization, tc.body)
			var e struct{ Message string }
			if err := json.Unmarshal([]byte(body), &e); err != nil || resp.StatusCode != tc.want || !strings.Contains(e.Message, tc.says) {
				t.Errorf("%d, want %d and %q: %s", resp.StatusCode, tc.want, tc.says, body)
			}
		})
	}
	for _, path := range []string{
		"/api/team-a/models/preupload/main", "/models/team-a/models/preupload/main", "/team-a/models/preupload/main",
		"/api/models/team-a/models.git/info/lfs/preupload/main", "/api/models/team-a/other/preupload/main", "/api/things/team-a/models/preupload/main",
	} {
		if resp, body := call(t, s, "POST", s.URL+path, write, file("a")); resp.StatusCode != 404 {
			t.Errorf("%s: %d: %s", path, resp.StatusCode, body)
		}
	}
}

// TestSettings: KohakuHub's form, with null where the repository says nothing.
func TestSettings(t *testing.T) {
	t.Parallel()
	s := lfstest.Start(t, assets.SharedStore(t))
	for _, kind := range []string{"models", "datasets", "spaces"} {
		resp, body := call(t, s, "GET", s.URL+"/api/"+kind+"/team-a/models/settings/lfs", lfstest.Basic(lfstest.ReadToken), "")
		var got, want any
		if err := json.Unmarshal([]byte(body), &got); err != nil || resp.Header.Get("Content-Type") != "application/json" {
			t.Fatalf("%s: %s", resp.Status, body)
		}
		_ = json.Unmarshal([]byte(`{
			"lfs_threshold_bytes": null, "lfs_keep_versions": 10, "lfs_suffix_rules": [".bin", ".custom"],
			"lfs_threshold_bytes_effective": 5000000, "lfs_threshold_bytes_source": "server_default",
			"lfs_keep_versions_effective": 10, "lfs_keep_versions_source": "repository",
			"lfs_suffix_rules_effective": [".safetensors", ".bin", ".zip", ".custom"], "lfs_suffix_rules_source": "merged",
			"server_defaults": {"lfs_threshold_bytes": 5000000, "lfs_keep_versions": 5, "lfs_suffix_rules_default": [".safetensors", ".bin", ".zip"]}
		}`), &want)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", kind, diff)
		}
	}
	for body, command := range map[string]string{
		`{"lfs_threshold_bytes":10000000,"lfs_suffix_rules":[".a",".tar.gz"]}`: `-p '{"spec":{"suffixRules":[".a",".tar.gz"],"threshold":10000000}}'`,
		`{"lfs_keep_versions":null}`: `-p '{"spec":{"keepVersions":null}}'`,
	} {
		for _, path := range []string{"settings", "settings/lfs"} {
			resp, answer := call(t, s, "PUT", hubPath(s, path), lfstest.Basic(lfstest.WriteToken), body)
			var e struct{ Message string }
			_ = json.Unmarshal([]byte(answer), &e)
			if want := "kubectl -n team-a patch lfsrepository models --type=merge " + command; resp.StatusCode != 405 ||
				resp.Header.Get("Allow") != "GET" || !strings.HasSuffix(e.Message, want) {
				t.Errorf("PUT %s %s: %d: %s", path, body, resp.StatusCode, e.Message)
			}
		}
	}
	s.Reconfigure(func(c *serverconfig.Config) { c.Access.AnonymousRead = true })
	if resp, body := call(t, s, "GET", hubPath(s, "settings/lfs"), "", ""); resp.StatusCode != 200 {
		t.Errorf("anonymous reading: %d: %s", resp.StatusCode, body)
	}
}

// TestGitFiles: what the server hands out, git and git-lfs take.
func TestGitFiles(t *testing.T) {
	t.Parallel()
	s := lfstest.Start(t, assets.SharedStore(t))
	b := newGitBox(t)
	work, _ := b.repository(s, lfstest.WriteToken)
	for _, name := range []string{".gitattributes", ".lfsconfig"} {
		if resp, body := call(t, s, "GET", s.Root()+"/"+name, "", ""); resp.StatusCode != 401 {
			t.Errorf("%s for nobody: %d: %s", name, resp.StatusCode, body)
		}
		resp, body := call(t, s, "GET", s.Root()+"/"+name, lfstest.Basic(lfstest.ReadToken), "")
		if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "text/plain; charset=utf-8" || resp.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %d %v: %s", name, resp.StatusCode, resp.Header, body)
		}
		if resp, body := call(t, s, "HEAD", s.Root()+"/"+name, lfstest.Basic(lfstest.ReadToken), ""); resp.StatusCode != 200 || body != "" || resp.ContentLength < 10 {
			t.Errorf("HEAD %s: %d, %d bytes", name, resp.StatusCode, resp.ContentLength)
		}
		if err := os.WriteFile(filepath.Join(work, name), []byte(body), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	b.git(work, "config", "--unset-all", "lfs.url") // .lfsconfig says it now
	b.git(work, "config", "--global", "credential.helper", "store")
	secret := strings.Replace(s.URL, "://", "://any:"+lfstest.WriteToken+"@", 1) + "\n"
	if err := os.WriteFile(filepath.Join(b.home, ".git-credentials"), []byte(secret), 0o600); err != nil {
		t.Fatal(err)
	}
	files := map[string]string{"model.bin": content(100), "sub/data.custom": content(10), "readme.txt": "text\n"}
	for name, c := range files {
		path := filepath.Join(work, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(c), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	b.git(work, "add", ".")
	b.git(work, "commit", "-m", "files")
	b.git(work, "push", "origin", "main")
	for _, name := range []string{"model.bin", "sub/data.custom"} {
		if s.Download(lfstest.ObjectOf(files[name])) != files[name] {
			t.Errorf("%s is not in the store", name)
		}
	}
	if a := s.Batch("download", lfstest.ObjectOf(files["readme.txt"]))[0]; a.Error == nil {
		t.Error("a text went to LFS")
	}
}
