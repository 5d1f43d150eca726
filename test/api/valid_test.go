package api

import (
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lfs-operator/lfs-operator/test/assets"
)

func TestValidManifests(t *testing.T) {
	cases := map[string]struct{ base, change string }{
		"every field":                   {base: "own-store.yaml"},
		"an admin's store":              {base: "lfsstore.yaml"},
		"minimal":                       {base: "minimal.yaml"},
		"a role instead of a key":       {base: "minimal.yaml", change: "spec: {storage: {credentialsSecretRef: null, webIdentity: {roleARN: 'arn:minio:iam:us-east-1::role/x-y', audience: minio, stsEndpoint: 'http://s3.stores.svc:9000'}}}"},
		"the default store":             {base: "minimal.yaml", change: "spec: {storage: null, bucket: null}"},
		"name of 40 characters":         {base: "minimal.yaml", change: "metadata: {name: a234567890123456789012345678901234567890}"},
		"name without an end":           {base: "minimal.yaml", change: "metadata: {name: null, generateName: models-}"},
		"store in the cluster":          {base: "minimal.yaml", change: "spec: {storage: {endpoint: 'http://s3.stores.svc:9000'}}"},
		"store by IPv4":                 {base: "minimal.yaml", change: "spec: {storage: {endpoint: 'http://10.0.0.1:9000'}}"},
		"store by IPv6":                 {base: "minimal.yaml", change: "spec: {storage: {endpoint: 'http://[fd00::1]:9000'}}"},
		"bucket with dots":              {base: "minimal.yaml", change: "spec: {bucket: a.b-c}"},
		"prefix of one part":            {base: "minimal.yaml", change: "spec: {prefix: models/}"},
		"threshold as a number":         {base: "minimal.yaml", change: "spec: {threshold: 1000}"},
		"threshold as a power":          {base: "minimal.yaml", change: "spec: {threshold: 5e6}"},
		"threshold of 1.5 M":            {base: "minimal.yaml", change: "spec: {threshold: 1.5M}"},
		"threshold of half a Mi":        {base: "minimal.yaml", change: "spec: {threshold: 0.5Mi}"},
		"threshold of 1.5 Gi":           {base: "minimal.yaml", change: "spec: {threshold: 1.5Gi}"},
		"part of 5 Mi":                  {base: "minimal.yaml", change: "spec: {multipart: {partSize: 5Mi, threshold: 5Gi}}"},
		"quarantine of a second":        {base: "minimal.yaml", change: "spec: {gc: {quarantine: 1s, gracePeriod: 1s, orphanAfter: 1s}}"},
		"durations as Go writes them":   {base: "minimal.yaml", change: "spec: {gc: {quarantine: 168h0m0s, gracePeriod: 1h30m, orphanAfter: 1.5s}}"},
		"delete limits at the bounds":   {base: "minimal.yaml", change: "spec: {gc: {deleteLimit: 0%}}"},
		"no delete limit":               {base: "minimal.yaml", change: "spec: {gc: {deleteLimit: 100%}}"},
		"schedule by name":              {base: "minimal.yaml", change: "spec: {gc: {schedule: '@daily'}}"},
		"schedule of every minute":      {base: "minimal.yaml", change: "spec: {gc: {schedule: '* * * * *'}}"},
		"schedule with all there is":    {base: "minimal.yaml", change: "spec: {gc: {schedule: '*/15,3 0-6/2 1,15 JAN-mar,12 sun,1-5'}}"},
		"schedule with leading zeros":   {base: "minimal.yaml", change: "spec: {gc: {schedule: '05 03 01 09 *'}}"},
		"time zone UTC":                 {base: "minimal.yaml", change: "spec: {gc: {timeZone: UTC}}"},
		"time zone of three parts":      {base: "minimal.yaml", change: "spec: {gc: {timeZone: America/Argentina/Buenos_Aires}}"},
		"history in the cluster":        {base: "minimal.yaml", change: "spec: {history: [{name: a, url: 'http://git.default.svc:8080/a/b.git'}]}"},
		"history by IPv6":               {base: "minimal.yaml", change: "spec: {history: [{name: a, url: 'ssh://git@[fd00::1]:2222/a.git'}]}"},
		"history with an @ in the path": {base: "minimal.yaml", change: "spec: {history: [{name: a, url: 'https://git.example.com/~me/@scope/a.git'}]}"},
		"endpoint by port-forward":      {base: "minimal.yaml", change: "spec: {exposure: {endpoints: [{host: 'localhost:8080', scheme: http}]}}"},
		"ServiceAccounts":               {base: "minimal.yaml", change: "spec: {access: {kubernetes: {}}}"},
		"no replicas":                   {base: "minimal.yaml", change: "spec: {server: {replicas: 0}}"},
		"empty groups":                  {base: "minimal.yaml", change: "spec: {gc: {}, multipart: {}, access: {}, server: {}, exposure: {}, history: []}"},
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

// What is left out stays out: policy is resolved at each reconcile, so that a
// new default of a store or a release reaches the repositories that exist.
func TestNothingIsDefaulted(t *testing.T) {
	c := newClient(t)
	for _, name := range []string{"minimal.yaml", "lfsstore.yaml", "own-store.yaml", "store.yaml", "store-minimal.yaml"} {
		t.Run(name, func(t *testing.T) {
			want := manifest(t, name)
			got := want.DeepCopy()
			create(t, c, got)
			if err := c.Get(t.Context(), client.ObjectKeyFromObject(got), got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want.Object["spec"], got.Object["spec"]); diff != "" {
				t.Error("-applied +stored\n" + diff)
			}
			if got.Object["status"] != nil {
				t.Errorf("status is there before any controller: %v", got.Object["status"])
			}
		})
	}
}

// What we tell people to apply is applied here.
func TestSamples(t *testing.T) {
	paths, err := filepath.Glob(filepath.Join(assets.Root(t), "config", "samples", "*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	c := newClient(t)
	repositories, stores := 0, 0
	for _, path := range paths {
		for _, obj := range shipped(t, path) {
			switch obj.GetKind() {
			case "LFSRepository":
				repositories++
				// Samples may make their own namespace; here there is only this one.
				obj.SetNamespace("default")
			case "LFSStore":
				stores++
			default:
				continue
			}
			if err := c.Create(t.Context(), obj, client.DryRunAll, client.FieldValidation("Strict")); err != nil {
				t.Errorf("%s, %s %s: %v", filepath.Base(path), obj.GetKind(), obj.GetName(), err)
			}
		}
	}
	if repositories == 0 || stores == 0 {
		t.Errorf("%d LFSRepositories and %d LFSStores in config/samples, want some of each", repositories, stores)
	}
}
