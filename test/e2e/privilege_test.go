//go:build e2e

package e2e

import (
	"strings"
	"testing"

	"github.com/lfs-operator/lfs-operator/test/harness"
)

// TestLeastPrivilege: the operator makes Secrets in tenants' namespaces and
// reads none.
func TestLeastPrivilege(t *testing.T) {
	t.Parallel()
	const namespace = "e2e-tenant"
	t.Cleanup(func() { endNamespace(t, namespace) })
	noError(t, env.Namespace(t.Context(), namespace))
	user := "system:serviceaccount:" + harness.OperatorNamespace + ":" + kubectl(t, "-n", harness.OperatorNamespace,
		"get", "deployment", "lfs-operator-manager", "-o", "jsonpath={.spec.template.spec.serviceAccountName}")
	for verb, want := range map[string]string{
		// The first two show that it is this account that is asked about.
		"create": "yes", "delete": "yes",
		"get": "no", "list": "no", "watch": "no", "patch": "no", "update": "no", "deletecollection": "no",
	} {
		if got := canI(t, user, namespace, verb, "secrets"); got != want {
			t.Errorf("may the operator %s Secrets of a tenant? %s, want %s", verb, got, want)
		}
	}
	for _, forbidden := range [][]string{
		{"*", "*"}, {"impersonate", "users"}, {"get", "nodes"}, {"delete", "namespaces"}, {"delete", "lfsrepositories.lfs-operator.dev"},
		{"create", "pods", "--subresource=exec"}, {"get", "pods", "--subresource=log"}, {"create", "serviceaccounts", "--subresource=token"},
		{"create", "clusterrolebindings.rbac.authorization.k8s.io"}, {"delete", "clusterrolebindings.rbac.authorization.k8s.io"},
		{"patch", "clusterrolebindings.rbac.authorization.k8s.io"}, {"create", "roles.rbac.authorization.k8s.io"},
		{"bind", "clusterroles.rbac.authorization.k8s.io"}, {"escalate", "clusterroles.rbac.authorization.k8s.io"},
		{"create", "tokenreviews.authentication.k8s.io"}, {"create", "localsubjectaccessreviews.authorization.k8s.io"},
	} {
		if got := canI(t, user, namespace, forbidden...); got != "no" {
			t.Errorf("may the operator %v? %s, want no", forbidden, got)
		}
	}
}

// TestBindsOneRoleOnly: RoleBindings of the operator's go to the role that its
// servers need, and to none that would open more.
func TestBindsOneRoleOnly(t *testing.T) {
	t.Parallel()
	const namespace = "e2e-bindings"
	t.Cleanup(func() { endNamespace(t, namespace) })
	noError(t, env.Namespace(t.Context(), namespace))
	user := "system:serviceaccount:" + harness.OperatorNamespace + ":lfs-operator"
	for role, want := range map[string]bool{
		"lfs-operator-access-reviewer": true, "cluster-admin": false, "admin": false, "edit": false, "view": false,
	} {
		_, err := env.Kubectl(t.Context(), "-n", namespace, "create", "rolebinding", "try-"+role, "--clusterrole="+role,
			"--serviceaccount="+namespace+":default", "--as="+user, "--dry-run=server")
		if (err == nil) != want {
			t.Errorf("may the operator bind %s? %v, want %t", role, err, want)
		}
		if !want && err != nil && !strings.Contains(err.Error(), "attempting to grant RBAC permissions not currently held") {
			t.Errorf("%s: refused for another reason: %v", role, err)
		}
	}
}

// canI answers yes or no; kubectl fails with a no.
func canI(t *testing.T, user, namespace string, what ...string) string {
	t.Helper()
	out, err := env.Kubectl(t.Context(), append([]string{"-n", namespace, "auth", "can-i", "--as=" + user}, what...)...)
	answer, _, _ := strings.Cut(strings.TrimSpace(out), " ")
	if answer != "yes" && answer != "no" {
		t.Fatalf("auth can-i %v: %q %v", what, out, err)
	}
	return answer
}

// TestInvalidManifests shows for two mistakes that the server itself refuses
// them; the table of all stands in test/api.
func TestInvalidManifests(t *testing.T) {
	t.Parallel()
	const namespace = "e2e-invalid"
	t.Cleanup(func() { endNamespace(t, namespace) })
	noError(t, env.Namespace(t.Context(), namespace))
	for name, tc := range map[string]struct {
		spec string
		says []string
	}{
		"fraction of a byte": {"  bucket: some-bucket\n  threshold: 100m\n  storage: {endpoint: http://store, credentialsSecretRef: {name: s}}\n",
			[]string{"spec.threshold", "for example 10M"}},
		"storage without bucket": {"  storage: {endpoint: http://store, credentialsSecretRef: {name: s}}\n",
			[]string{"spec.bucket", "name the bucket"}},
	} {
		err := env.Apply(t.Context(), "apiVersion: lfs-operator.dev/v1alpha1\nkind: LFSRepository\nmetadata: {name: bad, namespace: "+namespace+"}\nspec:\n"+tc.spec)
		if err == nil {
			t.Errorf("%s: accepted", name)
			continue
		}
		for _, word := range tc.says {
			if !strings.Contains(err.Error(), word) {
				t.Errorf("%s: refused without %q: %v", name, word, err)
			}
		}
	}
}
