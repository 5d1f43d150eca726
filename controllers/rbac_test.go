package controllers

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lfs-operator/lfs-operator/test/assets"
	"github.com/lfs-operator/lfs-operator/test/manifests"
)

// TestSecretVerbs lists who may do what with Secrets: by the roles that we ship,
// and by what the API server answers to each account that asks for itself.
func TestSecretVerbs(t *testing.T) {
	want := map[string][]string{
		"ClusterRole lfs-operator": {"create", "delete"}, // in tenants' namespaces
		"Role lfs-operator":        {"create", "get"},    // the key that all secrets are derived from
	}
	got := map[string][]string{}
	for _, role := range shippedRoles(t) {
		if verbs := verbsOn(role.rules(), "", "secrets"); len(verbs) > 0 {
			got[role.Kind+" "+role.Name] = verbs
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("roles that we ship, on Secrets (-want +got):\n%s", diff)
	}

	w, _ := newStoreWorld(t)
	w.create("own", letIn)
	w.create("models", letIn, inStore(w))
	w.create("none")
	for _, name := range []string{"own", "none", "models"} {
		w.ready(name)
	}
	operator := rulesOf(t, w.ns, operatorUser)
	verbs := verbsOn(operator, "", "secrets")
	if !slices.Equal(verbs, []string{"create", "delete"}) {
		t.Errorf("the operator may %q Secrets in a tenant's namespace", verbs)
	}
	for _, r := range operator {
		if slices.Contains(r.Verbs, "*") || slices.Contains(r.Resources, "*") || slices.Contains(r.APIGroups, "*") {
			t.Errorf("the operator has a wildcard: %+v", r)
		}
	}
	w.serversMayNothing()
	t.Logf("rbac-secret-verbs=%s", strings.Join(verbs, ","))
}

// serversMayNothing: the accounts of servers and scans may ask whose a token is
// and what it opens, where they have to, and nothing else.
func (w *world) serversMayNothing() {
	w.t.Helper()
	at := serverOf(w.get("models"))
	review := []string{"create authentication.k8s.io/tokenreviews", "create authorization.k8s.io/localsubjectaccessreviews"}
	for _, tc := range []struct {
		namespace, account, in string
		want                   []string
	}{
		{w.ns, "own-lfs", w.ns, review},
		{w.ns, "none-lfs", w.ns, nil},
		{w.ns, "models-lfs", w.ns, nil}, // the scan's
		{at.Namespace, at.Base + "-lfs", w.ns, review},
		{at.Namespace, at.Base + "-lfs", at.Namespace, review[:1]},
		{at.Namespace, at.Base + "-lfs", "kube-system", review[:1]},
	} {
		w.eventually("the permissions of "+tc.namespace+"/"+tc.account+" in "+tc.in, func() string {
			var got []string
			for _, r := range rulesOf(w.t, tc.in, "system:serviceaccount:"+tc.namespace+":"+tc.account) {
				got = append(got, spell(r)...)
			}
			slices.Sort(got)
			return cmp.Diff(tc.want, got)
		})
	}
}

// spell writes a rule as verb, group and resource, but for what every account
// may ask about itself.
func spell(r authorizationv1.ResourceRule) (out []string) {
	for _, group := range r.APIGroups {
		for _, resource := range r.Resources {
			if strings.HasPrefix(resource, "selfsubject") {
				continue
			}
			for _, verb := range r.Verbs {
				out = append(out, verb+" "+group+"/"+resource)
			}
		}
	}
	return out
}

// rulesOf lets a user ask what they may do in a namespace.
func rulesOf(t *testing.T, namespace, user string) []authorizationv1.ResourceRule {
	t.Helper()
	config := restConfig(t)
	config.Impersonate = rest.ImpersonationConfig{UserName: user, Groups: []string{"system:authenticated"}}
	c, err := client.New(config, client.Options{Scheme: testScheme(t)})
	if err != nil {
		t.Fatal(err)
	}
	review := &authorizationv1.SelfSubjectRulesReview{Spec: authorizationv1.SelfSubjectRulesReviewSpec{Namespace: namespace}}
	if err := c.Create(t.Context(), review); err != nil {
		t.Fatal(err)
	}
	if review.Status.Incomplete || review.Status.EvaluationError != "" {
		t.Fatalf("the API server does not know all that %s may do: %s", user, review.Status.EvaluationError)
	}
	return review.Status.ResourceRules
}

// verbsOn a resource, sorted.
func verbsOn(rules []authorizationv1.ResourceRule, group, resource string) (verbs []string) {
	for _, r := range rules {
		if (slices.Contains(r.APIGroups, group) || slices.Contains(r.APIGroups, "*")) &&
			(slices.Contains(r.Resources, resource) || slices.Contains(r.Resources, "*")) {
			verbs = append(verbs, r.Verbs...)
		}
	}
	slices.Sort(verbs)
	return slices.Compact(verbs)
}

// shippedRole is a Role or a ClusterRole.
type shippedRole struct{ rbacv1.ClusterRole }

func (r shippedRole) rules() (out []authorizationv1.ResourceRule) {
	for _, rule := range r.Rules {
		out = append(out, authorizationv1.ResourceRule{Verbs: rule.Verbs, APIGroups: rule.APIGroups, Resources: rule.Resources})
	}
	return out
}

// shippedRoles are all Roles and ClusterRoles of config/rbac.
func shippedRoles(t *testing.T) (out []shippedRole) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(assets.Root(t), "config", "rbac", "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatal("no roles in config/rbac", err)
	}
	for _, file := range files {
		objects, err := manifests.Read(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range objects {
			if kind := o.GetKind(); kind != "Role" && kind != "ClusterRole" {
				continue
			}
			var role shippedRole
			if err := runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, &role.ClusterRole); err != nil {
				t.Fatal(err)
			}
			out = append(out, role)
		}
	}
	return out
}
