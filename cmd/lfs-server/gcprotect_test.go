package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver/lfstest"
	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
)

// beginTus begins an upload as git-lfs with lfs.tustransfers does, sends its first
// byte, and leaves.
func (w *gcWorld) beginTus(content string) {
	w.t.Helper()
	o := lfstest.ObjectOf(content)
	resp, body := w.Post(w.Root()+"/objects/batch", lfstest.Basic(lfstest.WriteToken), map[string]any{
		"operation": "upload", "transfers": []string{"lfs-standalone-file", "tus", "basic", "ssh"}, "objects": []lfstest.Object{o}, "hash_algo": "sha256",
	})
	var out struct {
		Transfer string           `json:"transfer"`
		Objects  []lfstest.Answer `json:"objects"`
	}
	if err := json.Unmarshal(body, &out); err != nil || out.Transfer != "tus" {
		w.t.Fatalf("batch: %s: %s", resp.Status, body)
	}
	req, err := http.NewRequest(http.MethodPatch, out.Objects[0].Actions["upload"].Href, strings.NewReader(content[:1]))
	if err != nil {
		w.t.Fatal(err)
	}
	for name, value := range map[string]string{
		"Tus-Resumable": "1.0.0", "Upload-Offset": "0", "Content-Type": "application/offset+octet-stream",
	} {
		req.Header.Set(name, value)
	}
	if resp, body := w.Do(req); resp.StatusCode != http.StatusNoContent {
		w.t.Fatalf("the first byte by tus: %s: %s", resp.Status, body)
	}
}

// lock takes a lock and returns its ID.
func (w *gcWorld) lock(path string) string {
	w.t.Helper()
	resp, body := w.Post(w.Root()+"/locks", lfstest.Basic(lfstest.WriteToken), map[string]string{"path": path})
	var out struct {
		Lock struct {
			ID string `json:"id"`
		} `json:"lock"`
	}
	if err := json.Unmarshal(body, &out); err != nil || out.Lock.ID == "" {
		w.t.Fatalf("lock: %s: %s", resp.Status, body)
	}
	return out.Lock.ID
}

func (w *gcWorld) unlock(id string) {
	w.t.Helper()
	if resp, body := w.Post(w.Root()+"/locks/"+id+"/unlock", lfstest.Basic(lfstest.WriteToken), map[string]any{}); resp.StatusCode != http.StatusOK {
		w.t.Fatalf("unlock: %s: %s", resp.Status, body)
	}
}

// Versions of a locked path stay, and objects that somebody is uploading; both for
// as long as that lasts.
func TestLocksAndUploadsProtect(t *testing.T) {
	t.Parallel()
	w := newGCWorld(t)
	w.Reconfigure(func(c *serverconfig.Config) {
		c.Multipart = serverconfig.Multipart{ThresholdBytes: 20, PartSizeBytes: 5 << 20, Dialect: "Auto"}
	})
	lock := w.lock("a/locked.bin")
	w.unlock(w.lock("a/free.bin"))
	uploading := "under way by tus, version 0"
	w.beginTus(uploading)
	objects := map[string][]lfstest.Object{}
	for i := range 3 {
		for _, path := range []string{"a/locked.bin", "a/free.bin"} {
			objects[path] = append(objects[path], w.push(path, fmt.Sprint(path, i)))
		}
		objects["tus"] = append(objects["tus"], w.push("tus", fmt.Sprintf("under way by tus, version %d", i)))
	}
	w.mustRun()
	for path, want := range map[string]string{
		"a/locked.bin": "keep (locked): 2 of the 3 versions of a/locked.bin in main are newer; the path is locked by ",
		"tus":          "keep (uploading): ",
		"a/free.bin":   "condemned since ",
	} {
		if text, err := w.ask("explain", objects[path][0].OID); err != nil || !strings.Contains(text, want) {
			t.Errorf("%s: explain lacks %q: %v\n%s", path, want, err, text)
		}
	}
	w.mustRun()
	w.Download(objects["a/locked.bin"][0])
	w.Download(objects["tus"][0])
	if a := w.Batch("download", objects["a/free.bin"][0])[0]; a.Error == nil || a.Error.Code != 410 {
		t.Errorf("of a path that is not locked any more: %+v", a)
	}
	if text, err := w.ask("report"); err != nil || !strings.Contains(text, "kept, versions of a locked path: 1 ") ||
		!strings.Contains(text, "kept, being uploaded: 1 ") {
		t.Errorf("report: %v\n%s", err, text)
	}

	// A lock that is taken in quarantine takes it out of it; then it is given up.
	w.unlock(lock)
	w.mustRun()
	lock = w.lock("a/locked.bin")
	w.mustRun()
	if text, err := w.ask("explain", objects["a/locked.bin"][0].OID); err != nil || !strings.Contains(text, "keep (locked)") || strings.Contains(text, "condemned since") {
		t.Errorf("locked in quarantine: %v\n%s", err, text)
	}
	w.unlock(lock)
	w.mustRun()
	w.mustRun()
	if a := w.Batch("download", objects["a/locked.bin"][0])[0]; a.Error == nil || a.Error.Code != 410 {
		t.Errorf("of a path whose lock was released: %+v", a)
	}
	// What was pruned is not missing because its path is locked again.
	w.lock("a/locked.bin")
	w.mustRun()
	if text, err := w.ask("report"); err != nil || strings.Contains(text, "MISSING") {
		t.Errorf("report: %v\n%s", err, text)
	}
}

// Files that lie in Git itself are reported by their size where that is asked for,
// over the wire as in place; a scan that is not asked names none.
func TestLargeFilesReported(t *testing.T) {
	t.Parallel()
	w := newGCWorld(t)
	w.push("model.bin", "x")
	w.git.File("small.txt", strings.Repeat("s", 3000)).File("data/large.txt", strings.Repeat("l", 5000)).Commit("c")
	w.git.Run("push", "-q", "origin", "HEAD:main")
	w.Reconfigure(func(c *serverconfig.Config) { c.Policy.ThresholdBytes = 4000 })
	w.mustRun()
	if text, err := w.ask("report"); err != nil || strings.Contains(text, "large.txt") {
		t.Errorf("nobody asked: %v\n%s", err, text)
	}
	remote := w.Config.History[0]
	for place, entry := range map[string]serverconfig.History{"remote": remote, "in place": {Name: "main", URL: "file://" + w.git.Dir}} {
		w.Reconfigure(func(c *serverconfig.Config) {
			c.GC.ReportLargeFiles = true
			c.History = []serverconfig.History{entry}
		})
		w.mustRun()
		for _, format := range []string{"text", "markdown", "json"} {
			text, err := w.ask("report", "--format", format)
			if err != nil || !strings.Contains(text, "data/large.txt") || strings.Contains(text, "small.txt") {
				t.Errorf("%s, %s: %v\n%s", place, format, err, text)
			}
		}
	}
}
