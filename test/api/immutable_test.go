package api

import (
	"strings"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Whoever changed where the data lies would find an empty repository, and
// garbage collection would meet the objects of another. So it is refused, in all
// three directions: another value, a value where there was none, and none.
func TestImmutable(t *testing.T) {
	const remedy = "is immutable because it says where the data lies (that includes setting and removing it): make a new LFSRepository for another place"
	cases := map[string]struct {
		base, before, change string
		wantField            string
	}{
		"bucket changed":     {base: "minimal.yaml", change: "spec: {bucket: other-bucket}", wantField: "spec.bucket"},
		"bucket set":         {base: "lfsstore.yaml", before: "spec: {bucket: null}", change: "spec: {bucket: other-bucket}", wantField: "spec.bucket"},
		"bucket removed":     {base: "lfsstore.yaml", change: "spec: {bucket: null}", wantField: "spec.bucket"},
		"prefix changed":     {base: "own-store.yaml", change: "spec: {prefix: other/}", wantField: "spec.prefix"},
		"prefix set":         {base: "minimal.yaml", change: "spec: {prefix: other/}", wantField: "spec.prefix"},
		"prefix removed":     {base: "own-store.yaml", change: "spec: {prefix: null}", wantField: "spec.prefix"},
		"storeRef changed":   {base: "lfsstore.yaml", change: "spec: {storeRef: {name: other}}", wantField: "spec.storeRef"},
		"storeRef set":       {base: "lfsstore.yaml", before: "spec: {storeRef: null}", change: "spec: {storeRef: {name: other}}", wantField: "spec.storeRef"},
		"storeRef removed":   {base: "lfsstore.yaml", change: "spec: {storeRef: null}", wantField: "spec.storeRef"},
		"adoptFrom changed":  {base: "own-store.yaml", change: "spec: {adoptFrom: {prefix: other/}}", wantField: "spec.adoptFrom"},
		"adoptFrom set":      {base: "minimal.yaml", change: "spec: {adoptFrom: {prefix: other/}}", wantField: "spec.adoptFrom"},
		"adoptFrom removed":  {base: "own-store.yaml", change: "spec: {adoptFrom: null}", wantField: "spec.adoptFrom"},
		"storage set":        {base: "lfsstore.yaml", before: "spec: {storeRef: null}", change: "spec: {storage: {endpoint: 'https://s3.example.com', credentialsSecretRef: {name: s3}}}", wantField: "spec.storage"},
		"storage removed":    {base: "minimal.yaml", change: "spec: {storage: null}", wantField: "spec.storage"},
		"storage to a store": {base: "minimal.yaml", change: "spec: {storage: null, storeRef: {name: other}}", wantField: "spec.storage"},
		"endpoint changed":   {base: "minimal.yaml", change: "spec: {storage: {endpoint: 'https://s3.example.org'}}", wantField: "spec.storage.endpoint"},
		"region changed":     {base: "own-store.yaml", change: "spec: {storage: {region: us-east-2}}", wantField: "spec.storage.region"},
		"region set":         {base: "minimal.yaml", change: "spec: {storage: {region: us-east-2}}", wantField: "spec.storage.region"},
		"region removed":     {base: "own-store.yaml", change: "spec: {storage: {region: null}}", wantField: "spec.storage.region"},
	}
	c := newClient(t)
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			obj := patched(t, manifest(t, tc.base), tc.before)
			create(t, c, obj)
			err := c.Update(t.Context(), patched(t, obj, tc.change), client.DryRunAll)
			if err == nil {
				t.Fatal("the API server took it")
			}
			for _, want := range []string{tc.wantField + ": ", remedy} {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the message does not hold %q:\n%v", want, err)
				}
			}
		})
	}
}

// Everything else may change at any time, and be set and removed.
func TestMutable(t *testing.T) {
	cases := map[string]struct{ base, change string }{
		"all policy, removed":                     {base: "own-store.yaml", change: "spec: {threshold: null, suffixRules: null, keepVersions: null, quota: null, history: null, gc: null, multipart: null, transfer: null, access: null, server: null, exposure: null, deletionPolicy: null, suspend: null}"},
		"how clients and servers reach the store": {base: "minimal.yaml", change: "spec: {storage: {publicEndpoint: 'https://s3.example.org', addressingStyle: VirtualHosted, caSecretRef: {name: ca}, createBucket: true, encryption: {type: SSE-KMS}}}"},
		"the store's key":                         {base: "minimal.yaml", change: "spec: {storage: {credentialsSecretRef: {name: other}}}"},
		"a role for the key":                      {base: "minimal.yaml", change: "spec: {storage: {credentialsSecretRef: null, webIdentity: {roleARN: '" + roleARN + "'}}}"},
		"quota":                                   {base: "minimal.yaml", change: "spec: {quota: 1Gi}"},
		"suspend":                                 {base: "minimal.yaml", change: "spec: {suspend: true}"},
	}
	c := newClient(t)
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			obj := manifest(t, tc.base)
			create(t, c, obj)
			if err := c.Update(t.Context(), patched(t, obj, tc.change), client.DryRunAll); err != nil {
				t.Error(err)
			}
		})
	}
}
