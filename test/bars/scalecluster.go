package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/lfs-operator/lfs-operator/api/v1alpha1"
	"github.com/lfs-operator/lfs-operator/test/harness"
	"github.com/lfs-operator/lfs-operator/test/manifests"
)

const (
	// scaleUser is the operator towards the API server: with the permissions that
	// are shipped, and told from all others in the audit log.
	scaleUser = "the-operator"
	// scaleServers is the namespace of all servers.
	scaleServers = "lfs-servers"
	// scaleStore holds all repositories.
	scaleStore = "standard"
	// perNamespace LFSRepositories.
	perNamespace = 10
)

// scaleCluster is a new kube-apiserver with its etcd. Nothing else of Kubernetes
// runs: what controllers and kubelets would do, a standIn does.
type scaleCluster struct {
	env    *envtest.Environment
	config *rest.Config
	client client.Client
	scheme *runtime.Scheme
	// kubeconfig of the operator, and the log of all requests that write.
	kubeconfig, auditLog string
	store                *v1alpha1.LFSStore
}

// auditWrites logs requests that change something, and not what they hold.
const auditWrites = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
omitManagedFields: true
rules:
- {level: None, verbs: [get, list, watch]}
- {level: Metadata}
`

// newScaleCluster starts one with n LFSRepositories that nobody has looked at yet.
func (r *rig) newScaleCluster(ctx context.Context, n int) (*scaleCluster, error) {
	dir, err := os.MkdirTemp(r.dir, "cluster-")
	if err != nil {
		return nil, err
	}
	policy := filepath.Join(dir, "audit-policy.yaml")
	if err := os.WriteFile(policy, []byte(auditWrites), 0o600); err != nil {
		return nil, err
	}
	c := &scaleCluster{
		env: &envtest.Environment{
			BinaryAssetsDirectory: r.bin("kube"),
			CRDDirectoryPaths:     []string{filepath.Join(r.root, "config", "crd", "bases")},
			ErrorIfCRDPathMissing: true,
		},
		kubeconfig: filepath.Join(dir, "kubeconfig"), auditLog: filepath.Join(dir, "audit.log"), scheme: runtime.NewScheme(),
	}
	c.env.ControlPlane.GetAPIServer().Configure().
		Set("service-cluster-ip-range", "10.0.0.0/16"). // every repository has a Service
		Append("audit-policy-file", policy).Append("audit-log-path", c.auditLog).
		Append("audit-log-maxsize", "10000") // MB: what is rotated away is not counted
	if c.config, err = c.env.Start(); err != nil {
		return nil, err
	}
	c.config.QPS = -1
	for _, step := range []func() error{
		func() error { return clientgoscheme.AddToScheme(c.scheme) },
		func() error { return v1alpha1.AddToScheme(c.scheme) },
		func() (err error) { c.client, err = client.New(c.config, client.Options{Scheme: c.scheme}); return err },
		func() error { return c.namespaces(ctx, n) },
		func() error { return c.install(ctx, filepath.Join(r.root, "config", "rbac")) },
		func() error { return c.admit() },
		func() error { return c.repositories(ctx, n) },
	} {
		if err := step(); err != nil {
			return nil, errors.Join(err, c.env.Stop())
		}
	}
	return c, nil
}

func (c *scaleCluster) namespaces(ctx context.Context, n int) error {
	names := []string{harness.OperatorNamespace, scaleServers}
	for i := 0; i < n; i += perNamespace {
		names = append(names, tenantOf(i))
	}
	for _, name := range names {
		if err := c.client.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}); err != nil {
			return err
		}
	}
	return nil
}

// tenantOf is the namespace of the i-th repository.
func tenantOf(i int) string { return fmt.Sprintf("team-%d", i/perNamespace) }

// install grants what config/rbac grants, to the user instead of a ServiceAccount.
func (c *scaleCluster) install(ctx context.Context, dir string) error {
	return errors.Join(
		manifests.InstallRoles(ctx, c.client, filepath.Join(dir, "role.yaml"), scaleUser),
		manifests.Install(ctx, c.client, filepath.Join(dir, "reviewers.yaml")),
	)
}

// admit writes the operator's kubeconfig.
func (c *scaleCluster) admit() error {
	user, err := c.env.AddUser(envtest.User{Name: scaleUser}, nil)
	if err != nil {
		return err
	}
	raw, err := user.KubeConfig()
	if err != nil {
		return err
	}
	return os.WriteFile(c.kubeconfig, raw, 0o600)
}

// repositories makes the LFSStore and n LFSRepositories in it.
func (c *scaleCluster) repositories(ctx context.Context, n int) error {
	c.store = &v1alpha1.LFSStore{
		ObjectMeta: metav1.ObjectMeta{Name: scaleStore},
		Spec: v1alpha1.LFSStoreSpec{
			Endpoint: "http://store.example:9000", ServerNamespace: scaleServers, Bucket: "bucket",
			CredentialsSecretRef: &v1alpha1.LocalReference{Name: "store-credentials"},
			AllowedNamespaces:    &v1alpha1.AllowedNamespaces{From: v1alpha1.NamespacesAll},
		},
	}
	if err := c.client.Create(ctx, c.store); err != nil {
		return err
	}
	return inParallel(n, func(i int) error {
		return c.client.Create(ctx, &v1alpha1.LFSRepository{
			ObjectMeta: metav1.ObjectMeta{Namespace: tenantOf(i), Name: fmt.Sprintf("models-%d", i)},
			Spec:       v1alpha1.LFSRepositorySpec{StoreRef: &v1alpha1.StoreReference{Name: scaleStore}},
		})
	})
}

func (c *scaleCluster) stop() { _ = c.env.Stop() }
