package api

import (
	"strings"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

// wantRefused is what a message must hold: the field, and what to do about it.
type wantRefused struct{ field, remedy string }

// refusals lists, for a group of fields, changes of a valid manifest and what
// the API server must say to each.
type refusals map[string]struct {
	base   string // own-store.yaml unless set
	change string
	want   wantRefused
}

func (r refusals) run(t *testing.T) {
	c := newClient(t)
	for name, tc := range r {
		t.Run(name, func(t *testing.T) {
			base := tc.base
			if base == "" {
				base = "own-store.yaml"
			}
			obj := patched(t, manifest(t, base), tc.change)
			err := c.Create(t.Context(), obj, client.DryRunAll, client.FieldValidation("Strict"))
			if err == nil {
				t.Fatal("the API server took it")
			}
			for _, want := range []string{tc.want.field, tc.want.remedy} {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the message does not hold %q:\n%v", want, err)
				}
			}
		})
	}
}

const (
	wholeBytes = "must be a whole number of bytes greater than 0, for example 10M or 512Ki"
	aDuration  = "must be a duration in hours, minutes and seconds, for example"
	tenYears   = "must be longer than 0s and at most 87600h (10 years)"
	aLabel     = "must be lower-case letters, digits and -, beginning and ending with a letter or digit"
	hostOnly   = "must be http(s)://host[:port] and nothing after it (no path, query or credentials)"
)

func TestRefusedNames(t *testing.T) {
	refusals{
		"too long":       {change: "metadata: {name: a2345678901234567890123456789012345678901}", want: wantRefused{"metadata.name", "at most 40 characters"}},
		"ends in .git":   {change: "metadata: {name: models.git}", want: wantRefused{"metadata.name", "no dots, so never .git"}},
		"begins with 7":  {change: "metadata: {name: 7b}", want: wantRefused{"metadata.name", "must begin with a letter"}},
		"in upper case":  {change: "metadata: {name: Models}", want: wantRefused{"metadata.name", "lower case"}},
		"unknown field":  {change: "spec: {treshold: 10M}", want: wantRefused{"spec.treshold", "unknown field"}},
		"wrong type":     {change: "spec: {history: yes}", want: wantRefused{"spec.history", "must be of type array"}},
		"no spec at all": {change: "spec: null", want: wantRefused{"spec", "Required value"}},
	}.run(t)
}

func TestRefusedLocations(t *testing.T) {
	refusals{
		"storeRef and storage":                 {change: "spec: {storeRef: {name: standard}}", want: wantRefused{"spec.storage", "must be left out where storeRef is set"}},
		"storeRef without a name":              {base: "lfsstore.yaml", change: "spec: {storeRef: {name: null}}", want: wantRefused{"spec.storeRef.name", "Required value"}},
		"storeRef of a wrong name":             {base: "lfsstore.yaml", change: "spec: {storeRef: {name: a_b}}", want: wantRefused{"spec.storeRef.name", "must be the name of an LFSStore"}},
		"storage without a bucket":             {change: "spec: {bucket: null}", want: wantRefused{"spec.bucket", "must be set where storage is set: name the bucket"}},
		"prefix without storage":               {base: "lfsstore.yaml", change: "spec: {prefix: a/}", want: wantRefused{"spec.prefix", "must be left out where storage is not set"}},
		"bucket in upper case":                 {change: "spec: {bucket: Models}", want: wantRefused{"spec.bucket", "3 to 63 lower-case letters"}},
		"bucket of two letters":                {change: "spec: {bucket: ab}", want: wantRefused{"spec.bucket", "3 to 63 lower-case letters"}},
		"bucket with a path":                   {change: "spec: {bucket: models/a}", want: wantRefused{"spec.bucket", "3 to 63 lower-case letters"}},
		"bucket with two dots":                 {change: "spec: {bucket: a..b}", want: wantRefused{"spec.bucket", "3 to 63 lower-case letters"}},
		"bucket like an address":               {change: "spec: {bucket: 10.0.0.1}", want: wantRefused{"spec.bucket", "3 to 63 lower-case letters"}},
		"bucket empty":                         {change: "spec: {bucket: ''}", want: wantRefused{"spec.bucket", "at least 1 chars"}},
		"bucket too long":                      {change: "spec: {bucket: " + strings.Repeat("a", 64) + "}", want: wantRefused{"spec.bucket", "Too long"}},
		"prefix without / at the end":          {change: "spec: {prefix: a}", want: wantRefused{"spec.prefix", "must end with / and not begin with it"}},
		"prefix with / at the start":           {change: "spec: {prefix: /a/}", want: wantRefused{"spec.prefix", "must end with / and not begin with it"}},
		"prefix with //":                       {change: "spec: {prefix: a//b/}", want: wantRefused{"spec.prefix", "between single slashes"}},
		"prefix with ..":                       {change: "spec: {prefix: a/../b/}", want: wantRefused{"spec.prefix", "must not hold . or .. as a part"}},
		"prefix with a space":                  {change: "spec: {prefix: 'a b/'}", want: wantRefused{"spec.prefix", "of letters, digits and"}},
		"prefix too long":                      {change: "spec: {prefix: " + strings.Repeat("a", 512) + "/}", want: wantRefused{"spec.prefix", "Too long"}},
		"adoptFrom without a prefix":           {change: "spec: {adoptFrom: {prefix: null}}", want: wantRefused{"spec.adoptFrom.prefix", "Required value"}},
		"adoptFrom in another bucket in place": {change: "spec: {adoptFrom: {method: InPlace, bucket: other}}", want: wantRefused{"spec.adoptFrom.bucket", "must be left out"}},
		"adoptFrom in place elsewhere":         {change: "spec: {prefix: mine/, adoptFrom: {method: InPlace}}", want: wantRefused{"spec.prefix", "adoptFrom.prefix"}},
		"adoptFrom without / at end":           {change: "spec: {adoptFrom: {prefix: a}}", want: wantRefused{"spec.adoptFrom.prefix", "must end with /"}},
		"endpoint missing":                     {change: "spec: {storage: {endpoint: null}}", want: wantRefused{"spec.storage.endpoint", "Required value"}},
		"endpoint without scheme":              {change: "spec: {storage: {endpoint: 's3.example.com'}}", want: wantRefused{"spec.storage.endpoint", hostOnly}},
		"endpoint of another scheme":           {change: "spec: {storage: {endpoint: 's3://bucket'}}", want: wantRefused{"spec.storage.endpoint", hostOnly}},
		"endpoint with a path":                 {change: "spec: {storage: {endpoint: 'https://s3.example.com/bucket'}}", want: wantRefused{"spec.storage.endpoint", hostOnly}},
		"endpoint with a query":                {change: "spec: {storage: {endpoint: 'https://s3.example.com?a=b'}}", want: wantRefused{"spec.storage.endpoint", hostOnly}},
		"endpoint with credentials":            {change: "spec: {storage: {endpoint: 'https://key:secret@s3.example.com'}}", want: wantRefused{"spec.storage.endpoint", hostOnly}},
		"public endpoint with a path":          {change: "spec: {storage: {publicEndpoint: 'https://s3.example.com/'}}", want: wantRefused{"spec.storage.publicEndpoint", hostOnly}},
		"region with a space":                  {change: "spec: {storage: {region: 'eu central'}}", want: wantRefused{"spec.storage.region", "must be letters, digits, - and _"}},
		"addressing style":                     {change: "spec: {storage: {addressingStyle: path}}", want: wantRefused{"spec.storage.addressingStyle", `"Path", "VirtualHosted"`}},
		"encryption of another type":           {change: "spec: {storage: {encryption: {type: SSE-C}}}", want: wantRefused{"spec.storage.encryption.type", `"SSE-KMS", "SSE-S3"`}},
		"a key without a KMS":                  {change: "spec: {storage: {encryption: {type: SSE-S3, kmsKeyID: k}}}", want: wantRefused{"spec.storage.encryption.kmsKeyID", "only for type SSE-KMS"}},
		"a key with a space":                   {change: "spec: {storage: {encryption: {type: SSE-KMS, kmsKeyID: 'a key'}}}", want: wantRefused{"spec.storage.encryption.kmsKeyID", "must be letters, digits"}},
		"no credentials":                       {change: "spec: {storage: {credentialsSecretRef: null}}", want: wantRefused{"webIdentity", "exactly one of the fields"}},
		"key and role":                         {change: "spec: {storage: {webIdentity: {roleARN: '" + roleARN + "'}}}", want: wantRefused{"webIdentity", "exactly one of the fields"}},
		"role that is none":                    {change: "spec: {storage: {credentialsSecretRef: null, webIdentity: {roleARN: 'arn:aws:iam::1:user/somebody'}}}", want: wantRefused{"spec.storage.webIdentity.roleARN", "must be the ARN of a role"}},
		"STS with a path":                      {change: "spec: {storage: {credentialsSecretRef: null, webIdentity: {roleARN: '" + roleARN + "', stsEndpoint: 'https://sts.example.com/x'}}}", want: wantRefused{"spec.storage.webIdentity.stsEndpoint", hostOnly}},
		"audience with a space":                {change: "spec: {storage: {credentialsSecretRef: null, webIdentity: {roleARN: '" + roleARN + "', audience: 'a b'}}}", want: wantRefused{"spec.storage.webIdentity.audience", "without spaces"}},
		"audience of the API server":           {change: "spec: {storage: {credentialsSecretRef: null, webIdentity: {roleARN: '" + roleARN + "', audience: 'https://kubernetes.default.svc'}}}", want: wantRefused{"spec.storage.webIdentity.audience", "are not sent there"}},
		"credentials of a wrong name":          {change: "spec: {storage: {credentialsSecretRef: {name: 'a/b'}}}", want: wantRefused{"spec.storage.credentialsSecretRef.name", "must be the name of an object in the same namespace"}},
		"no name of the CA's Secret":           {change: "spec: {storage: {caSecretRef: {name: null}}}", want: wantRefused{"spec.storage.caSecretRef.name", "Required value"}},
		"deletionPolicy in lower case":         {change: "spec: {deletionPolicy: delete}", want: wantRefused{"spec.deletionPolicy", `"Retain", "Delete"`}},
		"transfer of another kind":             {change: "spec: {transfer: Redirect}", want: wantRefused{"spec.transfer", `"Direct", "Proxy"`}},
	}.run(t)
}

func TestRefusedPolicies(t *testing.T) {
	refusals{
		"threshold in thousandths":     {change: "spec: {threshold: 100m}", want: wantRefused{"spec.threshold", wholeBytes}},
		"threshold of half a byte":     {change: "spec: {threshold: '0.5'}", want: wantRefused{"spec.threshold", wholeBytes}},
		"threshold of 1.1 Gi":          {change: "spec: {threshold: 1.1Gi}", want: wantRefused{"spec.threshold", wholeBytes}},
		"threshold of 0":               {change: "spec: {threshold: 0}", want: wantRefused{"spec.threshold", wholeBytes}},
		"threshold below 0":            {change: "spec: {threshold: -5M}", want: wantRefused{"spec.threshold", wholeBytes}},
		"threshold in MB":              {change: "spec: {threshold: 10MB}", want: wantRefused{"spec.threshold", wholeBytes}},
		"threshold beyond 64 bits":     {change: "spec: {threshold: 10000000E}", want: wantRefused{"spec.threshold", wholeBytes}},
		"threshold of many digits":     {change: "spec: {threshold: '" + strings.Repeat("1", 33) + "'}", want: wantRefused{"spec.threshold", "Too long"}},
		"quota in thousandths":         {change: "spec: {quota: 1500m}", want: wantRefused{"spec.quota", wholeBytes}},
		"quota of 0":                   {change: "spec: {quota: 0Gi}", want: wantRefused{"spec.quota", wholeBytes}},
		"suffix without a dot":         {change: "spec: {suffixRules: [bin]}", want: wantRefused{"spec.suffixRules[0]", "must begin with a dot"}},
		"suffix with a wildcard":       {change: "spec: {suffixRules: ['*.bin']}", want: wantRefused{"spec.suffixRules[0]", "no wildcard"}},
		"suffix with a space":          {change: "spec: {suffixRules: ['.b in']}", want: wantRefused{"spec.suffixRules[0]", "must begin with a dot"}},
		"suffix too long":              {change: "spec: {suffixRules: [." + strings.Repeat("a", 32) + "]}", want: wantRefused{"spec.suffixRules[0]", "Too long"}},
		"suffix twice":                 {change: "spec: {suffixRules: [.a, .a]}", want: wantRefused{"spec.suffixRules[1]", "Duplicate value"}},
		"too many suffixes":            {change: "spec: {suffixRules: [" + numbered(65, ".s%d") + "]}", want: wantRefused{"spec.suffixRules", "Too many"}},
		"keepVersions of 0":            {change: "spec: {keepVersions: 0}", want: wantRefused{"spec.keepVersions", "greater than or equal to 1"}},
		"keepVersions of 1001":         {change: "spec: {keepVersions: 1001}", want: wantRefused{"spec.keepVersions", "less than or equal to 1000"}},
		"keepVersions of 2.5":          {change: "spec: {keepVersions: 2.5}", want: wantRefused{"spec.keepVersions", "must be of type integer"}},
		"multipart threshold of 6 GiB": {change: "spec: {multipart: {threshold: 6Gi}}", want: wantRefused{"spec.multipart.threshold", "must be at most 5Gi"}},
		"multipart threshold fraction": {change: "spec: {multipart: {threshold: 1m}}", want: wantRefused{"spec.multipart.threshold", wholeBytes}},
		"parts of 5 MB":                {change: "spec: {multipart: {partSize: 5M}}", want: wantRefused{"spec.multipart.partSize", "must be at least 5Mi"}},
		"parts of 6 GiB":               {change: "spec: {multipart: {partSize: 6Gi}}", want: wantRefused{"spec.multipart.partSize", "must be at most 5Gi"}},
		"dialect":                      {change: "spec: {multipart: {dialect: S3}}", want: wantRefused{"spec.multipart.dialect", `"Auto", "HuggingFace", "KohakuHub", "Proposal"`}},
		"audit log":                    {change: "spec: {server: {auditLog: Sometimes}}", want: wantRefused{"spec.server.auditLog", `"Enabled", "Disabled"`}},
	}.run(t)
}

func TestRefusedHistories(t *testing.T) {
	entry := func(e string) string { return "spec: {history: [" + e + "]}" }
	refusals{
		"without a name":        {change: entry("{url: 'https://git.example.com/a.git'}"), want: wantRefused{"spec.history[0].name", "Required value"}},
		"without a URL":         {change: entry("{name: a}"), want: wantRefused{"spec.history[0].url", "Required value"}},
		"name twice":            {change: entry("{name: a, url: 'https://h/a.git'}, {name: a, url: 'https://h/b.git'}"), want: wantRefused{"spec.history[1]", "Duplicate value"}},
		"name in upper case":    {change: entry("{name: A, url: 'https://h/a.git'}"), want: wantRefused{"spec.history[0].name", aLabel}},
		"name too long":         {change: entry("{name: " + strings.Repeat("a", 41) + ", url: 'https://h/a.git'}"), want: wantRefused{"spec.history[0].name", "Too long"}},
		"scp form":              {change: entry("{name: a, url: 'git@host:team/a.git'}"), want: wantRefused{"spec.history[0].url", "write git@host:path as ssh://git@host/path"}},
		"git protocol":          {change: entry("{name: a, url: 'git://host/a.git'}"), want: wantRefused{"spec.history[0].url", "must begin with https://, http://, ssh:// or file://"}},
		"user and password":     {change: entry("{name: a, url: 'https://me:pw@host/a.git'}"), want: wantRefused{"spec.history[0].url", "put them into the Secret that secretRef names"}},
		"token as user":         {change: entry("{name: a, url: 'https://token@host/a.git'}"), want: wantRefused{"spec.history[0].url", "put them into the Secret that secretRef names"}},
		"password of ssh":       {change: entry("{name: a, url: 'ssh://git:pw@host/a.git'}"), want: wantRefused{"spec.history[0].url", "put them into the Secret that secretRef names"}},
		"without a path":        {change: entry("{name: a, url: 'https://host'}"), want: wantRefused{"spec.history[0].url", "must name a host and the path of a repository"}},
		"with a query":          {change: entry("{name: a, url: 'https://host/a.git?token=x'}"), want: wantRefused{"spec.history[0].url", "without query or fragment"}},
		"with a space":          {change: entry("{name: a, url: 'https://host/a b.git'}"), want: wantRefused{"spec.history[0].url", "must name a host and the path of a repository"}},
		"host like an option":   {change: entry("{name: a, url: 'ssh://-oProxyCommand=x/a.git'}"), want: wantRefused{"spec.history[0].url", "must name a host and the path of a repository"}},
		"file with a host":      {change: entry("{name: a, url: 'file://host/a.git'}"), want: wantRefused{"spec.history[0].url", "must name a host and the path of a repository"}},
		"Secret without a name": {change: entry("{name: a, url: 'https://host/a.git', secretRef: {}}"), want: wantRefused{"spec.history[0].secretRef.name", "Required value"}},
		"too many":              {change: entry(numbered(17, "{name: n%d, url: 'https://host/a.git'}")), want: wantRefused{"spec.history", "Too many"}},
	}.run(t)
}

func TestRefusedGarbageCollections(t *testing.T) {
	gc := func(g string) string { return "spec: {gc: {" + g + "}}" }
	rule := func(r string) string { return gc("rules: [" + r + "]") }
	refusals{
		"mode":                      {change: gc("mode: delete"), want: wantRefused{"spec.gc.mode", `"DryRun", "Delete"`}},
		"schedule of four fields":   {change: gc("schedule: '17 3 * *'"), want: wantRefused{"spec.gc.schedule", "must be five cron fields"}},
		"schedule of minute 60":     {change: gc("schedule: '60 3 * * *'"), want: wantRefused{"spec.gc.schedule", "must be five cron fields"}},
		"schedule of every 0":       {change: gc("schedule: '*/0 * * * *'"), want: wantRefused{"spec.gc.schedule", "must be five cron fields"}},
		"schedule with a zone":      {change: gc("schedule: 'TZ=UTC 17 3 * * *'"), want: wantRefused{"spec.gc.schedule", "must be five cron fields"}},
		"schedule of a word":        {change: gc("schedule: '@often'"), want: wantRefused{"spec.gc.schedule", "@hourly, @daily"}},
		"schedule with two spaces":  {change: gc("schedule: '17  3 * * *'"), want: wantRefused{"spec.gc.schedule", "must be five cron fields"}},
		"time zone Local":           {change: gc("timeZone: Local"), want: wantRefused{"spec.gc.timeZone", "must be the name of an IANA time zone"}},
		"time zone as offset":       {change: gc("timeZone: '+02:00'"), want: wantRefused{"spec.gc.timeZone", "must be the name of an IANA time zone"}},
		"time zone as path":         {change: gc("timeZone: '../etc/passwd'"), want: wantRefused{"spec.gc.timeZone", "must be the name of an IANA time zone"}},
		"grace period in days":      {change: gc("gracePeriod: 7d"), want: wantRefused{"spec.gc.gracePeriod", aDuration}},
		"grace period of a number":  {change: gc("gracePeriod: 7"), want: wantRefused{"spec.gc.gracePeriod", "must be of type string"}},
		"grace period without unit": {change: gc("gracePeriod: '7'"), want: wantRefused{"spec.gc.gracePeriod", aDuration}},
		"grace period of 0":         {change: gc("gracePeriod: 0s"), want: wantRefused{"spec.gc.gracePeriod", tenYears}},
		"grace period below 0":      {change: gc("gracePeriod: -1h"), want: wantRefused{"spec.gc.gracePeriod", aDuration}},
		"grace period of ages":      {change: gc("gracePeriod: 87601h"), want: wantRefused{"spec.gc.gracePeriod", tenYears}},
		"quarantine of 0":           {change: gc("quarantine: 0h"), want: wantRefused{"spec.gc.quarantine", tenYears}},
		"quarantine in weeks":       {change: gc("quarantine: 1w"), want: wantRefused{"spec.gc.quarantine", aDuration}},
		"orphanAfter of 0":          {change: gc("orphanAfter: 0m"), want: wantRefused{"spec.gc.orphanAfter", tenYears}},
		"orphanAfter of never":      {change: gc("orphanAfter: never"), want: wantRefused{"spec.gc.orphanAfter", aDuration}},
		"delete limit of 101 %":     {change: gc("deleteLimit: 101%"), want: wantRefused{"spec.gc.deleteLimit", "must be a whole percentage from 0% to 100%"}},
		"delete limit without %":    {change: gc("deleteLimit: '50'"), want: wantRefused{"spec.gc.deleteLimit", "must be a whole percentage from 0% to 100%"}},
		"delete limit of a number":  {change: gc("deleteLimit: 50"), want: wantRefused{"spec.gc.deleteLimit", "must be of type string"}},

		"rule without a match":     {change: rule("{keep: {versions: 1}}"), want: wantRefused{"spec.gc.rules[0]", "exactly one of the fields in [path suffix] must be set"}},
		"rule with both matches":   {change: rule("{path: a, suffix: .a, keep: {versions: 1}}"), want: wantRefused{"spec.gc.rules[0]", "exactly one of the fields in [path suffix] must be set"}},
		"rule without keep":        {change: rule("{path: a}"), want: wantRefused{"spec.gc.rules[0].keep", "Required value"}},
		"rule that keeps nothing":  {change: rule("{path: a, keep: {}}"), want: wantRefused{"spec.gc.rules[0].keep", "exactly one of the fields in [versions age all] must be set"}},
		"rule that keeps two ways": {change: rule("{path: a, keep: {versions: 1, age: 1h}}"), want: wantRefused{"spec.gc.rules[0].keep", "exactly one of the fields in [versions age all] must be set"}},
		"rule that keeps 0":        {change: rule("{path: a, keep: {versions: 0}}"), want: wantRefused{"spec.gc.rules[0].keep.versions", "greater than or equal to 1"}},
		"rule that keeps not all":  {change: rule("{path: a, keep: {all: false}}"), want: wantRefused{"spec.gc.rules[0].keep.all", "must be true or left out"}},
		"rule that keeps days":     {change: rule("{path: a, keep: {age: 90d}}"), want: wantRefused{"spec.gc.rules[0].keep.age", aDuration}},
		"rule of an absolute path": {change: rule("{path: /a, keep: {all: true}}"), want: wantRefused{"spec.gc.rules[0].path", "must be a glob relative to the root"}},
		"rule of a path above":     {change: rule("{path: ../a, keep: {all: true}}"), want: wantRefused{"spec.gc.rules[0].path", "must be a glob relative to the root"}},
		"rule of a path too long":  {change: rule("{path: " + strings.Repeat("a", 257) + ", keep: {all: true}}"), want: wantRefused{"spec.gc.rules[0].path", "Too long"}},
		"rule of a suffix as glob": {change: rule("{suffix: '*.a', keep: {all: true}}"), want: wantRefused{"spec.gc.rules[0].suffix", "must begin with a dot"}},
		"too many rules":           {change: rule(numbered(33, "{path: p%d, keep: {all: true}}")), want: wantRefused{"spec.gc.rules", "Too many"}},
	}.run(t)
}

func TestRefusedAccess(t *testing.T) {
	token := func(s string) string { return "spec: {access: {tokens: [" + s + "]}}" }
	issuer := func(s string) string { return "spec: {access: {jwt: {issuers: [" + s + "]}}}" }
	refusals{
		"token called default":      {change: token("{name: default, scope: Read}"), want: wantRefused{"spec.access.tokens[0].name", "must not be default"}},
		"token in upper case":       {change: token("{name: CI, scope: Read}"), want: wantRefused{"spec.access.tokens[0].name", aLabel}},
		"token of a long name":      {change: token("{name: a23456789012345678901, scope: Read}"), want: wantRefused{"spec.access.tokens[0].name", "Too long"}},
		"token without a scope":     {change: token("{name: ci}"), want: wantRefused{"spec.access.tokens[0].scope", "Required value"}},
		"token of a wrong scope":    {change: token("{name: ci, scope: Owner}"), want: wantRefused{"spec.access.tokens[0].scope", `"Read", "Write", "Admin"`}},
		"token twice":               {change: token("{name: ci, scope: Read}, {name: ci, scope: Write}"), want: wantRefused{"spec.access.tokens[1]", "Duplicate value"}},
		"token that ends some day":  {change: token("{name: ci, scope: Read, expiresAt: tomorrow}"), want: wantRefused{"spec.access.tokens[0].expiresAt", "date-time"}},
		"too many tokens":           {change: token(numbered(17, "{name: t%d, scope: Read}")), want: wantRefused{"spec.access.tokens", "Too many"}},
		"audience of the cluster":   {change: "spec: {access: {kubernetes: {audience: 'https://kubernetes.default.svc.cluster.local'}}}", want: wantRefused{"spec.access.kubernetes.audience", "must begin with lfs-operator.dev/"}},
		"audience of nothing":       {change: "spec: {access: {kubernetes: {audience: lfs-operator.dev/}}}", want: wantRefused{"spec.access.kubernetes.audience", "must begin with lfs-operator.dev/"}},
		"audience of another":       {change: "spec: {access: {kubernetes: {audience: 'vault.lfs-operator.dev/a'}}}", want: wantRefused{"spec.access.kubernetes.audience", "must begin with lfs-operator.dev/"}},
		"no issuer":                 {change: issuer(""), want: wantRefused{"spec.access.jwt.issuers", "at least 1 items"}},
		"issuer of no kind":         {change: issuer("{name: a}"), want: wantRefused{"spec.access.jwt.issuers[0]", "exactly one of the fields in [url keySecretRef] must be set"}},
		"issuer of both kinds":      {change: issuer("{name: a, url: 'https://a', keySecretRef: {name: k}}"), want: wantRefused{"spec.access.jwt.issuers[0]", "exactly one of the fields in [url keySecretRef] must be set"}},
		"issuer without encryption": {change: issuer("{name: a, url: 'http://a'}"), want: wantRefused{"spec.access.jwt.issuers[0].url", "must be the https:// URL of an OpenID Connect issuer"}},
		"CA for a static key":       {change: issuer("{name: a, keySecretRef: {name: k}, caSecretRef: {name: c}}"), want: wantRefused{"spec.access.jwt.issuers[0].caSecretRef", "must be left out where keySecretRef is set"}},
		"rule without claims":       {change: issuer("{name: a, url: 'https://a', rules: [{scope: Read, claims: []}]}"), want: wantRefused{"spec.access.jwt.issuers[0].rules[0].claims", "at least 1 items"}},
		"rule without a scope":      {change: issuer("{name: a, url: 'https://a', rules: [{claims: [{name: sub, values: [x]}]}]}"), want: wantRefused{"spec.access.jwt.issuers[0].rules[0].scope", "Required value"}},
		"claim without values":      {change: issuer("{name: a, url: 'https://a', rules: [{scope: Read, claims: [{name: sub, values: []}]}]}"), want: wantRefused{"spec.access.jwt.issuers[0].rules[0].claims[0].values", "at least 1 items"}},
		"claim named twice":         {change: issuer("{name: a, url: 'https://a', rules: [{scope: Read, claims: [{name: sub, values: [x]}, {name: sub, values: [y]}]}]}"), want: wantRefused{"spec.access.jwt.issuers[0].rules[0].claims[1]", "Duplicate value"}},
		"too many rules":            {change: issuer("{name: a, url: 'https://a', rules: [" + numbered(17, "{scope: Read, claims: [{name: sub, values: [x%d]}]}") + "]}"), want: wantRefused{"spec.access.jwt.issuers[0].rules", "Too many"}},
		"too many issuers":          {change: issuer(numbered(9, "{name: n%d, url: 'https://a'}")), want: wantRefused{"spec.access.jwt.issuers", "Too many"}},
		"too many audiences":        {change: issuer("{name: a, url: 'https://a', audiences: [" + numbered(9, "a%d") + "]}"), want: wantRefused{"spec.access.jwt.issuers[0].audiences", "Too many"}},
	}.run(t)
}

func TestRefusedServers(t *testing.T) {
	pods := func(s string) string { return "spec: {server: {podTemplate: {" + s + "}}}" }
	scale := func(s string) string { return "spec: {server: {autoscaling: {" + s + "}}}" }
	const ours = "keys must not begin with lfs-operator.dev/ or app.kubernetes.io/"
	refusals{
		"replicas below 0":         {change: "spec: {server: {replicas: -1}}", want: wantRefused{"spec.server.replicas", "greater than or equal to 0"}},
		"replicas above 20":        {change: "spec: {server: {replicas: 21}}", want: wantRefused{"spec.server.replicas", "less than or equal to 20"}},
		"replicas and autoscaling": {change: scale("maxReplicas: 3"), want: wantRefused{"spec.server.replicas", "must be left out where autoscaling is set"}},
		"autoscaling without max":  {base: "lfsstore.yaml", change: scale("maxReplicas: null"), want: wantRefused{"spec.server.autoscaling.maxReplicas", "Required value"}},
		"max below min":            {base: "lfsstore.yaml", change: scale("maxReplicas: 1"), want: wantRefused{"spec.server.autoscaling.maxReplicas", "raise maxReplicas or lower minReplicas"}},
		"min of 0":                 {base: "lfsstore.yaml", change: scale("minReplicas: 0"), want: wantRefused{"spec.server.autoscaling.minReplicas", "greater than or equal to 1"}},
		"CPU of 101 %":             {base: "lfsstore.yaml", change: scale("targetCPUUtilization: 101"), want: wantRefused{"spec.server.autoscaling.targetCPUUtilization", "less than or equal to 100"}},
		"resource claims":          {change: "spec: {server: {resources: {claims: [{name: gpu}]}}}", want: wantRefused{"spec.server.resources", "only requests and limits can be set"}},
		"label of the operator":    {change: pods("labels: {lfs-operator.dev/repository: x}"), want: wantRefused{"spec.server.podTemplate.labels", ours}},
		"label of Kubernetes":      {change: pods("labels: {app.kubernetes.io/name: x}"), want: wantRefused{"spec.server.podTemplate.labels", ours}},
		"annotation of ours":       {change: pods("annotations: {lfs-operator.dev/x: one}"), want: wantRefused{"spec.server.podTemplate.annotations", ours}},
		"too many labels":          {change: pods("labels: {" + numbered(17, "l%d: x") + "}"), want: wantRefused{"spec.server.podTemplate.labels", "Too many"}},
		"too many annotations":     {change: pods("annotations: {" + numbered(17, "l%d: x") + "}"), want: wantRefused{"spec.server.podTemplate.annotations", "Too many"}},
		"too many selectors":       {change: pods("nodeSelector: {" + numbered(17, "l%d: x") + "}"), want: wantRefused{"spec.server.podTemplate.nodeSelector", "Too many"}},
		"too many tolerations":     {change: pods("tolerations: [" + numbered(17, "{key: k%d}") + "]"), want: wantRefused{"spec.server.podTemplate.tolerations", "Too many"}},
		"too many pull secrets":    {change: pods("imagePullSecrets: [" + numbered(9, "{name: k%d}") + "]"), want: wantRefused{"spec.server.podTemplate.imagePullSecrets", "Too many"}},
		"priority class":           {change: pods("priorityClassName: High"), want: wantRefused{"spec.server.podTemplate.priorityClassName", "must be the name of a PriorityClass"}},
		"a field not on the list":  {change: pods("hostNetwork: true"), want: wantRefused{"spec.server.podTemplate.hostNetwork", "unknown field"}},
	}.run(t)
}

func TestRefusedExposures(t *testing.T) {
	endpoint := func(s string) string { return "spec: {exposure: {endpoints: [" + s + "]}}" }
	const plainHost = "must be host[:port] in lower case and nothing else"
	refusals{
		"host missing":             {change: endpoint("{scheme: https}"), want: wantRefused{"spec.exposure.endpoints[0].host", "Required value"}},
		"host with a scheme":       {change: endpoint("{host: 'https://lfs.example.com'}"), want: wantRefused{"spec.exposure.endpoints[0].host", plainHost}},
		"host with a path":         {change: endpoint("{host: lfs.example.com/a}"), want: wantRefused{"spec.exposure.endpoints[0].host", plainHost}},
		"host in upper case":       {change: endpoint("{host: LFS.example.com}"), want: wantRefused{"spec.exposure.endpoints[0].host", plainHost}},
		"host twice":               {change: endpoint("{host: a}, {host: a}"), want: wantRefused{"spec.exposure.endpoints[1]", "Duplicate value"}},
		"scheme":                   {change: endpoint("{host: a, scheme: HTTPS}"), want: wantRefused{"spec.exposure.endpoints[0].scheme", `"http", "https"`}},
		"store with a path":        {change: endpoint("{host: a, storeEndpoint: 'https://s3.example.com/b'}"), want: wantRefused{"spec.exposure.endpoints[0].storeEndpoint", hostOnly}},
		"too many endpoints":       {change: endpoint(numbered(9, "{host: h%d}")), want: wantRefused{"spec.exposure.endpoints", "Too many"}},
		"no Gateway":               {change: "spec: {exposure: {httpRoute: {parentRefs: []}}}", want: wantRefused{"spec.exposure.httpRoute.parentRefs", "at least 1 items"}},
		"too many Gateways":        {change: "spec: {exposure: {httpRoute: {parentRefs: [" + numbered(9, "{name: g%d}") + "]}}}", want: wantRefused{"spec.exposure.httpRoute.parentRefs", "Too many"}},
		"Gateway without a name":   {change: "spec: {exposure: {httpRoute: {parentRefs: [{namespace: a}]}}}", want: wantRefused{"spec.exposure.httpRoute.parentRefs[0].name", "Required value"}},
		"Gateway's namespace":      {change: "spec: {exposure: {httpRoute: {parentRefs: [{name: g, namespace: a.b}]}}}", want: wantRefused{"spec.exposure.httpRoute.parentRefs[0].namespace", aLabel}},
		"Ingress class":            {change: "spec: {exposure: {ingress: {className: 'a b'}}}", want: wantRefused{"spec.exposure.ingress.className", "must be the name of an IngressClass"}},
		"Ingress annotation":       {change: "spec: {exposure: {ingress: {annotations: {nginx.ingress.kubernetes.io/server-snippet: x}}}}", want: wantRefused{"spec.exposure.ingress.annotations", "keys must begin with cert-manager.io/"}},
		"certificate without name": {change: "spec: {exposure: {ingress: {tlsSecretRef: {name: null}}}}", want: wantRefused{"spec.exposure.ingress.tlsSecretRef.name", "Required value"}},
	}.run(t)
}
