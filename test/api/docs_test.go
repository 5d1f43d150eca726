package api

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"

	"github.com/lfs-operator/lfs-operator/test/assets"
)

// The page of a kind changes in the commit that changes its type: every field
// of the schema is named there.
func TestDocsNameEveryField(t *testing.T) {
	root := assets.Root(t)
	for page, definition := range map[string]string{
		"lfsrepository.md": "lfs-operator.dev_lfsrepositories.yaml",
		"lfsstore.md":      "lfs-operator.dev_lfsstores.yaml",
	} {
		text, err := os.ReadFile(filepath.Join(root, "docs", "api", page))
		if err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(filepath.Join(root, "config", "crd", "bases", definition))
		if err != nil {
			t.Fatal(err)
		}
		crd := &apiextensionsv1.CustomResourceDefinition{}
		if err := yaml.UnmarshalStrict(b, crd); err != nil {
			t.Fatal(err)
		}
		spec := crd.Spec.Versions[0].Schema.OpenAPIV3Schema.Properties["spec"]
		for _, path := range fields(spec, "") {
			name := path[strings.LastIndexByte(path, '.')+1:]
			if !strings.Contains(string(text), name) {
				t.Errorf("docs/api/%s does not name spec%s", page, path)
			}
		}
	}
}

// fields lists the paths under a schema. What belongs to Kubernetes' own types
// is documented there.
func fields(schema apiextensionsv1.JSONSchemaProps, path string) []string {
	switch path {
	case ".server.resources", ".server.podTemplate.tolerations", ".allowedNamespaces.selector":
		return []string{path}
	}
	if schema.Items != nil {
		return fields(*schema.Items.Schema, path)
	}
	if len(schema.Properties) == 0 {
		return []string{path}
	}
	var out []string
	for name, property := range schema.Properties {
		out = append(out, fields(property, path+"."+name)...)
	}
	return out
}
