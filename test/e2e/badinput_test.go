//go:build e2e

package e2e

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/lfs-operator/lfs-operator/test/harness"
)

// badInput is something that a person gets wrong, or that breaks under them.
type badInput struct {
	repository harness.Repository
	// spoil makes it bad, before the manifest is applied.
	spoil func(t *testing.T, r *harness.Repository)
	// condition is the one beside Ready that must say so, if any.
	condition string
	reason    string
	// says: what the message must name, so that a person finds the remedy.
	says []string
	// repair takes the cause away; the rest must happen without help.
	repair func(t *testing.T, r *harness.Repository)
	// ready is true where the server works all the same.
	ready bool
}

const storeReady = "StoreReady"

// badInputs by name, which is also the repository's.
func badInputs(t *testing.T) map[string]badInput {
	const wrongKey = "e2e-wrong-secret-key"
	book.learn(wrongKey, "the wrong secret key")
	shut, lying := newDoor(t), newDoor(t)
	lying.Lies.Store(true)
	noError(t, lying.Open())
	deleteSecret := func(t *testing.T, r *harness.Repository) {
		kubectl(t, "-n", r.Namespace, "delete", "secret", "store-credentials")
	}
	setSecret := func(access, secret string) func(*testing.T, *harness.Repository) {
		return func(t *testing.T, r *harness.Repository) {
			noError(t, r.SetStoreCredentials(t.Context(), access, secret))
		}
	}
	goodSecret := setSecret(harness.StoreAccessKey, harness.StoreSecretKey)
	foreign := func(kind string) (spoil, repair func(*testing.T, *harness.Repository)) {
		return func(t *testing.T, r *harness.Repository) { createForeign(t, r, kind) },
			func(t *testing.T, r *harness.Repository) {
				kubectl(t, "-n", r.Namespace, "delete", kind, foreignName(r, kind))
			}
	}
	out := map[string]badInput{
		"no-secret": {spoil: deleteSecret, condition: storeReady, reason: "CredentialsMissing",
			says: []string{"store-credentials", "AWS_ACCESS_KEY_ID"}, repair: goodSecret},
		"wrong-key": {spoil: setSecret(harness.StoreAccessKey, wrongKey), condition: storeReady, reason: "CredentialsRefused",
			says: []string{"store-credentials"}, repair: goodSecret},
		"unreachable": {repository: harness.Repository{Endpoint: shut.URL()}, condition: storeReady, reason: "StoreUnreachable",
			says: []string{shut.Addr}, repair: func(*testing.T, *harness.Repository) { noError(t, shut.Open()) }},
		"incapable": {repository: harness.Repository{Endpoint: lying.URL()}, condition: storeReady, reason: "StoreIncapable",
			says: []string{"If-None-Match"}, repair: func(*testing.T, *harness.Repository) { lying.Lies.Store(false) }},
		"no-bucket": {repository: harness.Repository{ExistingBucket: true}, condition: storeReady, reason: "BucketMissing",
			says: []string{"e2e-no-bucket", "createBucket"}, repair: func(t *testing.T, r *harness.Repository) { makeBucket(t, r.Bucket) }},
		"prefix-in-use": {repository: harness.Repository{Prefix: "shared/"}, spoil: claimPrefix, condition: storeReady, reason: "PrefixInUse",
			says: []string{"first", "shared/"}, repair: func(t *testing.T, r *harness.Repository) {
				kubectl(t, "-n", r.Namespace, "delete", "lfsrepository", "first", "--timeout=90s")
			}},
		"prefix-not-ours": {repository: harness.Repository{Prefix: "taken/"}, condition: storeReady, reason: "PrefixNotOurs",
			says: []string{"taken/", "adopt"},
			spoil: func(t *testing.T, r *harness.Repository) {
				makeBucket(t, r.Bucket)
				putObject(t, r.Bucket, "taken/somebody/else", "not ours")
			},
			repair: func(t *testing.T, r *harness.Repository) {
				noError(t, store(t).RemoveObject(t.Context(), r.Bucket, "taken/somebody/else", minio.RemoveObjectOptions{}))
			}},
		"no-history": {repository: harness.Repository{History: env.GitURL + "/late.git"}, condition: "HistoryReadable", reason: "HistoryNotFound",
			says: []string{"main", "late.git"}, ready: true,
			repair: func(t *testing.T, _ *harness.Repository) {
				noError(t, env.EnsureGitRepository(t.Context(), "late.git"))
			}},
	}
	for _, kind := range []string{"configmap", "service", "secret"} {
		spoil, repair := foreign(kind)
		name := "foreign-" + kind
		out[name] = badInput{spoil: spoil, repair: repair, reason: "ForeignObject", says: []string{foreignName(&harness.Repository{Name: name}, kind)}}
	}
	return out
}

// TestBadInput: a condition with reason and remedy, one event, no crash loop,
// and recovery without help.
func TestBadInput(t *testing.T) {
	t.Parallel()
	for name, tc := range badInputs(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tc.repository.Name = name
			r := prepareRepository(t, tc.repository)
			if tc.spoil != nil {
				tc.spoil(t, r)
			}
			noError(t, r.Apply(t.Context()))
			wantTrouble(t, r, tc)

			tc.repair(t, r)
			if tc.condition != "" {
				_, err := env.WaitCondition(t.Context(), r.Namespace, r.Name, tc.condition, "True", "", reloadLimit)
				noError(t, err)
			}
			waitReady(t, r, reloadLimit)
			noRestarts(t, r)
			wantOneWarning(t, r, tc.reason)
		})
	}
}

func wantTrouble(t *testing.T, r *harness.Repository, tc badInput) {
	t.Helper()
	kinds := []string{tc.condition, "Ready"}
	if tc.condition == "" {
		kinds = kinds[1:]
	}
	if tc.ready {
		waitReady(t, r, readyLimit)
		kinds = kinds[:1]
	}
	for _, kind := range kinds {
		st, err := env.WaitCondition(t.Context(), r.Namespace, r.Name, kind, "False", tc.reason, 3*time.Minute)
		noError(t, err)
		message := st.Condition(kind).Message
		for _, word := range tc.says {
			if !strings.Contains(message, word) {
				t.Errorf("%s says %q, which does not name %q", kind, message, word)
			}
		}
	}
	until(t, 2*time.Minute, "a Warning event", func() (bool, string) { return len(warnings(t, r)) > 0, "none" })
	// Every change makes the operator look again; an event for each look would show here.
	for _, value := range []string{"1", "2", "3"} {
		kubectl(t, "-n", r.Namespace, "label", "lfsrepository", r.Name, "--overwrite", "e2e-poke="+value)
	}
	_, err := env.WaitCondition(t.Context(), r.Namespace, r.Name, kinds[0], "False", tc.reason, 3*time.Minute)
	noError(t, err)
	wantOneWarning(t, r, tc.reason)
	noRestarts(t, r)
}

// event as people see it.
type event struct {
	Reason, Type, Note, ReportingController string
	Regarding                               struct{ Kind, Name string }
	Series                                  *struct{ Count int }
}

// warnings about the LFSRepository.
func warnings(t *testing.T, r *harness.Repository) []event {
	t.Helper()
	var list struct{ Items []event }
	noError(t, json.Unmarshal([]byte(kubectl(t, "-n", r.Namespace, "get", "events.events.k8s.io", "-o", "json")), &list))
	return slices.DeleteFunc(list.Items, func(e event) bool {
		return e.Type != "Warning" || e.Regarding.Kind != "LFSRepository" || e.Regarding.Name != r.Name
	})
}

func wantOneWarning(t *testing.T, r *harness.Repository, reason string) {
	t.Helper()
	got := warnings(t, r)
	if len(got) != 1 || got[0].Reason != reason || got[0].Series != nil || got[0].Note == "" {
		t.Errorf("Warning events %+v,\nwant one %s, once", got, reason)
	}
}

// claimPrefix lets another LFSRepository have the prefix first.
func claimPrefix(t *testing.T, r *harness.Repository) {
	t.Helper()
	first := *r
	first.Name, first.Spec = "first", "  deletionPolicy: Delete\n"
	noError(t, first.Apply(t.Context()))
	waitReady(t, &first, readyLimit)
}

// foreignName is a name that the operator needs.
func foreignName(r *harness.Repository, kind string) string {
	if kind == "secret" {
		return r.Name + "-lfs-access"
	}
	return r.Name + "-lfs"
}

// createForeign makes an object that somebody else might have made.
func createForeign(t *testing.T, r *harness.Repository, kind string) {
	t.Helper()
	create := map[string][]string{
		"configmap": {"configmap", foreignName(r, kind), "--from-literal=theirs=yes"},
		"service":   {"service", "clusterip", foreignName(r, kind), "--tcp=80"},
		"secret":    {"secret", "generic", foreignName(r, kind), "--from-literal=theirs=yes"},
	}
	kubectl(t, append([]string{"-n", r.Namespace, "create"}, create[kind]...)...)
}
