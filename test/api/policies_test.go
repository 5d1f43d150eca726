package api

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lfs-operator/lfs-operator/test/assets"
)

// The policies that an administrator may bind refuse what they are named after,
// with a remedy, and let the rest pass.
func TestPolicies(t *testing.T) {
	c := newClient(t)
	create(t, c, parse(t, []byte(`{apiVersion: v1, kind: Namespace, metadata: {name: policies-without, labels: {bound: hosts-in-domain}}}`)))
	for name, tc := range map[string]struct {
		base    string
		allowed []string
		refused map[string]string // change: what is said
	}{
		"no-own-storage": {
			base:    "lfsstore.yaml",
			allowed: []string{"{}", "spec: {storeRef: null, bucket: null}"},
			refused: map[string]string{
				"spec: {storeRef: null, storage: {endpoint: 'https://s3.example.com', credentialsSecretRef: {name: s}}}": "spec.storage is not allowed in this cluster",
			},
		},
		"no-anonymous-read": {
			base:    "minimal.yaml",
			allowed: []string{"{}", "spec: {access: {tokens: [{name: ci, scope: Read}]}}"},
			refused: map[string]string{"spec: {access: {anonymousRead: true}}": "spec.access.anonymousRead is not allowed"},
		},
		"hosts-in-domain": {
			base: "minimal.yaml",
			allowed: []string{
				"{}", "spec: {exposure: {endpoints: [{host: lfs.example.com}, {host: 'a.lfs.example.com:8443'}]}}",
			},
			refused: map[string]string{
				"spec: {exposure: {endpoints: [{host: lfs.example.com}, {host: lfs.example.org}]}}":                   "may only name hosts in lfs.example.com",
				"spec: {exposure: {endpoints: [{host: evil-lfs.example.com}]}}":                                       "may only name hosts in lfs.example.com",
				"{metadata: {namespace: policies-without}, spec: {exposure: {endpoints: [{host: lfs.example.com}]}}}": "may name no hosts in this namespace",
			},
		},
		"no-routes": {
			base:    "minimal.yaml",
			allowed: []string{"{}", "spec: {exposure: {endpoints: [{host: lfs.example.com}]}}"},
			refused: map[string]string{
				"spec: {exposure: {ingress: {className: nginx}}}":             "are not allowed in this cluster",
				"spec: {exposure: {httpRoute: {parentRefs: [{name: main}]}}}": "are not allowed in this cluster",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(assets.Root(t), "config", "policy")
			policy := shipped(t, filepath.Join(dir, name+".yaml"))[0]
			create(t, c, policy)
			// Only one namespace is bound to it: policies outlive their deletion a little.
			namespace := "policies-" + name
			create(t, c, parse(t, []byte(`{apiVersion: v1, kind: Namespace, metadata: {name: `+namespace+`, labels: {bound: `+name+`}, annotations: {lfs-operator.dev/host-domain: lfs.example.com}}}`)))
			binding := shipped(t, filepath.Join(dir, "binding.yaml"))[0]
			binding.SetName(policy.GetName())
			noError(t, unstructured.SetNestedField(binding.Object, policy.GetName(), "spec", "policyName"))
			noError(t, unstructured.SetNestedMap(binding.Object, map[string]any{"matchLabels": map[string]any{"bound": name}}, "spec", "matchResources", "namespaceSelector"))
			create(t, c, binding)

			base := patched(t, manifest(t, tc.base), "metadata: {namespace: "+namespace+"}")
			for change, says := range tc.refused {
				obj := patched(t, base, change)
				var err error
				// Policies come into force some time after they were made.
				for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
					if err = c.Create(t.Context(), obj.DeepCopy(), client.DryRunAll); err != nil {
						break
					}
				}
				if err == nil || !strings.Contains(err.Error(), says) {
					t.Errorf("%s: %v, want %q", change, err, says)
				}
			}
			for _, change := range tc.allowed {
				if err := c.Create(t.Context(), patched(t, base, change), client.DryRunAll); err != nil {
					t.Errorf("%s: %v", change, err)
				}
			}
		})
	}
}

// The cluster's own roles take in what tenants need, and no more: who may view
// changes nothing.
func TestTenantRoles(t *testing.T) {
	c := newClient(t)
	for i, want := range []struct {
		label string
		verbs []string
	}{
		{"aggregate-to-view", []string{"get", "list", "watch"}},
		{"aggregate-to-edit", []string{"get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"}},
	} {
		obj := shipped(t, filepath.Join(assets.Root(t), "config", "rbac", "tenant_roles.yaml"))[i]
		if err := c.Create(t.Context(), obj.DeepCopy(), client.DryRunAll, client.FieldValidation("Strict")); err != nil {
			t.Fatal(err)
		}
		rules, _, err := unstructured.NestedSlice(obj.Object, "rules")
		noError(t, err)
		rule, ok := rules[0].(map[string]any)
		if !ok || len(rules) != 1 || obj.GetLabels()["rbac.authorization.k8s.io/"+want.label] != "true" {
			t.Fatalf("%s has labels %v, rules %v", obj.GetName(), obj.GetLabels(), rules)
		}
		verbs, _, err := unstructured.NestedStringSlice(rule, "verbs")
		noError(t, err)
		resources, _, err := unstructured.NestedStringSlice(rule, "resources")
		noError(t, err)
		if !slices.Equal(verbs, want.verbs) || !slices.Equal(resources, []string{"lfsrepositories"}) {
			t.Errorf("%s may %v %v", obj.GetName(), verbs, resources)
		}
	}
}

func noError(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
