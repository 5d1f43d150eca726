package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/gc/explain"
	"github.com/lfs-operator/lfs-operator/internal/gc/gctest"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/lfstest"
	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
	"github.com/lfs-operator/lfs-operator/internal/serverstatus"
	"github.com/lfs-operator/lfs-operator/test/assets"
)

// gcWorld is a server on a real store and a Git server with a password, with
// limits as short as the clock of S3 allows.
type gcWorld struct {
	*lfstest.Server
	t      *testing.T
	git    *gctest.Git
	remote *assets.Git
	runs   int
}

func newGCWorld(t *testing.T) *gcWorld {
	t.Helper()
	return newGCWorldOn(t, assets.SharedStore(t), "")
}

// newGCWorldOn takes a store and a bucket of it, "" for a new one.
func newGCWorldOn(t *testing.T, store *assets.Store, bucket string) *gcWorld {
	t.Helper()
	remote := assets.GitServerWithPassword(t, "reader", "s3cret-word", "models")
	w := &gcWorld{t: t, git: gctest.NewGit(t), remote: remote}
	w.Server = lfstest.Start(t, store, lfstest.WithConfig(func(c *serverconfig.Config) {
		c.Storage.Bucket = bucket
		c.Policy.KeepVersions = 2
		c.History = []serverconfig.History{{Name: "main", URL: remote.URL("models"), SecretName: "git-read"}}
		c.HistoryRevision = "7"
		c.GC = serverconfig.GC{Mode: serverconfig.GCDelete, GracePeriod: "1s", Quarantine: "1s", DeleteLimitPercent: 100}
	}))
	w.WriteFile("history/main/username", "reader\n")
	w.WriteFile("history/main/password", "s3cret-word\n")
	w.WriteFile("scan-token", lfstest.ScanToken+"\n")
	u, err := url.Parse(remote.URL("models"))
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword("reader", "s3cret-word")
	w.git.Run("remote", "add", "origin", u.String())
	return w
}

func (w *gcWorld) flags(more ...string) []string {
	return append([]string{"--config", filepath.Join(w.Dir, "config.yaml"), "--work-dir", w.t.TempDir()}, more...)
}

func (w *gcWorld) scanFlags(more ...string) []string {
	return w.flags(append([]string{"--history-dir", filepath.Join(w.Dir, "history"),
		"--scan-token-file", filepath.Join(w.Dir, "scan-token"), "--server", w.Admin, "--patience", "1m"}, more...)...)
}

// run is what the CronJob's pod does.
func (w *gcWorld) run() (name string, err error) {
	w.t.Helper()
	return w.runWith("--answer-within", "500ms")
}

func (w *gcWorld) runWith(sweepFlags ...string) (name string, err error) {
	// The limits of a second, by the store's clock: it counts whole seconds, so
	// that rounding takes up to one from each end, and limits must be exceeded.
	time.Sleep(3500 * time.Millisecond)
	w.runs++
	name = fmt.Sprintf("gc-%d", w.runs)
	if err := scanHistory(context.Background(), w.scanFlags("--run", name), io.Discard); err != nil {
		return name, err
	}
	return name, sweepStore(context.Background(), w.flags(append([]string{"--run", name,
		"--credentials-dir", filepath.Join(w.Dir, "credentials")}, sweepFlags...)...), io.Discard)
}

func (w *gcWorld) mustRun() {
	w.t.Helper()
	if name, err := w.run(); err != nil {
		w.t.Fatalf("%s: %v", name, err)
	}
}

// push commits a new version of a file and uploads its content.
func (w *gcWorld) push(path, content string) lfstest.Object {
	w.t.Helper()
	w.git.Pointer(path, content).Commit(content)
	o := w.Upload(content)
	w.git.Run("push", "-q", "origin", "HEAD:main")
	return o
}

func TestGarbageCollection(t *testing.T) {
	t.Parallel()
	w := newGCWorld(t)
	var objects []lfstest.Object
	for i := range 5 {
		objects = append(objects, w.push("model.bin", fmt.Sprintf("content of version %d", i)))
	}
	tagged := w.push("other.bin", "kept by its tag")
	w.git.Run("tag", "v1")
	w.git.Run("push", "-q", "origin", "v1")
	w.git.Run("rm", "-q", "other.bin")
	w.git.Commit("other.bin is gone")
	w.git.Run("push", "-q", "origin", "HEAD:main")

	w.mustRun() // condemns
	for i, o := range objects {
		if got := w.Download(o); got != fmt.Sprintf("content of version %d", i) {
			t.Errorf("version %d in quarantine: %q", i, got)
		}
	}
	rescued := objects[0]
	if a := w.Batch("upload", rescued)[0]; a.Actions != nil || a.Error != nil {
		t.Errorf("a condemned object that is there: %+v", a)
	}
	w.mustRun() // deletes

	for _, o := range append(objects[3:], tagged, rescued) {
		w.Download(o)
	}
	for _, o := range objects[1:3] {
		a := w.Batch("download", o)[0]
		if a.Error == nil || a.Error.Code != 410 || !strings.Contains(a.Error.Message, "keepVersions 2") {
			t.Errorf("a pruned object: %+v %+v", a, a.Error)
		}
	}
	w.Eventually("the status shows the report", func() (bool, string) {
		gc := w.Status().GC
		return gc != nil && gc.ID == "gc-2" && gc.Deleted == 2 && gc.Outcome == serverstatus.GCSucceeded, fmt.Sprintf("%+v", gc)
	})
	resp, err := http.Get(w.Admin + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	for _, want := range []string{"lfs_server_gc_last_success 1", "lfs_server_gc_last_deleted_objects 2", "lfs_server_gc_last_run_timestamp_seconds "} {
		if err != nil || !strings.Contains(string(text), "\n"+want) {
			t.Errorf("the metrics lack %q: %v", want, err)
		}
	}
	if h := w.Status().History; h == nil || h.Revision != "7" || !h.Entries[0].OK {
		t.Errorf("history check %+v", h)
	}
	// What was pruned can be pushed again.
	w.Upload("content of version 1")
	w.Download(objects[1])
}

func TestUnreadableHistory(t *testing.T) {
	t.Parallel()
	w := newGCWorld(t)
	w.push("model.bin", "x")
	w.WriteFile("history/main/password", "wrong-password\n")
	_, err := w.run()
	if err == nil || strings.Contains(err.Error(), "wrong-password") || !strings.Contains(err.Error(), "main") {
		t.Errorf("scan: %v", err)
	}
	// The sweep by itself refuses: nobody told it what is alive.
	err = sweepStore(t.Context(), w.flags("--run", "gc-1", "--credentials-dir", filepath.Join(w.Dir, "credentials")), io.Discard)
	var coded interface{ ExitCode() int }
	if !errors.As(err, &coded) || coded.ExitCode() != 3 || !strings.Contains(err.Error(), "HistoryUnreadable") {
		t.Errorf("sweep: %v", err)
	}
	w.Eventually("the status says why", func() (bool, string) {
		h := w.Status().History
		ok := h != nil && !h.Entries[0].OK && h.Entries[0].Reason == serverstatus.ReasonHistoryRefused &&
			strings.Contains(h.Entries[0].Message, "git-read")
		return ok, fmt.Sprintf("%+v", h)
	})
}

// --check succeeds when it could report, and says for each entry what is wrong.
func TestCheck(t *testing.T) {
	t.Parallel()
	w := newGCWorld(t)
	remote := w.Config.History[0]
	w.Reconfigure(func(c *serverconfig.Config) {
		c.HistoryRevision = "8"
		c.History = []serverconfig.History{
			remote,
			{Name: "no-secret", URL: remote.URL},
			{Name: "gone", URL: strings.Replace(remote.URL, "models", "gone", 1), SecretName: "s"},
			{Name: "unreachable", URL: "http://127.0.0.1:1/x.git"},
			{Name: "scheme", URL: "gopher://host/x"},
		}
	})
	w.WriteFile("history/gone/username", "reader")
	w.WriteFile("history/gone/password", "s3cret-word")
	if err := scanHistory(t.Context(), w.scanFlags("--check"), io.Discard); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"main": serverstatus.ReasonHistoryEmpty, "no-secret": serverstatus.ReasonHistoryRefused,
		"gone": serverstatus.ReasonHistoryNotFound, "unreachable": serverstatus.ReasonHistoryUnreachable,
		"scheme": serverstatus.ReasonHistoryInvalid,
	}
	w.Eventually("the check is reported", func() (bool, string) {
		h := w.Status().History
		return h != nil && h.Revision == "8", fmt.Sprintf("%+v", h)
	})
	for _, e := range w.Status().History.Entries {
		if e.Reason != want[e.Name] || e.OK != (e.Name == "main") || strings.Contains(e.Message, "s3cret-word") {
			t.Errorf("%+v, want %s", e, want[e.Name])
		}
	}
}

func TestScanToFile(t *testing.T) {
	t.Parallel()
	w := newGCWorld(t)
	w.push("model.bin", "x")
	out := filepath.Join(t.TempDir(), "live")
	if err := scanHistory(t.Context(), w.scanFlags("--out", out), io.Discard); err != nil {
		t.Fatal(err)
	}
	if st, err := os.Stat(out); err != nil || st.Size() == 0 {
		t.Errorf("live set: %v", err)
	}
}

func (w *gcWorld) ask(args ...string) (string, error) {
	w.t.Helper()
	verb, rest := args[0], args[1:]
	flags := []string{verb, "--config", filepath.Join(w.Dir, "config.yaml"), "--credentials-dir", filepath.Join(w.Dir, "credentials")}
	var out bytes.Buffer
	err := askGC(w.t.Context(), append(flags, rest...), &out)
	return out.String(), err
}

// A person asks why an object is kept or not, brings one back from quarantine,
// and reads the report.
func TestAsking(t *testing.T) {
	t.Parallel()
	w := newGCWorld(t)
	if _, err := w.ask("report"); err == nil || !strings.Contains(err.Error(), "has reported yet") {
		t.Errorf("report before any run: %v", err)
	}
	var objects []lfstest.Object
	for i := range 4 {
		objects = append(objects, w.push("model.bin", fmt.Sprint("content of version ", i)))
	}
	if _, err := w.ask("explain", objects[0].OID); !errors.Is(err, explain.ErrNoScan) {
		t.Errorf("explain before any scan: %v", err)
	}
	w.git.File("weights.bin", "in Git itself").Commit("c")
	w.git.Run("push", "-q", "origin", "HEAD:main")
	w.Reconfigure(func(c *serverconfig.Config) { c.Policy.SuffixRules = []string{".bin"} })
	w.mustRun()
	orphan := w.Upload("named by nobody")
	never := strings.Repeat("0", 64)
	text, err := w.ask("explain", objects[0].OID, objects[2].OID, objects[3].OID, orphan.OID, never)
	if err != nil {
		t.Fatal(err)
	}
	for oid, want := range map[string][]string{
		objects[0].OID: {"condemned since", "3 of the 4 versions of model.bin in main are newer", "the newest 2 are kept"},
		objects[2].OID: {"keep (version)", "1 of the 4 versions"},
		objects[3].OID: {"keep (tip)", "refs/heads/main of main names it at model.bin", "0 of the 4 versions"},
		orphan.OID:     {"keep (young)"},
		never:          {"not in the store"},
	} {
		_, part, _ := strings.Cut(text, oid+"\n")
		part = regexp.MustCompile(`(?m)^[0-9a-f(]`).Split(part, 2)[0]
		for _, words := range want {
			if !strings.Contains(part, words) {
				t.Errorf("%s lacks %q:\n%s", oid, words, part)
			}
		}
	}
	text, err = w.ask("undelete", objects[0].OID, objects[3].OID)
	if err != nil || !strings.Contains(text, objects[0].OID+" brought back") || !strings.Contains(text, objects[3].OID+" is not in quarantine") {
		t.Errorf("undelete: %v\n%s", err, text)
	}
	w.mustRun()
	w.Download(objects[0])
	if a := w.Batch("download", objects[1])[0]; a.Error == nil || a.Error.Code != 410 {
		t.Errorf("the one that nobody brought back: %+v", a)
	}
	if text, err = w.ask("explain", objects[1].OID); err != nil || !strings.Contains(text, "was pruned on") {
		t.Errorf("a pruned object: %v\n%s", err, text)
	}
	for format, want := range map[string]string{"text": "run gc-2 (Delete): Succeeded", "markdown": "| deleted | 1 |", "json": `"deleted": 1`} {
		text, err := w.ask("report", "--format", format)
		if err != nil || !strings.Contains(text, want) || !strings.Contains(text, "weights.bin") {
			t.Errorf("report as %s lacks %q or weights.bin: %v\n%s", format, want, err, text)
		}
	}
	for _, bad := range [][]string{{"explain"}, {"explain", "abc"}, {"undelete"}, {"undelete", "--all", never}, {"report", "--format", "pdf"}, {"dance"}} {
		var usage usageError
		if _, err := w.ask(bad...); !errors.As(err, &usage) {
			t.Errorf("%v: %v", bad, err)
		}
	}
}

// Everything comes back with --all.
func TestUndeleteAll(t *testing.T) {
	t.Parallel()
	w := newGCWorld(t)
	var objects []lfstest.Object
	for i := range 4 {
		objects = append(objects, w.push("model.bin", fmt.Sprint("content of version ", i)))
	}
	w.mustRun()
	if text, err := w.ask("undelete", "--all"); err != nil || strings.Count(text, "brought back") != 2 {
		t.Fatalf("%v\n%s", err, text)
	}
	w.mustRun()
	for _, o := range objects {
		w.Download(o)
	}
}
