//go:build e2e

package e2e

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lfs-operator/lfs-operator/test/harness"
)

// TestReload: a changed spec takes effect without a restart, and Ready says so
// only once it has.
func TestReload(t *testing.T) {
	t.Parallel()
	r := readyRepository(t, harness.Repository{Name: "reload"})
	before := podUIDs(serverPods(t, r))
	anonymous := client(t, r).as("", "")
	_, unknown := newContent(1)
	if a := anonymous.batch("download", unknown); a.status != http.StatusUnauthorized {
		t.Fatalf("anonymous read: status %d at first, want 401", a.status)
	}
	for _, step := range []struct {
		spec string
		want int
	}{
		{`{"keepVersions":7,"suffixRules":[".custom"],"access":{"anonymousRead":true}}`, http.StatusOK},
		{`{"keepVersions":3,"access":null}`, http.StatusUnauthorized},
	} {
		start := time.Now()
		patch(t, r, step.spec)
		waitReady(t, r, reloadLimit)
		// At once: whoever believes Ready must not be wrong.
		if a := anonymous.batch("download", unknown); a.status != step.want {
			t.Errorf("Ready for %s, but an anonymous read gets status %d, want %d", step.spec, a.status, step.want)
		}
		env.Say("  reload: in force after %.1f s", time.Since(start).Seconds())
	}
	policy := kubectl(t, "-n", r.Namespace, "get", "lfsrepository", r.Name, "-o",
		"jsonpath={.status.policy.keepVersions.value} {.status.policy.keepVersions.source} {.status.policy.suffixRules.source} {.status.policy.threshold.source}")
	if want := "3 Repository Merged BuiltIn"; policy != want {
		t.Errorf("status.policy says %q, want %q", policy, want)
	}
	if rules := kubectl(t, "-n", r.Namespace, "get", "lfsrepository", r.Name, "-o", "jsonpath={.status.policy.suffixRules.value}"); !strings.Contains(rules, ".custom") || !strings.Contains(rules, ".safetensors") {
		t.Errorf("effective suffix rules %s, want .custom added to the built-in ones", rules)
	}
	if after := podUIDs(serverPods(t, r)); !slices.Equal(before, after) {
		t.Errorf("pods %v became %v, want a reload without new pods", before, after)
	}
	noRestarts(t, r)
}

// TestSuspend: suspended means no pods, no garbage collection, and all data
// still there afterwards.
func TestSuspend(t *testing.T) {
	t.Parallel()
	r := readyRepository(t, harness.Repository{Name: "nap"})
	w := workTree(t, r)
	pushOne(t, r, w)

	patch(t, r, `{"suspend":true}`)
	_, err := env.WaitCondition(t.Context(), r.Namespace, r.Name, "Ready", "False", "Suspended", 2*time.Minute)
	noError(t, err)
	kubectl(t, "-n", r.Namespace, "wait", "--for=delete", "pod", "-l", "app.kubernetes.io/component=server", "--timeout=90s")
	if s := kubectl(t, "-n", r.Namespace, "get", "cronjob", "nap-lfs-gc", "-o", "jsonpath={.spec.suspend}"); s != "true" {
		t.Errorf("the CronJob's spec.suspend is %q, want true", s)
	}

	patch(t, r, `{"suspend":false}`)
	waitReady(t, r, readyLimit)
	cloneIsSame(t, r, w)
	pushOne(t, r, w)
}

// TestDeletion: what happens to the data is what deletionPolicy says.
func TestDeletion(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		spec   string
		remain bool
	}{
		"retain":   {"  deletionPolicy: Retain\n", true},
		"built-in": {"", true},
		"delete":   {"  deletionPolicy: Delete\n", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := readyRepository(t, harness.Repository{Name: "end-" + name, Spec: tc.spec})
			oid := pushOne(t, r, workTree(t, r))
			prefix := status(t, r).Location.Prefix
			putObject(t, r.Bucket, "neighbour/lfs/file", "not ours")

			kubectl(t, "-n", r.Namespace, "delete", "lfsrepository", r.Name, "--timeout=90s")

			left := keys(t, r.Bucket, prefix)
			if remains := slices.ContainsFunc(left, func(k string) bool { return strings.HasSuffix(k, oid) }); remains != tc.remain {
				t.Errorf("the object remains: %t, want %t (in the bucket: %v)", remains, tc.remain, left)
			}
			if !tc.remain && len(left) != 0 {
				t.Errorf("left under the prefix: %v", left)
			}
			if got := keys(t, r.Bucket, "neighbour/"); len(got) != 1 {
				t.Errorf("what lies beside the prefix is harmed: %v", got)
			}
			for _, what := range append(children(r.Name), "secret/"+r.Name+"-lfs-access") {
				until(t, 3*time.Minute, what+" is gone", func() (bool, string) { return get[child](t, r.Namespace, what) == nil, "still there" })
			}
		})
	}
}

// TestDeletionThatCannotDelete: data that cannot be reached any more does not
// hold the resource for ever, and the condition says the way out.
func TestDeletionThatCannotDelete(t *testing.T) {
	t.Parallel()
	r := readyRepository(t, harness.Repository{Name: "lost-key", Spec: "  deletionPolicy: Delete\n"})
	noError(t, r.SetStoreCredentials(t.Context(), harness.StoreAccessKey, "e2e-no-longer-the-key"))
	kubectl(t, "-n", r.Namespace, "delete", "lfsrepository", r.Name, "--wait=false")
	noError(t, env.WatchRepository(t.Context(), r.Namespace, r.Name, readyLimit, "a failed purge with a way out", func(_ int64, st *harness.Status) (bool, string) {
		c := st.Condition("Ready")
		if c == nil {
			return false, "no condition"
		}
		return c.Reason == "Deleting" && strings.Contains(c.Message, "could not") && strings.Contains(c.Message, "Retain"), c.Message
	}))
	patch(t, r, `{"deletionPolicy":"Retain"}`)
	kubectl(t, "-n", r.Namespace, "wait", "--for=delete", "lfsrepository/"+r.Name, "--timeout=60s")
}

// TestNamespaceDeletion: a namespace goes whatever stands in it.
func TestNamespaceDeletion(t *testing.T) {
	t.Parallel()
	for name, broken := range map[string]bool{"healthy": false, "without-credentials": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := prepareRepository(t, harness.Repository{Name: "ns-" + name, Spec: "  deletionPolicy: Delete\n"})
			if broken {
				kubectl(t, "-n", r.Namespace, "delete", "secret", "store-credentials")
			}
			noError(t, r.Apply(t.Context()))
			if broken {
				_, err := env.WaitCondition(t.Context(), r.Namespace, r.Name, "Ready", "False", "CredentialsMissing", 3*time.Minute)
				noError(t, err)
			} else {
				waitReady(t, r, readyLimit)
				pushOne(t, r, workTree(t, r))
			}
			if err := book.checkNamespace(t.Context(), r.Namespace); err != nil {
				t.Error(err)
			}
			kubectl(t, "delete", "namespace", r.Namespace, "--timeout=120s")
		})
	}
}
