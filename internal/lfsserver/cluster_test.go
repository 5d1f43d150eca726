package lfsserver_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/lfstest"
	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
	"github.com/lfs-operator/lfs-operator/test/assets"
	"github.com/lfs-operator/lfs-operator/test/manifests"
)

// apiServer is the one Kubernetes API server of this package, started by the
// first test that asks for it.
var apiServer struct {
	once   sync.Once
	env    *envtest.Environment
	config *rest.Config
	err    error
}

func TestMain(m *testing.M) {
	code := m.Run()
	if apiServer.env != nil {
		if err := apiServer.env.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, "stopping the API server:", err)
		}
	}
	os.Exit(code)
}

// cluster is a namespace of a real API server, with a server's ServiceAccount
// that has the permissions that we ship, and a line that can be cut.
type cluster struct {
	t         testing.TB
	client    *kubernetes.Clientset
	namespace string
	gate      *gate
}

var namespaces atomic.Int32

func newCluster(t testing.TB) *cluster {
	t.Helper()
	apiServer.once.Do(func() {
		// Its default is too short for a machine that builds other packages meanwhile.
		apiServer.env = &envtest.Environment{BinaryAssetsDirectory: assets.KubeAssets(t), ControlPlaneStartTimeout: 2 * time.Minute}
		apiServer.config, apiServer.err = apiServer.env.Start()
		if apiServer.err == nil {
			apiServer.err = installReviewers(apiServer.config, assets.Root(t))
		}
	})
	if apiServer.err != nil {
		t.Fatalf("starting the API server: %v", apiServer.err)
	}
	config := rest.CopyConfig(apiServer.config)
	config.QPS = -1
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(config.Host)
	if err != nil {
		t.Fatal(err)
	}
	k := &cluster{t: t, client: client, namespace: fmt.Sprintf("team-%d", namespaces.Add(1)), gate: newGate(t, u.Host)}
	_, err = client.CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: k.namespace}}, metav1.CreateOptions{})
	k.check(err)
	k.serviceAccount("models-lfs")
	k.bindServer()
	return k
}

// installReviewers makes the roles that we ship.
func installReviewers(config *rest.Config, root string) error {
	c, err := client.New(config, client.Options{})
	if err != nil {
		return err
	}
	return manifests.Install(context.Background(), c, filepath.Join(root, "config", "rbac", "reviewers.yaml"))
}

// bindServer does what the operator does.
func (k *cluster) bindServer() {
	k.t.Helper()
	subjects := []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Name: "models-lfs", Namespace: k.namespace}}
	_, err := k.client.RbacV1().ClusterRoleBindings().Create(k.t.Context(), &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: k.namespace}, Subjects: subjects,
		RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "lfs-operator-token-reviewer"},
	}, metav1.CreateOptions{})
	k.check(err)
	_, err = k.client.RbacV1().RoleBindings(k.namespace).Create(k.t.Context(), &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "models-lfs"}, Subjects: subjects,
		RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "lfs-operator-access-reviewer"},
	}, metav1.CreateOptions{})
	k.check(err)
}

// admitting makes a server let the namespace's ServiceAccounts in.
func (k *cluster) admitting() []lfstest.Option {
	return []lfstest.Option{
		lfstest.WithConfig(func(c *serverconfig.Config) {
			c.Repository.Namespace = k.namespace
			c.Access.Kubernetes = &serverconfig.KubernetesAccess{Audience: audience}
		}),
		lfstest.WithFile("kubernetes/token", k.token("models-lfs")),
		lfstest.WithFile("kubernetes/ca.crt", string(apiServer.config.CAData)),
		lfstest.WithOptions(func(o *lfsserver.Options) { o.APIServer = "https://" + k.gate.addr }),
	}
}

func (k *cluster) check(err error) {
	k.t.Helper()
	if err != nil {
		k.t.Fatal(err)
	}
}

func (k *cluster) serviceAccount(name string) {
	k.t.Helper()
	_, err := k.client.CoreV1().ServiceAccounts(k.namespace).Create(k.t.Context(), &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{})
	k.check(err)
}

// grant gives a ServiceAccount a verb on an LFSRepository, as the docs say.
func (k *cluster) grant(name, verb, repository string) {
	k.t.Helper()
	meta := metav1.ObjectMeta{Name: name + "." + repository}
	_, err := k.client.RbacV1().Roles(k.namespace).Create(k.t.Context(), &rbacv1.Role{ObjectMeta: meta, Rules: []rbacv1.PolicyRule{{
		APIGroups: []string{"lfs-operator.dev"}, Resources: []string{"lfsrepositories"}, ResourceNames: []string{repository}, Verbs: []string{verb},
	}}}, metav1.CreateOptions{})
	k.check(err)
	_, err = k.client.RbacV1().RoleBindings(k.namespace).Create(k.t.Context(), &rbacv1.RoleBinding{
		ObjectMeta: meta, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: meta.Name},
		Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Name: name, Namespace: k.namespace}},
	}, metav1.CreateOptions{})
	k.check(err)
	k.inForce(name, verb, repository, true)
}

// inForce waits until the API server goes by a grant, or by its end: it learns of that
// a moment after it was written.
func (k *cluster) inForce(name, verb, repository string, want bool) {
	k.t.Helper()
	for end := time.Now().Add(2 * time.Minute); ; time.Sleep(5 * time.Millisecond) {
		r, err := k.client.AuthorizationV1().SubjectAccessReviews().Create(k.t.Context(), &authorizationv1.SubjectAccessReview{
			Spec: authorizationv1.SubjectAccessReviewSpec{
				User: "system:serviceaccount:" + k.namespace + ":" + name,
				ResourceAttributes: &authorizationv1.ResourceAttributes{
					Namespace: k.namespace, Group: "lfs-operator.dev", Resource: "lfsrepositories", Name: repository, Verb: verb,
				},
			},
		}, metav1.CreateOptions{})
		k.check(err)
		if r.Status.Allowed == want {
			return
		}
		if time.Now().After(end) {
			k.t.Fatalf("%s may %s %s: %t after two minutes", name, verb, repository, !want)
		}
	}
}

// revoke takes it away.
func (k *cluster) revoke(name, repository string) {
	k.t.Helper()
	role, err := k.client.RbacV1().Roles(k.namespace).Get(k.t.Context(), name+"."+repository, metav1.GetOptions{})
	k.check(err)
	defer k.inForce(name, role.Rules[0].Verbs[0], repository, false)
	k.check(k.client.RbacV1().RoleBindings(k.namespace).Delete(k.t.Context(), name+"."+repository, metav1.DeleteOptions{}))
	k.check(k.client.RbacV1().Roles(k.namespace).Delete(k.t.Context(), name+"."+repository, metav1.DeleteOptions{}))
}

// pod exists and runs nowhere.
func (k *cluster) pod(name, serviceAccount string) *corev1.Pod {
	k.t.Helper()
	p, err := k.client.CoreV1().Pods(k.namespace).Create(k.t.Context(), &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec:       corev1.PodSpec{ServiceAccountName: serviceAccount, Containers: []corev1.Container{{Name: "c", Image: "none"}}},
	}, metav1.CreateOptions{})
	k.check(err)
	return p
}

func (k *cluster) deletePod(p *corev1.Pod) {
	k.t.Helper()
	k.check(k.client.CoreV1().Pods(k.namespace).Delete(k.t.Context(), p.Name, metav1.DeleteOptions{GracePeriodSeconds: new(int64)}))
}

// gate passes connections on, or cuts them all.
type gate struct {
	addr        string
	connections atomic.Int32

	mu   sync.Mutex
	cut  bool
	open map[net.Conn]bool
}

func newGate(t testing.TB, to string) *gate {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := &gate{addr: l.Addr().String(), open: map[net.Conn]bool{}}
	t.Cleanup(func() { _ = l.Close(); g.shut(true) })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			g.pass(c, to)
		}
	}()
	return g
}

func (g *gate) pass(c net.Conn, to string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.cut {
		c.Close()
		return
	}
	up, err := net.Dial("tcp", to)
	if err != nil {
		c.Close()
		return
	}
	g.connections.Add(1)
	g.open[c], g.open[up] = true, true
	for _, pair := range [][2]net.Conn{{c, up}, {up, c}} {
		go func() {
			_, _ = io.Copy(pair[0], pair[1])
			pair[0].Close()
			pair[1].Close()
		}()
	}
}

// shut cuts all connections and lets none through, until it is opened again.
func (g *gate) shut(yes bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.cut = yes
	for c := range g.open {
		c.Close()
		delete(g.open, c)
	}
}
