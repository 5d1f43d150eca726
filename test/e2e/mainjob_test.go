//go:build e2e

package e2e

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/lfs-operator/lfs-operator/test/harness"
)

const (
	versions = 8
	kept     = 5 // built in
	// shortestGC lets a test see both phases without a week between them.
	shortestGC = "gracePeriod: 1s, quarantine: 1s"
)

// TestMainJob is the whole story: apply, push, clone, prune, fetch.
func TestMainJob(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	r := readyRepository(t, harness.Repository{Name: "models", Spec: "  gc: {mode: Delete, " + shortestGC + "}\n"})
	if st := status(t, r); st.URL != r.LFSURL() {
		t.Errorf("status.url is %s, want the exposed endpoint %s", st.URL, r.LFSURL())
	}

	w := workTree(t, r)
	for file, size := range map[string]int64{"base.bin": 14e6, "tokenizer.bin": 6e6, "vision/encoder.bin": 8e6} {
		random(t, w, file, size)
	}
	noError(t, w.WriteFile("README.md", "# Models\n"))
	var commits, oids []string
	for v := range versions {
		oids = append(oids, random(t, w, "adapter.bin", 1e6))
		if v == versions-1 {
			break // the last is committed by Push
		}
		commit, err := w.Commit(ctx, fmt.Sprintf("Adapter, version %d", v+1))
		noError(t, err)
		commits = append(commits, commit)
	}
	start := time.Now()
	noError(t, r.Push(ctx, w))
	head, err := w.Git(ctx, "rev-parse", "HEAD")
	noError(t, err)
	commits = append(commits, strings.TrimSpace(head))
	env.Say("  main job: 36 MB pushed in %.1f s", time.Since(start).Seconds())
	cloneIsSame(t, r, w)

	run, err := env.RunGC(ctx, r.Namespace, r.Name, r.Name+"-by-hand")
	noError(t, err)
	wantRun(t, run, harness.GCRun{Mode: "Delete", Kept: kept + 3, Condemned: versions - kept})
	for _, oid := range oids {
		if !stored(t, r, oid) {
			t.Fatalf("%s is gone after the first run, want it in quarantine", oid)
		}
	}
	waitUsage(t, r, versions+3, 36e6)
	run, err = env.RunGCByAnnotation(ctx, r.Namespace, r.Name, "second")
	noError(t, err)
	wantRun(t, run, harness.GCRun{Mode: "Delete", Kept: kept + 3, Deleted: versions - kept})
	if quantity(t, run.DeletedSize) != 3e6 {
		t.Errorf("the run deleted %s, want 3M", run.DeletedSize)
	}
	if st := status(t, r); st.GC.LastHandledRequest != "second" {
		t.Errorf("status.gc.lastHandledRequest is %q, want %q", st.GC.LastHandledRequest, "second")
	}
	waitUsage(t, r, kept+3, 33e6)
	env.Say("  main job: %d versions deleted", run.Deleted)

	fetchVersions(t, r, commits, oids)
	wantColumns(t, r)
	// The shortest limits are warned of, and nothing else.
	got := warnings(t, r)
	if len(got) != 1 || got[0].Reason != "QuarantineTooShort" {
		t.Errorf("Warning events %+v in a life without trouble", got)
	}
	noRestarts(t, r)
}

// fetchVersions fetches each version as somebody who goes back to an old commit.
func fetchVersions(t *testing.T, r *harness.Repository, commits, oids []string) {
	t.Helper()
	line, err := r.Credentials(t.Context())
	noError(t, err)
	c, err := harness.Clone(t.Context(), r.GitURL(), filepath.Join(t.TempDir(), "fetch"), line)
	noError(t, err)
	for i, commit := range commits {
		_, err := c.Git(t.Context(), "lfs", "fetch", "origin", commit)
		switch keep := i >= versions-kept; {
		case keep && err != nil:
			t.Errorf("version %d of %d should still be there: %v", i+1, versions, err)
		case !keep && err == nil:
			t.Errorf("version %d of %d should be gone", i+1, versions)
		case !keep && (!strings.Contains(err.Error(), oids[i]) || !strings.Contains(err.Error(), "keepVersions")):
			t.Errorf("version %d is gone, but git-lfs does not say by which policy: %v", i+1, err)
		}
	}
	answer := client(t, r).batch("download", object{OID: oids[0], Size: 1e6})
	if o := answer.only(); o.Error == nil || o.Error.Code != 410 {
		t.Errorf("a download batch of a pruned object answers %+v, want 410", o)
	}
}

func wantRun(t *testing.T, got *harness.GCRun, want harness.GCRun) {
	t.Helper()
	if got.Outcome != "Succeeded" {
		t.Fatalf("garbage collection %s: %s", got.Outcome, got.Message)
	}
	if got.Mode != want.Mode || got.Kept != want.Kept || got.Condemned != want.Condemned || got.Deleted != want.Deleted || got.Orphans != want.Orphans {
		t.Fatalf("garbage collection %+v,\nwant %+v", *got, want)
	}
}

// waitUsage waits as long as counting and writing may take: neither is done for
// every object.
func waitUsage(t *testing.T, r *harness.Repository, objects, size int64) {
	t.Helper()
	what := fmt.Sprintf("status.usage of %d objects, %d bytes", objects, size)
	noError(t, env.WatchRepository(t.Context(), r.Namespace, r.Name, 2*time.Minute, what, func(_ int64, st *harness.Status) (bool, string) {
		if st.Usage == nil {
			return false, "no usage"
		}
		return st.Usage.Objects == objects && quantity(t, st.Usage.Size) == size, fmt.Sprintf("%+v", *st.Usage)
	}))
}

// quantity reads a size in any of its forms.
func quantity(t *testing.T, s string) int64 {
	t.Helper()
	q, err := resource.ParseQuantity(s)
	noError(t, err)
	return q.Value()
}

// wantColumns looks at the table that people see.
func wantColumns(t *testing.T, r *harness.Repository) {
	t.Helper()
	size := status(t, r).Usage.Size
	for name, tc := range map[string]struct {
		args []string
		want []string
	}{
		"short": {nil, []string{"NAME=models", "READY=True", "URL=" + r.LFSURL(), "OBJECTS=8", "SIZE=" + size}},
		"wide":  {[]string{"-o", "wide"}, []string{"SIZE=" + size, "THRESHOLD=5M", "KEEP=5", "GC=Delete", "REASON=Ready"}},
	} {
		out := kubectl(t, append([]string{"-n", r.Namespace, "get", "lfsr", r.Name}, tc.args...)...)
		lines := strings.Split(out, "\n")
		head, row := strings.Fields(lines[0]), strings.Fields(lines[len(lines)-1])
		if len(head) != len(row) || !slices.Contains(head, "AGE") {
			t.Errorf("%s: a column is empty or missing:\n%s", name, out)
			continue
		}
		var cells []string
		for i := range head {
			cells = append(cells, head[i]+"="+row[i])
		}
		for _, cell := range tc.want {
			if !slices.Contains(cells, cell) {
				t.Errorf("%s: want %s in\n%s", name, cell, out)
			}
		}
	}
}

// TestDryRunDeletesNothing: whoever says nothing about mode loses nothing.
func TestDryRunDeletesNothing(t *testing.T) {
	t.Parallel()
	r := readyRepository(t, harness.Repository{Name: "dry", Spec: "  keepVersions: 1\n  gc: {" + shortestGC + ", deleteLimit: 100%}\n"})
	w := workTree(t, r)
	var oids []string
	for range 3 {
		oids = append(oids, pushOne(t, r, w))
	}
	for i := range 2 {
		run, err := env.RunGC(t.Context(), r.Namespace, r.Name, fmt.Sprintf("dry-run-%d", i))
		noError(t, err)
		if run.Outcome != "Succeeded" || run.Mode != "DryRun" || run.Deleted != 0 {
			t.Fatalf("run %d: %+v, want a dry run that succeeds and deletes nothing", i+1, *run)
		}
		if run.Kept != 1 || run.Condemned != 2 {
			t.Errorf("run %d: %+v, want it to report 1 kept object and 2 that would go", i+1, *run)
		}
	}
	for _, oid := range oids {
		if !stored(t, r, oid) {
			t.Errorf("%s is gone", oid)
		}
		if o := client(t, r).batch("download", object{OID: oid, Size: 64 << 10}).only(); o.Error != nil {
			t.Errorf("%s is not served any more: %+v", oid, o.Error)
		}
	}
}

// TestUnreadableHistoryDeletesNothing: what one of several histories might name
// is not garbage while it cannot be read.
func TestUnreadableHistoryDeletesNothing(t *testing.T) {
	t.Parallel()
	r := readyRepository(t, harness.Repository{Name: "partial", Spec: "  keepVersions: 1\n  gc: {mode: Delete, " + shortestGC + ", deleteLimit: 100%}\n"})
	w := workTree(t, r)
	old := pushOne(t, r, w)
	pushOne(t, r, w)
	patch(t, r, fmt.Sprintf(`{"history":[{"name":"main","url":%q},{"name":"fork","url":"%s/no-such-fork.git"}]}`, r.GitURL(), env.GitURL))
	for _, kind := range []string{"HistoryReadable", "GarbageCollected"} {
		if kind == "GarbageCollected" {
			kubectl(t, "-n", r.Namespace, "create", "job", "--from=cronjob/partial-lfs-gc", "partial-run")
		}
		st, err := env.WaitCondition(t.Context(), r.Namespace, r.Name, kind, "False", "", readyLimit)
		noError(t, err)
		if message := st.Condition(kind).Message; !strings.Contains(message, "fork") || strings.Contains(message, "level=") {
			t.Errorf("%s says %q, want why it ended, which names the history that cannot be read, and no line of a log", kind, message)
		}
	}
	if st := status(t, r); st.GC != nil && st.GC.LastRun != nil && (st.GC.LastRun.Condemned != 0 || st.GC.LastRun.Deleted != 0) {
		t.Errorf("the run says %+v, want nothing condemned or deleted", *st.GC.LastRun)
	}
	if !stored(t, r, old) {
		t.Error("the superseded version is gone")
	}
	waitReady(t, r, readyLimit) // clients can push all the same
}
