//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/lfs-operator/lfs-operator/internal/layout"
	"github.com/lfs-operator/lfs-operator/test/harness"
)

// readyLimit is far above what it takes alone; other tests run beside.
const readyLimit = 4 * time.Minute

// reloadLimit holds the kubelet's delay for mounted files (a minute and a half).
const reloadLimit = 150 * time.Second

var lastPort atomic.Int32

// prepareRepository makes all that an LFSRepository needs but for its manifest,
// in a namespace that goes with the test.
func prepareRepository(t *testing.T, r harness.Repository) *harness.Repository {
	t.Helper()
	if r.Namespace == "" {
		r.Namespace = "e2e-" + r.Name
	}
	r.NodePort = 31000 + int(lastPort.Add(1))
	t.Cleanup(func() { endNamespace(t, r.Namespace) })
	p, err := env.NewRepository(t.Context(), r)
	noError(t, err)
	return p
}

// readyRepository applies an LFSRepository and waits until it is Ready.
func readyRepository(t *testing.T, r harness.Repository) *harness.Repository {
	t.Helper()
	p := prepareRepository(t, r)
	noError(t, p.Apply(t.Context()))
	waitReady(t, p, readyLimit)
	return p
}

// endNamespace shows what a person needs when a test has failed, looks for
// secrets where none belong, and removes the namespace.
func endNamespace(t *testing.T, namespace string) {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	if t.Failed() {
		t.Log(env.Describe(ctx, namespace))
		conditions, _ := env.Kubectl(ctx, "-n", namespace, "get", "lfsrepositories", "-o",
			`jsonpath={range .items[*]}{.metadata.name} generation {.metadata.generation}{"\n"}{range .status.conditions[*]}  {.type}={.status} {.reason}: {.message}{"\n"}{end}{end}`)
		t.Log(conditions)
	}
	if err := book.checkNamespace(ctx, namespace); err != nil {
		t.Error(err)
	}
	_, err := env.Kubectl(ctx, "delete", "namespace", namespace, "--ignore-not-found", "--wait=false")
	if err != nil {
		t.Error(err)
	}
}

func noError(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// until waits for something that no watch tells.
func until(t *testing.T, limit time.Duration, what string, f func() (done bool, why string)) {
	t.Helper()
	noError(t, harness.Until(t.Context(), limit, what, func(context.Context) (bool, string) { return f() }))
}

// kubectl runs kubectl, which must succeed, and returns its trimmed output.
func kubectl(t *testing.T, args ...string) string {
	t.Helper()
	out, err := env.Kubectl(t.Context(), args...)
	noError(t, err)
	return strings.TrimSpace(out)
}

// get reads an object, or nil when it is not there.
func get[T any](t *testing.T, namespace, what string) *T {
	t.Helper()
	out := kubectl(t, "-n", namespace, "get", what, "-o", "json", "--ignore-not-found")
	if out == "" {
		return nil
	}
	v := new(T)
	noError(t, json.Unmarshal([]byte(out), v))
	return v
}

func waitReady(t *testing.T, r *harness.Repository, limit time.Duration) *harness.Status {
	t.Helper()
	st, err := env.WaitReady(t.Context(), r.Namespace, r.Name, limit)
	noError(t, err)
	return st
}

func status(t *testing.T, r *harness.Repository) *harness.Status {
	t.Helper()
	_, st, err := env.Repository(t.Context(), r.Namespace, r.Name)
	noError(t, err)
	return st
}

// patch changes the spec by a JSON merge patch.
func patch(t *testing.T, r *harness.Repository, spec string) {
	t.Helper()
	kubectl(t, "-n", r.Namespace, "patch", "lfsrepository", r.Name, "--type=merge", "-p", fmt.Sprintf(`{"spec":%s}`, spec))
}

// pod is what the tests look at of a pod.
type pod struct {
	Metadata struct{ Name, UID, DeletionTimestamp string }
	Spec     struct {
		Containers []struct {
			Name      string
			Resources struct{ Requests, Limits map[string]string }
		}
	}
	Status struct {
		Phase             string
		ContainerStatuses []struct{ RestartCount int }
	}
}

// serverPods returns the pods of a repository's server that are not on their way out.
func serverPods(t *testing.T, r *harness.Repository) []pod {
	t.Helper()
	return podsOf(t, r.Namespace, "app.kubernetes.io/component=server,lfs-operator.dev/repository="+r.Name)
}

// podsOf returns the pods with these labels that are not on their way out.
func podsOf(t *testing.T, namespace, labels string) []pod {
	t.Helper()
	out := kubectl(t, "-n", namespace, "get", "pods", "-o", "json", "-l", labels)
	var list struct{ Items []pod }
	noError(t, json.Unmarshal([]byte(out), &list))
	return slices.DeleteFunc(list.Items, func(p pod) bool { return p.Metadata.DeletionTimestamp != "" })
}

// podUIDs tells whether it is still the same pods.
func podUIDs(pods []pod) []string {
	var uids []string
	for _, p := range pods {
		uids = append(uids, p.Metadata.UID)
	}
	slices.Sort(uids)
	return uids
}

func noRestarts(t *testing.T, r *harness.Repository) {
	t.Helper()
	for _, p := range serverPods(t, r) {
		for _, c := range p.Status.ContainerStatuses {
			if c.RestartCount != 0 {
				t.Errorf("pod %s restarted %d times, want none", p.Metadata.Name, c.RestartCount)
			}
		}
	}
}

// workTree makes a work tree that pushes to the repository, with credentials.
func workTree(t *testing.T, r *harness.Repository) *harness.WorkTree {
	t.Helper()
	w, err := r.WorkTree(t.Context(), filepath.Join(t.TempDir(), "work"))
	noError(t, err)
	return w
}

// clone clones the repository afresh.
func clone(t *testing.T, r *harness.Repository) *harness.WorkTree {
	t.Helper()
	line, err := r.Credentials(t.Context())
	noError(t, err)
	c, err := harness.Clone(t.Context(), r.GitURL(), filepath.Join(t.TempDir(), "clone"), line)
	noError(t, err)
	return c
}

// cloneIsSame clones afresh and compares every file.
func cloneIsSame(t *testing.T, r *harness.Repository, w *harness.WorkTree) {
	t.Helper()
	want, err := w.Hashes()
	noError(t, err)
	got, err := clone(t, r).Hashes()
	noError(t, err)
	if err := harness.SameFiles(want, got); err != nil {
		t.Errorf("the clone differs from what was pushed: %v", err)
	}
}

// random writes size random bytes and returns their OID.
func random(t *testing.T, w *harness.WorkTree, name string, size int64) (oid string) {
	t.Helper()
	oid, err := w.WriteRandom(name, size, uint64(time.Now().UnixNano()))
	noError(t, err)
	return oid
}

// pushOne makes one file and pushes it: the shortest proof that pushing works.
func pushOne(t *testing.T, r *harness.Repository, w *harness.WorkTree) (oid string) {
	t.Helper()
	oid = random(t, w, "one.bin", 64<<10)
	if err := r.Push(t.Context(), w); err != nil {
		t.Fatalf("push: %v", err)
	}
	return oid
}

func store(t *testing.T) *minio.Client {
	t.Helper()
	c, err := env.Store()
	noError(t, err)
	return c
}

func makeBucket(t *testing.T, bucket string) {
	t.Helper()
	noError(t, store(t).MakeBucket(t.Context(), bucket, minio.MakeBucketOptions{}))
}

func putObject(t *testing.T, bucket, key, content string) {
	t.Helper()
	_, err := store(t).PutObject(t.Context(), bucket, key, bytes.NewReader([]byte(content)), int64(len(content)), minio.PutObjectOptions{})
	noError(t, err)
}

// keys lists a bucket.
func keys(t *testing.T, bucket, prefix string) []string {
	t.Helper()
	var out []string
	for o := range store(t).ListObjects(t.Context(), bucket, minio.ListObjectsOptions{Prefix: prefix, Recursive: true}) {
		noError(t, o.Err)
		out = append(out, o.Key)
	}
	return out
}

// stored tells whether an OID lies at its final key.
func stored(t *testing.T, r *harness.Repository, oid string) bool {
	t.Helper()
	key := layout.Prefix(status(t, r).Location.Prefix).Object(oid)
	_, err := store(t).StatObject(t.Context(), r.Bucket, key, minio.StatObjectOptions{})
	if err != nil && minio.ToErrorResponse(err).Code != "NoSuchKey" {
		t.Fatal(err)
	}
	return err == nil
}
