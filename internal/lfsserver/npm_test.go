package lfsserver_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver/lfstest"
	"github.com/lfs-operator/lfs-operator/test/assets"
)

// TestHuggingFaceHubNPM: the library itself asks the server which files belong in
// LFS, and uploads those. The commit the test answers.
func TestHuggingFaceHubNPM(t *testing.T) {
	modules := assets.NodeModules(t)
	s := startSplitting(t, "Auto")
	hub := httptest.NewServer(hubOf(t, s))
	defer hub.Close()
	dir := t.TempDir()
	if err := os.Symlink(modules, filepath.Join(dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
	large, small := content(2*partSize+12), content(1000)
	for name, c := range map[string]string{"large.bin": large, "small.bin": small, "readme.md": "no LFS\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(c), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	script := `
import {uploadFiles} from "@huggingface/hub";
import {readFileSync} from "node:fs";
await uploadFiles({
  repo: {type: "model", name: "team-a/models"}, hubUrl: process.argv[2], accessToken: process.argv[3], useXet: false,
  files: ["large.bin", "small.bin", "readme.md"].map(path => ({path, content: new Blob([readFileSync(path)])})),
});
console.log("done");`
	if err := os.WriteFile(filepath.Join(dir, "upload.mjs"), []byte(script), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("node", "upload.mjs", hub.URL, "hf_"+lfstest.WriteToken)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "done") {
		t.Fatalf("%v: %s", err, out)
	}
	if a := s.Batch("download", lfstest.ObjectOf("no LFS\n"))[0]; a.Error == nil {
		t.Error("a text went to LFS")
	}
	for _, c := range []string{large, small} {
		if s.Download(lfstest.ObjectOf(c)) != c {
			t.Errorf("%d bytes: not what was uploaded", len(c))
		}
	}
}

// hubOf is a hub around the server: every commit succeeds. The library insists on
// tokens that begin with hf_.
func hubOf(t *testing.T, s *lfstest.Server) http.Handler {
	target, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Host = target.Host
		r.Out.Header.Set("Authorization", "Bearer "+lfstest.WriteToken)
	}}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.Contains(r.URL.Path, "/commit/"):
			_ = json.NewEncoder(w).Encode(map[string]any{"commitOid": strings.Repeat("a", 40), "commitUrl": "http://hub/commit", "hookOutput": ""})
		default:
			proxy.ServeHTTP(w, r)
		}
	})
}
