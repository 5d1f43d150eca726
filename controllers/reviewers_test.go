package controllers

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lfs-operator/lfs-operator/api/v1alpha1"
	"github.com/lfs-operator/lfs-operator/internal/desired"
)

// letIn lets ServiceAccounts in.
func letIn(r *v1alpha1.LFSRepository) {
	r.Spec.Access = &v1alpha1.Access{Kubernetes: &v1alpha1.KubernetesAccess{}}
}

// TestReviewers: exactly the servers that have to ask may ask, each about its own
// namespace, and no longer than they have to.
func TestReviewers(t *testing.T) {
	w := newWorld(t)
	w.create("one", letIn)
	w.create("two", letIn)
	w.create("three")
	w.ready("one")
	w.ready("two")
	w.ready("three")
	w.mayReview("one", "two")
	binding := &rbacv1.RoleBinding{}
	if err := w.c.Get(t.Context(), client.ObjectKey{Namespace: w.ns, Name: "one-lfs"}, binding); err != nil {
		t.Fatal(err)
	}
	if binding.RoleRef.Name != desired.AccessReviewerRole || len(binding.Subjects) != 1 || binding.Subjects[0].Name != "one-lfs" {
		t.Errorf("the RoleBinding is %+v", binding)
	}
	if err := w.c.Get(t.Context(), client.ObjectKey{Namespace: w.ns, Name: "three-lfs"}, binding); !apierrors.IsNotFound(err) {
		t.Errorf("a RoleBinding for a server that does not ask: %v", err)
	}

	// While nobody looks: one changes its mind, one goes.
	w.stop()
	w.change("one", func(r *v1alpha1.LFSRepository) { r.Spec.Access = nil })
	if err := w.c.Delete(t.Context(), w.get("two")); err != nil {
		t.Fatal(err)
	}
	w.start()
	w.ready("one")
	w.mayReview()
	w.eventually("the RoleBinding goes", func() string {
		if err := w.c.Get(t.Context(), client.ObjectKey{Namespace: w.ns, Name: "one-lfs"}, binding); !apierrors.IsNotFound(err) {
			return fmt.Sprint("still there: ", err)
		}
		return ""
	})
}

// mayReview waits until the servers of these repositories, and no others of the
// namespace, may ask whose a token is.
func (w *world) mayReview(names ...string) {
	w.t.Helper()
	w.eventually("the binding has its subjects", func() string {
		var binding rbacv1.ClusterRoleBinding
		if err := w.c.Get(w.t.Context(), client.ObjectKey{Name: desired.TokenReviewers}, &binding); err != nil {
			return err.Error()
		}
		var got []string
		for _, s := range binding.Subjects {
			if s.Namespace == w.ns {
				got = append(got, s.Name)
			}
		}
		var want []string
		for _, name := range names {
			want = append(want, desired.ServerName(name))
		}
		if !slices.Equal(got, want) {
			return fmt.Sprint(got)
		}
		return ""
	})
}

// TestBindingsAreBounded: with the permissions that we ship, no other role can be
// bound, neither to a server nor to anybody else.
func TestBindingsAreBounded(t *testing.T) {
	w := newWorld(t)
	operator, err := client.New(operatorConfig(t), client.Options{Scheme: testScheme(t)})
	if err != nil {
		t.Fatal(err)
	}
	subject := []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Name: "default", Namespace: w.ns}}
	for _, role := range []string{"cluster-admin", "system:aggregate-to-admin", "system:aggregate-to-edit", "lfs-operator-token-reviewer"} {
		binding := &rbacv1.RoleBinding{
			ObjectMeta: metav1.ObjectMeta{Namespace: w.ns, Name: strings.ReplaceAll(role, ":", "-")},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role}, Subjects: subject,
		}
		// Bound in a namespace, the last one is good for nothing.
		if err := operator.Create(t.Context(), binding); apierrors.IsForbidden(err) == (role == "lfs-operator-token-reviewer") {
			t.Errorf("binding %s in a namespace: %v", role, err)
		}
	}
	wide := &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: w.ns},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "lfs-operator-token-reviewer"}, Subjects: subject,
	}
	if err := operator.Create(t.Context(), wide); !apierrors.IsForbidden(err) {
		t.Errorf("another ClusterRoleBinding: %v", err)
	}
	if err := operator.Delete(t.Context(), &rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{Name: desired.TokenReviewers}}); !apierrors.IsForbidden(err) {
		t.Errorf("deleting the binding: %v", err)
	}
}
