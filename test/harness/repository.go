package harness

import (
	"context"
	"fmt"
	"net/url"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// Credentials of the dev S3 store (hack/dev); no other store has them.
const (
	StoreAccessKey = "dev-access-key"
	StoreSecretKey = "dev-secret-key-not-for-use"
)

// gitServerDir is where the dev Git server (hack/dev) keeps its repositories.
const gitServerDir = "/data/"

// ExposeNodePort gives clients outside the cluster a way to the LFS server.
func (e *Env) ExposeNodePort(ctx context.Context, namespace, name string, port int) error {
	return e.exposeNodePort(ctx, namespace, name, "lfs-operator.dev/repository: "+name, port)
}

func (e *Env) exposeNodePort(ctx context.Context, namespace, name, labels string, port int) error {
	return e.Apply(ctx, fmt.Sprintf(`apiVersion: v1
kind: Service
metadata: {name: %s-outside, namespace: %s}
spec:
  type: NodePort
  selector: {%s, app.kubernetes.io/component: server}
  ports: [{name: http, port: 80, targetPort: 8080, nodePort: %d}]
`, name, namespace, labels, port))
}

// EnsureGitRepository makes a bare repository on the dev Git server unless it is
// there.
func (e *Env) EnsureGitRepository(ctx context.Context, repo string) error {
	_, err := e.Kubectl(ctx, "-n", "git", "exec", "deployment/git", "--", "git", "init", "-q", "--bare", "-b", "main", gitServerDir+repo)
	return err
}

// GCRun is the outcome of a garbage collection, as status shows it.
type GCRun struct {
	ID, Mode, Outcome, Message        string
	Kept, Condemned, Deleted, Orphans int64
	DeletedSize                       string
}

// outlast lets the shortest limits pass. They are of one second by the store's
// clock, which counts whole seconds and rounds at both ends: what was pushed or
// condemned a moment ago is too young, and would rightly be left alone.
func outlast(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(4 * time.Second):
		return nil
	}
}

// RunGC starts a garbage collection by a Job from the CronJob and waits until
// its report stands in the LFSRepository's status.
func (e *Env) RunGC(ctx context.Context, namespace, name, job string) (*GCRun, error) {
	if err := outlast(ctx); err != nil {
		return nil, err
	}
	if _, err := e.Kubectl(ctx, "-n", namespace, "create", "job", "--from=cronjob/"+name+"-lfs-gc", job); err != nil {
		return nil, err
	}
	return e.waitGC(ctx, namespace, name, func(id string) bool { return id == job })
}

// RunGCByAnnotation starts a garbage collection by the run-gc annotation and
// waits until its report stands in the LFSRepository's status.
func (e *Env) RunGCByAnnotation(ctx context.Context, namespace, name, value string) (*GCRun, error) {
	if err := outlast(ctx); err != nil {
		return nil, err
	}
	_, st, err := e.Repository(ctx, namespace, name)
	if err != nil {
		return nil, err
	}
	var before string
	if st.GC != nil && st.GC.LastRun != nil {
		before = st.GC.LastRun.ID
	}
	if _, err := e.Kubectl(ctx, "-n", namespace, "annotate", "lfsrepository", name, "--overwrite", "lfs-operator.dev/run-gc="+value); err != nil {
		return nil, err
	}
	return e.waitGC(ctx, namespace, name, func(id string) bool { return id != before })
}

func (e *Env) waitGC(ctx context.Context, namespace, name string, want func(id string) bool) (*GCRun, error) {
	var run GCRun
	err := e.WatchRepository(ctx, namespace, name, 3*time.Minute, "garbage collection in status", func(_ int64, st *Status) (bool, string) {
		if st.GC == nil || st.GC.LastRun == nil || !want(st.GC.LastRun.ID) {
			return false, fmt.Sprintf("%+v", st.Condition("GarbageCollected"))
		}
		run = GCRun(*st.GC.LastRun)
		return true, ""
	})
	return &run, err
}

// Repository is an LFSRepository on the dev store, as the end-to-end tests and
// the bars make many.
type Repository struct {
	Namespace, Name string
	// NodePort by which this process reaches the server.
	NodePort int
	// Spec is YAML added to the spec, indented by two blanks, one field a line.
	Spec string
	// Bucket and Prefix of the objects. Left out: the namespace's name, and the
	// prefix that the operator chooses.
	Bucket, Prefix string
	// Endpoint of the store as the server reaches it, PublicEndpoint as clients
	// do. Left out: the dev store.
	Endpoint, PublicEndpoint string
	// History is the URL that the scan reads. Left out: GitURL.
	History string
	// Store is the LFSStore that the repository lies in, and ServerNamespace where
	// its servers run. Left out: storage of the repository's own.
	Store, ServerNamespace string
	// ExistingBucket: the server is not to create the bucket.
	ExistingBucket bool

	env *Env
}

// NewRepository prepares what a repository needs before its manifest: a
// namespace, the store's Secret, an empty Git repository, a way in from outside.
func (e *Env) NewRepository(ctx context.Context, r Repository) (*Repository, error) {
	r.env = e
	if r.Bucket == "" {
		r.Bucket = r.Namespace
	}
	if r.Endpoint == "" {
		r.Endpoint = StoreInternal
	}
	if r.History == "" {
		r.History = r.GitURL()
	}
	if r.PublicEndpoint == "" {
		r.PublicEndpoint = e.StoreURL
	}
	if err := e.Namespace(ctx, r.Namespace); err != nil {
		return nil, err
	}
	if err := e.EnsureGitRepository(ctx, r.gitName()); err != nil {
		return nil, err
	}
	if r.Store != "" {
		labels := fmt.Sprintf("lfs-operator.dev/repository: %s, lfs-operator.dev/repository-namespace: %s", r.Name, r.Namespace)
		return &r, e.exposeNodePort(ctx, r.ServerNamespace, r.Namespace+"-"+r.Name, labels, r.NodePort)
	}
	if err := r.SetStoreCredentials(ctx, StoreAccessKey, StoreSecretKey); err != nil {
		return nil, err
	}
	return &r, e.ExposeNodePort(ctx, r.Namespace, r.Name, r.NodePort)
}

// SetStoreCredentials writes the Secret with the store's key.
func (r *Repository) SetStoreCredentials(ctx context.Context, access, secret string) error {
	return r.env.Apply(ctx, fmt.Sprintf(`apiVersion: v1
kind: Secret
metadata: {name: store-credentials, namespace: %s}
stringData: {AWS_ACCESS_KEY_ID: %s, AWS_SECRET_ACCESS_KEY: %s}
`, r.Namespace, access, secret))
}

func (r *Repository) gitName() string { return r.Namespace + "-" + r.Name + ".git" }

// GitURL of the repository's history, for people and for the scan.
func (r *Repository) GitURL() string { return r.env.GitURL + "/" + r.gitName() }

// Host by which this process reaches the LFS server.
func (r *Repository) Host() string { return fmt.Sprintf("%s:%d", r.env.Host, r.NodePort) }

// LFSURL is the API root, known before the server is there.
func (r *Repository) LFSURL() string {
	return fmt.Sprintf("http://%s/%s/%s.git/info/lfs", r.Host(), r.Namespace, r.Name)
}

// Manifest of the LFSRepository.
func (r *Repository) Manifest() string {
	if r.Store != "" {
		return fmt.Sprintf(`apiVersion: lfs-operator.dev/v1alpha1
kind: LFSRepository
metadata: {name: %s, namespace: %s}
spec:
  storeRef: {name: %s}
  history: [{name: main, url: "%s"}]
  exposure: {endpoints: [{host: "%s", scheme: http}]}
%s`, r.Name, r.Namespace, r.Store, r.History, r.Host(), r.Spec)
	}
	prefix := ""
	if r.Prefix != "" {
		prefix = "  prefix: " + r.Prefix + "\n"
	}
	return fmt.Sprintf(`apiVersion: lfs-operator.dev/v1alpha1
kind: LFSRepository
metadata: {name: %s, namespace: %s}
spec:
  storage:
    endpoint: %s
    publicEndpoint: %s
    credentialsSecretRef: {name: store-credentials}
    createBucket: %t
  bucket: %s
  history: [{name: main, url: "%s"}]
  exposure: {endpoints: [{host: "%s", scheme: http}]}
%s%s`, r.Name, r.Namespace, r.Endpoint, r.PublicEndpoint, !r.ExistingBucket, r.Bucket, r.History, r.Host(), prefix, r.Spec)
}

// Apply applies the manifest.
func (r *Repository) Apply(ctx context.Context) error { return r.env.Apply(ctx, r.Manifest()) }

// WorkTree makes a work tree whose pushes go to this repository. It may be made
// before the server is there.
func (r *Repository) WorkTree(ctx context.Context, dir string) (*WorkTree, error) {
	w, err := NewWorkTree(ctx, dir, "")
	if err != nil {
		return nil, err
	}
	return w, w.All(ctx,
		[]string{"config", "-f", ".lfsconfig", "lfs.url", r.LFSURL()},
		[]string{"remote", "add", "origin", r.GitURL()},
		[]string{"lfs", "track", "*.bin"},
		[]string{"add", "-A"},
		[]string{"commit", "-q", "-m", "Track *.bin"},
	)
}

// Credentials is the line of the access Secret for git's credential store.
func (r *Repository) Credentials(ctx context.Context) (string, error) {
	return r.env.SecretKey(ctx, r.Namespace, r.Name+"-lfs-access", "git-credentials")
}

// Push commits what is in the work tree and pushes it with git-lfs.
func (r *Repository) Push(ctx context.Context, w *WorkTree) error {
	line, err := r.Credentials(ctx)
	if err != nil {
		return err
	}
	if err := w.SetCredentials(line); err != nil {
		return err
	}
	if _, err := w.Commit(ctx, "More"); err != nil {
		return err
	}
	_, err = w.Git(ctx, "push", "-q", "origin", "main")
	return err
}

// PresignedPut returns a plain presigned upload URL of the dev store, without a
// checksum: what a client could do at best.
func (r *Repository) PresignedPut(ctx context.Context, key string) (string, error) {
	c, err := r.env.Store()
	if err != nil {
		return "", err
	}
	signed, err := c.PresignedPutObject(ctx, r.Bucket, key, time.Hour)
	if err != nil {
		return "", err
	}
	return signed.String(), nil
}

// Store is a client of the dev store with its own key: what an administrator of
// the store sees.
func (e *Env) Store() (*minio.Client, error) {
	u, err := url.Parse(e.StoreURL)
	if err != nil {
		return nil, err
	}
	return minio.New(u.Host, &minio.Options{Creds: credentials.NewStaticV4(StoreAccessKey, StoreSecretKey, ""), Region: "us-east-1"})
}
