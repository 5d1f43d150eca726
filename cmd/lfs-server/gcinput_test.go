package main

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/lfs-operator/lfs-operator/internal/gc/gctest"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/lfstest"
	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
	"github.com/lfs-operator/lfs-operator/internal/serverstatus"
)

// lookAt makes a repository or a URL the only history.
func (w *gcWorld) lookAt(where string) {
	w.t.Helper()
	w.Reconfigure(func(c *serverconfig.Config) { c.History[0].URL = where })
}

// corrupted is a clone whose pack is damaged.
func (w *gcWorld) corrupted() string {
	w.t.Helper()
	dir := filepath.Join(w.t.TempDir(), "corrupt")
	w.git.Run("clone", "-q", "--no-local", "file://"+w.git.Dir, dir)
	packs, err := filepath.Glob(filepath.Join(dir, ".git/objects/pack/*.pack"))
	if err != nil || len(packs) != 1 {
		w.t.Fatal(packs, err)
	}
	b, err := os.ReadFile(packs[0])
	if err != nil {
		w.t.Fatal(err)
	}
	for i := 20; i < len(b)-20; i += 3 {
		b[i] ^= 0xff
	}
	if err := errors.Join(os.Chmod(packs[0], 0o600), os.WriteFile(packs[0], b, 0o600)); err != nil {
		w.t.Fatal(err)
	}
	return dir
}

// History that cannot be read in full deletes nothing of what is in quarantine, and
// both halves of the run say what is wrong.
func TestBadHistoryDeletesNothing(t *testing.T) {
	t.Parallel()
	w := newGCWorld(t)
	good := w.Config.History[0].URL
	var objects []lfstest.Object
	for _, content := range []string{"one", "two", "three", "four"} {
		objects = append(objects, w.push("model.bin", content))
	}
	w.mustRun()
	shallow := filepath.Join(t.TempDir(), "shallow")
	w.git.Run("clone", "-q", "--depth", "1", "file://"+w.git.Dir, shallow)
	for _, bad := range []struct {
		name, url, scan, sweep, condition string
	}{
		{"refused", "http://127.0.0.1:1/models.git", "main", "HistoryUnreadable", serverstatus.ReasonHistoryUnreachable},
		{"empty", gctest.NewGit(t).Dir, "", "HistoryEmpty", serverstatus.ReasonHistoryEmpty},
		{"shallow", shallow, "shallow", "HistoryUnreadable", ""},
		{"corrupt pack", w.corrupted(), "main", "HistoryUnreadable", ""},
	} {
		w.lookAt(bad.url)
		name, err := w.run()
		if bad.scan != "" {
			if err == nil || !strings.Contains(err.Error(), bad.scan) || !strings.Contains(err.Error(), "nothing will be deleted") {
				t.Errorf("%s: the scan says %v", bad.name, err)
			}
			err = sweepStore(t.Context(), w.flags("--run", name, "--credentials-dir", filepath.Join(w.Dir, "credentials")), io.Discard)
		}
		var coded interface{ ExitCode() int }
		if !errors.As(err, &coded) || coded.ExitCode() != 3 || !strings.Contains(err.Error(), bad.sweep) {
			t.Errorf("%s: the sweep says %v", bad.name, err)
		}
		w.Eventually(bad.name+": the condition about the history says so", func() (bool, string) {
			h := w.Status().History
			if h == nil || bad.condition == "" && h.Entries[0].OK {
				return false, "no check"
			}
			return bad.condition == "" || h.Entries[0].Reason == bad.condition, h.Entries[0].Reason + ": " + h.Entries[0].Message
		})
		for _, o := range objects {
			w.Download(o)
		}
	}
	w.lookAt(good)
	w.mustRun()
	if a := w.Batch("download", objects[0])[0]; a.Error == nil || a.Error.Code != 410 {
		t.Errorf("with a history that can be read again: %+v", a)
	}
}

// Pointers that are not as git-lfs writes them keep their objects all the same, and the
// report counts them; a rule that matches no path is named.
func TestOddPointersCount(t *testing.T) {
	t.Parallel()
	w := newGCWorld(t)
	w.Reconfigure(func(c *serverconfig.Config) {
		c.GC.OrphanAfter = "1s"
		c.GC.Rules = []serverconfig.GCRule{{Path: "nowhere/**", All: true}}
	})
	odd := map[string]func(string) string{
		"crlf.bin":  func(p string) string { return strings.ReplaceAll(p, "\n", "\r\n") },
		"extra.bin": func(p string) string { return p + "zebra stripes\n" },
		"size.bin":  func(p string) string { return strings.Replace(p, "size 13", "size 99", 1) },
	}
	var kept []lfstest.Object
	for path, change := range odd {
		content := "of " + (path + "......")[:10]
		w.git.File(path, change(gctest.PointerFile(content)))
		kept = append(kept, w.Upload(content))
	}
	w.git.Commit("odd pointers")
	w.git.Run("push", "-q", "origin", "HEAD:main")
	w.mustRun()
	w.mustRun()
	for _, o := range kept {
		w.Download(o)
	}
	text, err := w.ask("report")
	for _, want := range []string{"are not as git-lfs writes them", "have another size than their pointer says", "this rule matches no path: path nowhere/**"} {
		if err != nil || !strings.Contains(text, want) {
			t.Errorf("the report lacks %q: %v\n%s", want, err, text)
		}
	}
}

// A branch that is deleted while the scan fetches it costs nothing: the scan looks
// again at what is there now.
func TestRefVanishesWhileScanning(t *testing.T) {
	t.Parallel()
	w := newGCWorld(t)
	tip := w.push("model.bin", "stays")
	w.git.Run("checkout", "-q", "-b", "gone")
	w.git.Pointer("model.bin", "goes").Commit("goes")
	w.git.Run("push", "-q", "origin", "gone")
	target, err := url.Parse(w.Config.History[0].URL)
	if err != nil {
		t.Fatal(err)
	}
	var once sync.Once
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: target.Scheme, Host: target.Host})
	front := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			once.Do(func() {
				for _, args := range [][]string{{"update-ref", "-d", "refs/heads/gone"}, {"gc", "-q", "--prune=now"}} {
					cmd := exec.Command("git", append([]string{"--git-dir", w.remote.Path("models")}, args...)...)
					if out, err := cmd.CombinedOutput(); err != nil {
						t.Errorf("%v: %s", err, out)
					}
				}
			})
		}
		proxy.ServeHTTP(rw, r)
	}))
	defer front.Close()
	w.lookAt(front.URL + target.Path)
	w.mustRun()
	w.Download(tip)
	text, err := w.ask("report")
	if err != nil || strings.Contains(text, "MISSING") || !strings.Contains(text, "1 commits") {
		t.Errorf("the scan did not look again: %v\n%s", err, text)
	}
}
