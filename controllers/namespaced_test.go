package controllers

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/lfs-operator/lfs-operator/api/v1alpha1"
	"github.com/lfs-operator/lfs-operator/test/assets"
)

// TestNamespacedInstall: with the permissions of config/namespaced, bound in its
// namespaces alone, the operator does all its work there, and nowhere else could
// it do any.
func TestNamespacedInstall(t *testing.T) {
	const user = "the-operator-of-few-namespaces"
	w := newWorldAs(t, user, "servers")
	store := &v1alpha1.LFSStore{ObjectMeta: metav1.ObjectMeta{Name: w.ns}}
	store.Spec = v1alpha1.LFSStoreSpec{
		Endpoint: "http://store.example:9000", ServerNamespace: w.others[0], Bucket: "shared",
		CredentialsSecretRef: &v1alpha1.LocalReference{Name: "admin-credentials"},
		AllowedNamespaces:    &v1alpha1.AllowedNamespaces{From: v1alpha1.NamespacesAll},
	}
	if err := w.c.Create(t.Context(), store); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.c.Delete(background, store) })
	w.create("own", letIn)
	w.create("models", letIn, inStore(w))
	w.ready("own")
	w.ready("models")

	for _, namespace := range []string{"kube-system", "lfs-operator-system"} {
		for _, r := range rulesOf(t, namespace, user) {
			for _, what := range spell(r) {
				switch what {
				case "get /namespaces", "list /namespaces", "watch /namespaces",
					"get lfs-operator.dev/lfsstores", "list lfs-operator.dev/lfsstores", "watch lfs-operator.dev/lfsstores", "update lfs-operator.dev/lfsstores/status",
					"get rbac.authorization.k8s.io/clusterrolebindings", "patch rbac.authorization.k8s.io/clusterrolebindings", "bind rbac.authorization.k8s.io/clusterroles":
				default:
					t.Errorf("in %s the operator may %s", namespace, what)
				}
			}
		}
	}
}

// bindNamespaced gives a user what config/namespaced gives the operator, with the
// world's namespaces in place of those of the example.
func (w *world) bindNamespaced() {
	w.t.Helper()
	root := assets.Root(w.t)
	out, err := exec.CommandContext(w.t.Context(), filepath.Join(assets.KubeAssets(w.t), "kubectl"), "kustomize", filepath.Join(root, "config", "namespaced")).Output()
	if err != nil {
		w.t.Fatal(err)
	}
	subjects := []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: w.user}}
	bound := 0
	for doc := range strings.SplitSeq(string(out), "---\n") {
		var role rbacv1.ClusterRole
		var binding rbacv1.ClusterRoleBinding
		if err := yaml.Unmarshal([]byte(doc), &binding); err != nil {
			w.t.Fatal(err)
		}
		switch {
		case binding.Kind == "ClusterRole" && binding.Name == "lfs-operator-cluster":
			if err := yaml.Unmarshal([]byte(doc), &role); err != nil {
				w.t.Fatal(err)
			}
			if err := w.c.Create(w.t.Context(), &role); err != nil && !apierrors.IsAlreadyExists(err) {
				w.t.Fatal(err)
			}
		case binding.Kind == "ClusterRoleBinding" && binding.Name != "lfs-operator-token-reviewers":
			bound++
			b := &rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{Name: w.ns}, RoleRef: binding.RoleRef, Subjects: subjects}
			w.must(w.c.Create(w.t.Context(), b))
			w.t.Cleanup(func() { _ = w.c.Delete(background, b) })
		case binding.Kind == "RoleBinding" && binding.Namespace == "team-a":
			bound++
			for _, namespace := range w.namespaces() {
				w.must(w.c.Create(w.t.Context(), &rbacv1.RoleBinding{
					ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: binding.Name}, RoleRef: binding.RoleRef, Subjects: subjects,
				}))
			}
		}
	}
	if bound != 2 {
		w.t.Fatalf("config/namespaced has %d bindings that this test knows, want 2", bound)
	}
	// RBAC comes into force a moment later.
	w.eventually("the operator is let in", func() string {
		c, err := client.New(configOf(w.t, w.user), client.Options{Scheme: testScheme(w.t)})
		if err == nil {
			err = errorsOf(c.List(w.t.Context(), &v1alpha1.LFSRepositoryList{}, client.InNamespace(w.ns)), c.List(w.t.Context(), &v1alpha1.LFSStoreList{}))
		}
		if err != nil {
			return err.Error()
		}
		return ""
	})
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}
