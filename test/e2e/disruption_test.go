//go:build e2e

package e2e

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/lfs-operator/lfs-operator/test/harness"
)

// A push that takes long enough to be disturbed: more objects than one batch
// holds (100), one after the other, each a little slow.
const (
	pushFiles = 220
	pushDelay = 20 * time.Millisecond
	// disturbAt is the number of the upload during which it happens.
	disturbAt = 30
)

// TestPushUnderDisruption: a push ends well whatever happens to the server.
func TestPushUnderDisruption(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		replicas int
		disturb  func(t *testing.T, r *harness.Repository)
		// again: the push may fail and is then repeated, as git-lfs gives up at
		// once on a server that is not there at all.
		again bool
	}{
		"evicted": {replicas: 1, disturb: func(t *testing.T, r *harness.Repository) {
			kubectl(t, "-n", r.Namespace, "delete", "pod", serverPods(t, r)[0].Metadata.Name, "--wait=false")
		}},
		"killed":       {replicas: 2, disturb: kill},
		"killed-alone": {replicas: 1, disturb: kill, again: true},
		"rolling": {replicas: 1, disturb: func(t *testing.T, r *harness.Repository) {
			patch(t, r, `{"server":{"resources":{"requests":{"cpu":"11m","memory":"33Mi"},"limits":{"memory":"129Mi"}}}}`)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			slow := newDoor(t)
			slow.Delay = pushDelay
			reached := make(chan struct{})
			slow.OnUpload = func(n int64) {
				if n == disturbAt {
					close(reached)
				}
			}
			noError(t, slow.Open())
			r := readyRepository(t, harness.Repository{Name: "push-" + name, PublicEndpoint: slow.URL(),
				Spec: fmt.Sprintf("  server: {replicas: %d}\n", tc.replicas)})
			w := bigPush(t, r)
			before := podUIDs(serverPods(t, r))

			start := time.Now()
			pushed := make(chan error, 1)
			go func() { pushed <- r.Push(t.Context(), w) }()
			select {
			case <-reached:
			case err := <-pushed:
				t.Fatalf("the push ended early: %v", err)
			}
			tc.disturb(t, r)
			if n := slow.Uploads.Load(); n >= pushFiles {
				t.Fatalf("disturbed after %d of %d uploads: not in the middle", n, pushFiles)
			}
			err := <-pushed
			if err != nil && tc.again {
				waitReady(t, r, readyLimit)
				_, err = w.Git(t.Context(), "push", "-q", "origin", "main")
			}
			noError(t, err)
			env.Say("  push, %s: %d objects in %.1f s", name, pushFiles, time.Since(start).Seconds())
			until(t, readyLimit, "other pods than before", func() (bool, string) {
				now := podUIDs(serverPods(t, r))
				return len(now) == tc.replicas && !slices.Equal(now, before), fmt.Sprint(now)
			})
			waitReady(t, r, readyLimit)
			cloneIsSame(t, r, w)
		})
	}
}

// kill ends a server without a warning.
func kill(t *testing.T, r *harness.Repository) {
	t.Helper()
	kubectl(t, "-n", r.Namespace, "delete", "pod", serverPods(t, r)[0].Metadata.Name, "--grace-period=0", "--force")
}

// bigPush prepares the work tree of a long push.
func bigPush(t *testing.T, r *harness.Repository) *harness.WorkTree {
	t.Helper()
	w := workTree(t, r)
	for i := range pushFiles {
		random(t, w, fmt.Sprintf("part-%03d.bin", i), 4<<10)
	}
	_, err := w.Git(t.Context(), "config", "lfs.concurrenttransfers", "1")
	noError(t, err)
	return w
}

// TestOperatorRestart: servers serve without the operator, and a new operator
// finds everything as it was. It runs alone, since it takes away what the
// others wait for.
func TestOperatorRestart(t *testing.T) {
	r := readyRepository(t, harness.Repository{Name: "steady"})
	w := workTree(t, r)
	before := client(t, r)
	podsBefore := podUIDs(serverPods(t, r))
	if err := book.checkNamespace(t.Context(), harness.OperatorNamespace); err != nil { // its log goes with it
		t.Error(err)
	}

	kubectl(t, "-n", harness.OperatorNamespace, "scale", "deployment/lfs-operator-manager", "--replicas=0")
	kubectl(t, "-n", harness.OperatorNamespace, "wait", "--for=delete", "pod", "-l", "app.kubernetes.io/name=lfs-operator", "--timeout=180s")
	pushOne(t, r, w)
	cloneIsSame(t, r, w)

	kubectl(t, "-n", harness.OperatorNamespace, "scale", "deployment/lfs-operator-manager", "--replicas=1")
	kubectl(t, "-n", harness.OperatorNamespace, "rollout", "status", "deployment/lfs-operator-manager", "--timeout=180s")
	patch(t, r, `{"keepVersions":4}`) // so that Ready below is the new operator's word
	waitReady(t, r, reloadLimit)
	if after := client(t, r); after.password != before.password {
		t.Error("the access token changed with the operator's restart")
	}
	if after := podUIDs(serverPods(t, r)); !slices.Equal(podsBefore, after) {
		t.Errorf("pods %v became %v with the operator's restart", podsBefore, after)
	}
	if got := warnings(t, r); len(got) != 0 {
		t.Errorf("Warning events %+v, want none", got)
	}
	pushOne(t, r, w)
}

// TestTokenRotation: the new token works, and so does the old one for a while.
func TestTokenRotation(t *testing.T) {
	t.Parallel()
	r := readyRepository(t, harness.Repository{Name: "rotate"})
	old := client(t, r)
	_, unknown := newContent(1)
	kubectl(t, "-n", r.Namespace, "annotate", "lfsrepository", r.Name, "lfs-operator.dev/rotate-tokens=1")
	fresh := old
	until(t, reloadLimit, "another token in the access Secret", func() (bool, string) {
		// It is deleted and made again: for a moment there is none.
		password, err := env.SecretKey(t.Context(), r.Namespace, "rotate-lfs-access", "password")
		if err != nil {
			return false, err.Error()
		}
		fresh.password = password
		return password != old.password, "still the old token"
	})
	book.learn(fresh.password, "the new token")
	until(t, reloadLimit, "the new token works", func() (bool, string) {
		if a := old.batch("download", unknown); a.status != 200 {
			t.Fatalf("the old token is refused (status %d) before the new one works", a.status)
		}
		a := fresh.batch("download", unknown)
		return a.status == 200, fmt.Sprint(a.status)
	})
	if a := old.batch("download", unknown); a.status != 200 {
		t.Errorf("the old token: status %d, want 200 during the overlap", a.status)
	}
	pushOne(t, r, workTree(t, r))
}
