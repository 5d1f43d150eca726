//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lfs-operator/lfs-operator/test/harness"
)

// The times of the chaos. A push that takes longer than chaosPush is killed with all
// its children, so R + A + P (docs/concepts/gc.md) is no longer than the 10 s of a
// batch and that; the quarantine is the shortest that is longer.
const (
	chaosPush       = 12 * time.Second
	chaosQuarantine = 10*time.Second + chaosPush + 2*time.Second
	// chaosLease is the shortest in which a run can wait for servers and delete.
	chaosLease = 75 * time.Second

	chaosPushers  = 3
	chaosPaths    = 2
	chaosContents = 24 // few, so that what was pruned comes back
)

// chaos is a repository in which pushes, runs and kills go on side by side.
type chaos struct {
	t *testing.T
	r *harness.Repository
	// line is the credential of all pushers.
	line string

	pushes, refused, runs, killedServers, killedRuns atomic.Int64
}

// TestChaos: pushes and garbage collection with the shortest limits against each
// other, while pods of both are killed. Afterwards every branch and every tag can be
// cloned afresh, whole. CHAOS_FOR says for how long; the full form takes 5 minutes.
func TestChaos(t *testing.T) {
	t.Parallel()
	length := time.Minute
	if d, err := time.ParseDuration(os.Getenv("CHAOS_FOR")); err == nil {
		length = d
	}
	r := readyRepository(t, harness.Repository{Name: "chaos", Spec: fmt.Sprintf(
		"  keepVersions: 1\n  server: {replicas: 2}\n  gc: {mode: Delete, gracePeriod: 1s, quarantine: %s, deleteLimit: 100%%}\n", chaosQuarantine)})
	line, err := r.Credentials(t.Context())
	noError(t, err)
	c := &chaos{t: t, r: r, line: line}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var actors sync.WaitGroup
	for i := range chaosPushers {
		w := workTree(t, r)
		noError(t, w.SetCredentials(line))
		actors.Go(func() { c.pusher(ctx, w, i) })
	}
	actors.Go(func() { c.collect(ctx) })
	actors.Go(func() { c.killer(ctx) })
	c.last(length)
	stop()
	actors.Wait()

	// What was sent by runs that were killed has landed or expired by then. Two more
	// that nobody disturbs: the first takes over, the second deletes.
	time.Sleep(chaosLease + 10*time.Second)
	for _, name := range []string{"chaos-takes-over", "chaos-deletes"} {
		run, err := env.RunGC(t.Context(), r.Namespace, r.Name, name)
		noError(t, err)
		if run.Outcome != "Succeeded" {
			t.Errorf("the run %s: %s: %s", name, run.Outcome, run.Message)
		}
	}
	gone := c.gone()
	env.Say("  chaos: %d pushes, %d that failed, %d runs, %d objects deleted, %d servers and %d runs killed",
		c.pushes.Load(), c.refused.Load(), c.runs.Load(), gone, c.killedServers.Load(), c.killedRuns.Load())
	broken, refs := c.unclonable()
	env.Say("  chaos: %d of %d refs cannot be cloned", broken, refs)
	if broken > 0 {
		t.Errorf("%d of %d refs cannot be cloned", broken, refs)
	}
	if refs < chaosPushers || c.pushes.Load() == 0 || gone == 0 || c.killedServers.Load() == 0 || c.killedRuns.Load() == 0 {
		t.Error("the chaos is too tame to show anything")
	}
}

// last returns after that time, and not before enough has happened to show something: on
// a machine that has much else to do that takes longer.
func (c *chaos) last(length time.Duration) {
	const pushes = 10 * chaosPushers
	end := time.Now().Add(length)
	until(c.t, length+readyLimit, "enough of a chaos", func() (bool, string) {
		p, s, r := c.pushes.Load(), c.killedServers.Load(), c.killedRuns.Load()
		return time.Now().After(end) && p >= pushes && s > 0 && r > 0, fmt.Sprintf("%d pushes, %d servers and %d runs killed", p, s, r)
	})
}

// pusher changes its own branch until the end: new contents and old ones that may be
// pruned by now, amended commits, further branches and tags that come and go.
func (c *chaos) pusher(ctx context.Context, w *harness.WorkTree, id int) {
	rng := rand.New(rand.NewPCG(uint64(id), uint64(time.Now().UnixNano())))
	branch := fmt.Sprint("pusher-", id)
	for n := 0; ctx.Err() == nil; n++ {
		path := fmt.Sprintf("%s/model-%d.bin", branch, rng.IntN(chaosPaths))
		if _, err := w.WriteRandom(path, 20_000, uint64(rng.IntN(chaosContents))); err != nil {
			c.t.Error(err)
			return
		}
		_ = w.WriteFile(branch+"/note", fmt.Sprint("change ", n, "\n"))
		commit := []string{"commit", "-q", "-m", fmt.Sprint("change ", n)}
		if n > 0 && rng.IntN(4) == 0 {
			commit = append(commit, "--amend")
		}
		if err := w.All(c.t.Context(), []string{"add", "-A"}, commit); err != nil {
			c.t.Error(err)
			return
		}
		// The branch comes first and alone: with others it might be what git-lfs takes
		// for known already.
		if !c.push(w, "--force", "origin", "HEAD:refs/heads/"+branch) {
			continue
		}
		other := fmt.Sprintf("%s-%d", branch, rng.IntN(3))
		switch rng.IntN(5) {
		case 0:
			c.push(w, "--force", "origin", "HEAD:refs/heads/side-"+other)
		case 1:
			c.push(w, "--force", "origin", "HEAD:refs/tags/"+other)
		case 2:
			c.push(w, "origin", ":refs/heads/side-"+other)
		case 3:
			c.push(w, "origin", ":refs/tags/"+other)
		}
	}
}

// push ends within chaosPush, one way or the other.
func (c *chaos) push(w *harness.WorkTree, args ...string) bool {
	if _, err := w.GitWithin(c.t.Context(), chaosPush, append([]string{"push", "-q"}, args...)...); err != nil {
		c.refused.Add(1)
		return false
	}
	c.pushes.Add(1)
	return true
}

// collect starts one run after the other, without waiting for the end of the last.
func (c *chaos) collect(ctx context.Context) {
	for n := 0; ctx.Err() == nil; n++ {
		if err := c.run(ctx, fmt.Sprint("chaos-", n)); err == nil {
			c.runs.Add(1)
		} else if ctx.Err() == nil {
			env.Say("  chaos: %v", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(8 * time.Second):
		}
	}
}

// run is "kubectl create job --from" with a short lease.
func (c *chaos) run(ctx context.Context, name string) error {
	out, err := env.Kubectl(ctx, "-n", c.r.Namespace, "create", "job", "--from=cronjob/chaos-lfs-gc", name, "--dry-run=client", "-o", "json")
	if err != nil {
		return err
	}
	var job map[string]any
	if err := json.Unmarshal([]byte(out), &job); err != nil {
		return err
	}
	spec := job["spec"].(map[string]any)["template"].(map[string]any)["spec"].(map[string]any)
	sweep := spec["containers"].([]any)[0].(map[string]any)
	sweep["args"] = append(sweep["args"].([]any), "--lease="+chaosLease.String())
	manifest, err := json.Marshal(job)
	if err != nil {
		return err
	}
	return env.Apply(ctx, string(manifest))
}

// killer kills a pod of the server, then one of garbage collection, and so on.
func (c *chaos) killer(ctx context.Context) {
	rng := rand.New(rand.NewPCG(7, uint64(time.Now().UnixNano())))
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Duration(3000+rng.IntN(6000)) * time.Millisecond):
		}
		component, counter := "server", &c.killedServers
		if n%2 == 1 {
			component, counter = "gc", &c.killedRuns
		}
		var pods []string
		_ = harness.Until(ctx, time.Minute, "a pod to kill", func(ctx context.Context) (bool, string) {
			out, err := env.Kubectl(ctx, "-n", c.r.Namespace, "get", "pods", "-o", "name", "--field-selector=status.phase!=Succeeded,status.phase!=Failed",
				"-l", "app.kubernetes.io/component="+component+",lfs-operator.dev/repository=chaos")
			pods = strings.Fields(out)
			return err == nil && len(pods) > 0, component
		})
		if len(pods) == 0 {
			continue
		}
		if _, err := env.Kubectl(ctx, "-n", c.r.Namespace, "delete", pods[rng.IntN(len(pods))], "--grace-period=0", "--force"); err == nil {
			counter.Add(1)
		}
	}
}

// gone counts the objects that runs have deleted: their tombstones.
func (c *chaos) gone() int {
	n := 0
	for _, key := range keys(c.t, c.r.Bucket, status(c.t, c.r).Location.Prefix) {
		if strings.Contains(key, "/tombstones/") {
			n++
		}
	}
	return n
}

// unclonable counts the refs of which a fresh clone does not get every object.
func (c *chaos) unclonable() (broken, refs int) {
	w, err := harness.NewWorkTree(c.t.Context(), filepath.Join(c.t.TempDir(), "mirror"), c.line)
	noError(c.t, err)
	_, err = w.Git(c.t.Context(), "fetch", "-q", c.r.GitURL(), "+refs/*:refs/remotes/all/*")
	noError(c.t, err)
	_, err = w.Git(c.t.Context(), "config", "lfs.url", c.r.LFSURL())
	noError(c.t, err)
	out, err := w.Git(c.t.Context(), "for-each-ref", "--format=%(refname)", "refs/remotes/all")
	noError(c.t, err)
	for _, ref := range strings.Fields(out) {
		refs++
		// Not from what another ref has fetched already.
		noError(c.t, os.RemoveAll(filepath.Join(w.Dir, ".git/lfs/objects")))
		if _, err := w.Git(c.t.Context(), "lfs", "fetch", c.r.GitURL(), ref); err != nil {
			broken++
			c.t.Logf("%s: %v", ref, err)
		}
	}
	return broken, refs
}
