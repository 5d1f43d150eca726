package api

import (
	"strings"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

const roleARN = "arn:aws:iam::123456789012:role/lfs"

func TestValidStores(t *testing.T) {
	cases := map[string]struct{ base, change string }{
		"every field":                  {base: "store.yaml"},
		"minimal":                      {base: "store-minimal.yaml"},
		"name with dots":               {base: "store-minimal.yaml", change: "metadata: {name: s3.eu}"},
		"all namespaces":               {base: "store-minimal.yaml", change: "spec: {allowedNamespaces: {from: All}}"},
		"no namespaces":                {base: "store-minimal.yaml", change: "spec: {allowedNamespaces: {from: None}}"},
		"namespaces of any label":      {base: "store-minimal.yaml", change: "spec: {allowedNamespaces: {from: Selector, selector: {}}}"},
		"prefix of the UID alone":      {base: "store-minimal.yaml", change: "spec: {prefixTemplate: '{uid}/'}"},
		"bucket of the UID":            {base: "store-minimal.yaml", change: "spec: {bucket: null, bucketTemplate: 'a-{uid}'}"},
		"one host for all":             {base: "store-minimal.yaml", change: "spec: {exposure: {endpoints: [{hostTemplate: 'lfs.example.com:8443'}]}}"},
		"host that begins with a name": {base: "store-minimal.yaml", change: "spec: {exposure: {endpoints: [{hostTemplate: '{name}-{namespace}.example.com'}]}}"},
		"empty groups":                 {base: "store-minimal.yaml", change: "spec: {defaults: {}, limits: {}, server: {}, gc: {}}"},
		"a role":                       {base: "store-minimal.yaml", change: "spec: {credentialsSecretRef: null, webIdentity: {roleARN: '" + roleARN + "', audience: lfs, stsEndpoint: 'https://sts.example.com'}, sessions: {duration: 1h, mode: Required}}"},
		"shared servers":               {base: "store-minimal.yaml", change: "spec: {server: {shared: {}}}"},
		"limits that meet":             {base: "store-minimal.yaml", change: "spec: {limits: {minThreshold: 1M, maxThreshold: 1000k}}"},
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

func TestRefusedStores(t *testing.T) {
	const base = "store-minimal.yaml"
	refusals{
		"no server namespace":        {base: base, change: "spec: {serverNamespace: null}", want: wantRefused{"spec.serverNamespace", "Required value"}},
		"server namespace with dots": {base: base, change: "spec: {serverNamespace: a.b}", want: wantRefused{"spec.serverNamespace", "must be the name of a namespace"}},
		"no credentials":             {base: base, change: "spec: {credentialsSecretRef: null}", want: wantRefused{"webIdentity", "exactly one of the fields"}},
		"key and role":               {base: base, change: "spec: {webIdentity: {roleARN: '" + roleARN + "'}}", want: wantRefused{"webIdentity", "exactly one of the fields"}},
		"a role of nothing":          {base: base, change: "spec: {credentialsSecretRef: null, webIdentity: {}}", want: wantRefused{"spec.webIdentity.roleARN", "Required value"}},
		"a role without sessions":    {base: base, change: "spec: {credentialsSecretRef: null, webIdentity: {roleARN: '" + roleARN + "'}, sessions: {mode: 'Off'}}", want: wantRefused{"spec.sessions.mode", "there is no key"}},
		"two roles":                  {base: base, change: "spec: {credentialsSecretRef: null, webIdentity: {roleARN: '" + roleARN + "'}, sessions: {roleARN: '" + roleARN + "'}}", want: wantRefused{"spec.sessions.roleARN", "webIdentity.roleARN is the role"}},
		"two STS endpoints":          {base: base, change: "spec: {credentialsSecretRef: null, webIdentity: {roleARN: '" + roleARN + "'}, sessions: {endpoint: 'https://sts.example.com'}}", want: wantRefused{"spec.sessions.endpoint", "webIdentity.stsEndpoint makes"}},
		"endpoint with a path":       {base: base, change: "spec: {endpoint: 'https://s3.example.com/x'}", want: wantRefused{"spec.endpoint", hostOnly}},
		"name of 64 characters":      {base: base, change: "metadata: {name: " + strings.Repeat("a", 64) + "}", want: wantRefused{"metadata.name", "at most 63 characters"}},
		"no bucket":                  {base: base, change: "spec: {bucket: null}", want: wantRefused{"bucketTemplate", "exactly one of the fields"}},
		"bucket and template":        {base: base, change: "spec: {bucketTemplate: 'lfs-{namespace}'}", want: wantRefused{"bucketTemplate", "exactly one of the fields"}},
		"bucket template of nothing": {base: base, change: "spec: {bucket: null, bucketTemplate: lfs}", want: wantRefused{"spec.bucketTemplate", "at least one of {namespace}, {name} and {uid}"}},
		"bucket template of a typo":  {base: base, change: "spec: {bucket: null, bucketTemplate: 'lfs-{ns}'}", want: wantRefused{"spec.bucketTemplate", "at least one of"}},
		"bucket template begins -":   {base: base, change: "spec: {bucket: null, bucketTemplate: '-{uid}'}", want: wantRefused{"spec.bucketTemplate", "at least one of"}},
		"prefix without uid":         {base: base, change: "spec: {prefixTemplate: '{namespace}/{name}/'}", want: wantRefused{"spec.prefixTemplate", "must hold {uid} exactly once"}},
		"prefix with two uids":       {base: base, change: "spec: {prefixTemplate: '{uid}/{uid}/'}", want: wantRefused{"spec.prefixTemplate", "must hold {uid} exactly once"}},
		"prefix without / at end":    {base: base, change: "spec: {prefixTemplate: '{uid}'}", want: wantRefused{"spec.prefixTemplate", "must end with /"}},
		"prefix with ..":             {base: base, change: "spec: {prefixTemplate: '../{uid}/'}", want: wantRefused{"spec.prefixTemplate", "must not hold . or .."}},
		"prefix of a typo":           {base: base, change: "spec: {prefixTemplate: '{user}/{uid}/'}", want: wantRefused{"spec.prefixTemplate", "must end with /"}},
		"allowed bucket":             {base: base, change: "spec: {allowedBuckets: [A]}", want: wantRefused{"spec.allowedBuckets[0]", "must be a bucket name"}},
		"selector without a reason":  {base: base, change: "spec: {allowedNamespaces: {from: All, selector: {}}}", want: wantRefused{"spec.allowedNamespaces.selector", "only there"}},
		"no selector":                {base: base, change: "spec: {allowedNamespaces: {from: Selector}}", want: wantRefused{"spec.allowedNamespaces.selector", "must be set where from is Selector"}},
		"namespaces from nowhere":    {base: base, change: "spec: {allowedNamespaces: {from: Same}}", want: wantRefused{"spec.allowedNamespaces.from", "Unsupported value"}},
		"fraction of a byte":         {base: base, change: "spec: {defaults: {threshold: 100m}}", want: wantRefused{"spec.defaults.threshold", wholeBytes}},
		"default of no versions":     {base: base, change: "spec: {defaults: {keepVersions: 0}}", want: wantRefused{"spec.defaults.keepVersions", "greater than or equal to 1"}},
		"small default parts":        {base: base, change: "spec: {defaults: {multipart: {partSize: 1M}}}", want: wantRefused{"spec.defaults.multipart.partSize", "at least 5Mi"}},
		"default grace of days":      {base: base, change: "spec: {defaults: {gc: {gracePeriod: 7d}}}", want: wantRefused{"spec.defaults.gc.gracePeriod", aDuration}},
		"limit of days":              {base: base, change: "spec: {limits: {minQuarantine: 7d}}", want: wantRefused{"spec.limits.minQuarantine", aDuration}},
		"limits crossed":             {base: base, change: "spec: {limits: {minThreshold: 2M, maxThreshold: 1M}}", want: wantRefused{"spec.limits.maxThreshold", "at least minThreshold"}},
		"part limits crossed":        {base: base, change: "spec: {limits: {minPartSize: 20M, maxPartSize: 10M}}", want: wantRefused{"spec.limits.maxPartSize", "at least minPartSize"}},
		"forbidden by a typo":        {base: base, change: "spec: {limits: {forbidden: [Anonymous]}}", want: wantRefused{"spec.limits.forbidden[0]", "Unsupported value"}},
		"host of a typo":             {base: base, change: "spec: {exposure: {endpoints: [{hostTemplate: '{repo}.example.com'}]}}", want: wantRefused{"spec.exposure.endpoints[0].hostTemplate", "must be host[:port] in lower case"}},
		"host with a path":           {base: base, change: "spec: {exposure: {endpoints: [{hostTemplate: 'example.com/lfs'}]}}", want: wantRefused{"spec.exposure.endpoints[0].hostTemplate", "must be host[:port]"}},
		"no endpoints":               {base: base, change: "spec: {exposure: {endpoints: []}}", want: wantRefused{"spec.exposure.endpoints", "at least 1 items"}},
		"servers shared by none":     {base: base, change: "spec: {server: {shared: {repositoriesPerServer: 0}}}", want: wantRefused{"spec.server.shared.repositoriesPerServer", "greater than or equal to 1"}},
		"servers shared by too many": {base: base, change: "spec: {server: {shared: {repositoriesPerServer: 101}}}", want: wantRefused{"spec.server.shared.repositoriesPerServer", "less than or equal to 100"}},
		"unknown field":              {base: base, change: "spec: {buckets: [a]}", want: wantRefused{"spec.buckets", "unknown field"}},
	}.run(t)
}

// Repositories lie where their store said when they were made.
func TestImmutableStores(t *testing.T) {
	const (
		remedy = "is immutable because it says where the data lies (that includes setting and removing it): make a new LFSStore for another place"
		full   = "store.yaml"
		least  = "store-minimal.yaml"
	)
	cases := map[string]struct{ base, change, field, says string }{
		"endpoint changed":         {full, "spec: {endpoint: 'https://s3.example.org'}", "spec.endpoint", remedy},
		"region changed":           {full, "spec: {region: us-east-2}", "spec.region", remedy},
		"region set":               {least, "spec: {region: us-east-2}", "spec.region", remedy},
		"region removed":           {full, "spec: {region: null}", "spec.region", remedy},
		"bucket changed":           {least, "spec: {bucket: other}", "spec.bucket", remedy},
		"bucket to template":       {least, "spec: {bucket: null, bucketTemplate: '{uid}'}", "spec.bucket", remedy},
		"bucketTemplate changed":   {full, "spec: {bucketTemplate: 'x-{namespace}'}", "spec.bucketTemplate", remedy},
		"prefixTemplate changed":   {full, "spec: {prefixTemplate: '{uid}/'}", "spec.prefixTemplate", remedy},
		"prefixTemplate set":       {least, "spec: {prefixTemplate: '{uid}/'}", "spec.prefixTemplate", remedy},
		"prefixTemplate removed":   {full, "spec: {prefixTemplate: null}", "spec.prefixTemplate", remedy},
		"server namespace changed": {full, "spec: {serverNamespace: other}", "spec.serverNamespace", "is immutable because servers run there"},
	}
	c := newClient(t)
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			obj := manifest(t, tc.base)
			create(t, c, obj)
			err := c.Update(t.Context(), patched(t, obj, tc.change), client.DryRunAll)
			if err == nil {
				t.Fatal("the API server took it")
			}
			for _, want := range []string{tc.field + ": ", tc.says} {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the message does not hold %q:\n%v", want, err)
				}
			}
		})
	}
}

// Everything else an administrator may change at any time.
func TestMutableStores(t *testing.T) {
	c := newClient(t)
	for name, tc := range map[string]struct{ base, change string }{
		"all of it removed":  {"store.yaml", "spec: {publicEndpoint: null, addressingStyle: null, caSecretRef: null, createBuckets: null, allowedBuckets: null, allowedNamespaces: null, defaults: null, limits: null, server: null, exposure: null, readOnly: null, gc: null}"},
		"the store's key":    {"store-minimal.yaml", "spec: {credentialsSecretRef: {name: other}}"},
		"a role for the key": {"store-minimal.yaml", "spec: {credentialsSecretRef: null, webIdentity: {roleARN: '" + roleARN + "'}}"},
		"stopped":            {"store-minimal.yaml", "spec: {readOnly: true, gc: {suspend: true}}"},
	} {
		t.Run(name, func(t *testing.T) {
			obj := manifest(t, tc.base)
			create(t, c, obj)
			if err := c.Update(t.Context(), patched(t, obj, tc.change), client.DryRunAll); err != nil {
				t.Error(err)
			}
		})
	}
}
