package controllers

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lfs-operator/lfs-operator/api/v1alpha1"
	"github.com/lfs-operator/lfs-operator/internal/desired"
	"github.com/lfs-operator/lfs-operator/test/assets"
	"github.com/lfs-operator/lfs-operator/test/manifests"
)

// TestTenantBreaches: two tenants with repositories of one name in one store. A is
// "admin" of a namespace and tries, at the API server and by what may stand in a
// manifest, to reach B, the administrator's namespaces and the administrator's
// word. Each attempt is a cell; one that is not refused as it should be is a breach.
func TestTenantBreaches(t *testing.T) {
	w := newWorldOf(t, "servers", "b", "operator")
	b := *w
	b.ns = w.others[1]
	m := &intruder{world: w, b: &b, servers: w.others[0], operator: w.others[2]}
	m.prepare()
	m.atTheAPIServer()
	m.inTheManifest()
	m.inThePodTemplate()
	m.whereTheDataLies()
	m.byForgedObjects()
	m.byTheNameOfTheDead()
	t.Logf("tenant-breaches=%d of %d cells", m.breaches, m.cells)
}

// intruder is tenant A: the world's namespace is theirs.
type intruder struct {
	*world
	b                 *world
	servers, operator string
	// a is A at the API server.
	a               client.Client
	cells, breaches int
}

// prepare makes the store, B's repository, and A, who has all that the cluster's
// role "admin" gives in a namespace.
func (m *intruder) prepare() {
	m.t.Helper()
	store := &v1alpha1.LFSStore{
		ObjectMeta: metav1.ObjectMeta{Name: m.ns},
		Spec: v1alpha1.LFSStoreSpec{
			Endpoint: "http://store.example:9000", ServerNamespace: m.servers, Bucket: "shared", AllowedBuckets: []string{"allowed"},
			CredentialsSecretRef: &v1alpha1.LocalReference{Name: "admin-credentials"},
			AllowedNamespaces:    &v1alpha1.AllowedNamespaces{From: v1alpha1.NamespacesAll},
		},
	}
	closed := store.DeepCopy()
	closed.Name, closed.Spec.AllowedNamespaces = m.ns+"-closed", &v1alpha1.AllowedNamespaces{From: v1alpha1.NamespacesNone}
	for _, s := range []*v1alpha1.LFSStore{store, closed} {
		m.do(m.c.Create(m.t.Context(), s))
		m.t.Cleanup(func() { _ = m.c.Delete(background, s) })
	}
	for _, namespace := range []string{m.b.ns, m.servers, m.operator} {
		m.do(m.c.Create(m.t.Context(), &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "admin-credentials"}}))
	}
	rbac := filepath.Join(assets.Root(m.t), "config", "rbac")
	m.do(manifests.Install(background, m.c, filepath.Join(rbac, "tenant_roles.yaml"), filepath.Join(rbac, "delegation.yaml")))
	user := "tenant-" + m.ns
	for _, role := range []string{
		// What the aggregation controller puts into "admin".
		"system:aggregate-to-admin", "system:aggregate-to-edit", "system:aggregate-to-view",
		"lfs-operator-view", "lfs-operator-edit", "lfs-operator-repository-push", "lfs-operator-repository-admin",
	} {
		m.do(m.c.Create(m.t.Context(), &rbacv1.RoleBinding{
			ObjectMeta: metav1.ObjectMeta{Namespace: m.ns, Name: strings.ReplaceAll(role, ":", "-")},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
			Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: user}},
		}))
	}
	config := restConfig(m.t)
	config.Impersonate = rest.ImpersonationConfig{UserName: user, Groups: []string{"system:authenticated"}}
	var err error
	m.a, err = client.New(config, client.Options{Scheme: testScheme(m.t)})
	m.do(err)
	// RBAC comes into force a moment later.
	m.eventually("A is let in", func() string {
		if err := m.a.List(m.t.Context(), &v1alpha1.LFSRepositoryList{}, client.InNamespace(m.ns)); err != nil {
			return err.Error()
		}
		return ""
	})
	m.b.create("models", m.own())
	m.b.ready("models")
}

// own makes a repository lie in the store that both may use.
func (m *intruder) own() func(*v1alpha1.LFSRepository) { return inStore(m.world) }

func (m *intruder) do(errs ...error) {
	m.t.Helper()
	if err := errors.Join(errs...); err != nil {
		m.t.Fatal(err)
	}
}

// refused counts a cell: the API server must say no, and why.
func (m *intruder) refused(what string, err error, reasons ...metav1.StatusReason) {
	m.t.Helper()
	m.cells++
	if len(reasons) == 0 {
		reasons = []metav1.StatusReason{metav1.StatusReasonForbidden}
	}
	for _, reason := range reasons {
		if apierrors.ReasonForError(err) == reason {
			return
		}
	}
	m.breaches++
	m.t.Errorf("%s: %v, want %v", what, err, reasons)
}

// so counts a cell that is about something else than a status.
func (m *intruder) so(what string, ok bool, seen any) {
	m.t.Helper()
	m.cells++
	if !ok {
		m.breaches++
		m.t.Errorf("%s: %v", what, seen)
	}
}

// stalls counts a cell: the operator must refuse a manifest with that reason, and
// make nothing of it where the administrator's servers run.
func (m *intruder) stalls(name, reason string, change ...func(*v1alpha1.LFSRepository)) {
	m.t.Helper()
	repo := m.repository(name, change...)
	m.do(m.a.Create(m.t.Context(), repo))
	repo = m.wait(name, v1alpha1.ConditionReady, metav1.ConditionFalse, reason)
	m.so(name+": nothing is pinned", repo.Status.Location == nil, repo.Status.Location)
	var made corev1.ConfigMapList
	m.do(m.c.List(m.t.Context(), &made, client.InNamespace(m.servers), client.MatchingLabels{v1alpha1.LabelRepositoryUID: string(repo.UID)}))
	m.so(name+": nothing is made beside the store's key", len(made.Items) == 0, made.Items)
	m.do(m.a.Delete(m.t.Context(), repo))
	m.gone(name)
}

// strangersPod is a pod of A's own that calls itself something.
func (m *intruder) strangersPod(name string, labels map[string]string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: m.ns, Name: name, Labels: labels},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: desired.ContainerServer, Image: "x"}}},
	}
}
