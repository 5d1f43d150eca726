package api

import (
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

func TestValidManifests(t *testing.T) {
	cases := map[string]struct {
		base   string
		change string
	}{
		"every field":      {base: "own-store.yaml"},
		"an admin's store": {base: "lfsstore.yaml"},
		"minimal":          {base: "minimal.yaml"},
	}
	c := newClient(t)
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			obj := patched(t, manifest(t, tc.base), tc.change)
			if err := c.Create(t.Context(), obj, client.DryRunAll, client.FieldValidation("Strict")); err != nil {
				t.Error(err)
			}
		})
	}
}
