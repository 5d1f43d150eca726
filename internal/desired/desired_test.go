package desired

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/yaml"

	"github.com/lfs-operator/lfs-operator/api/v1alpha1"
	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
)

var update = flag.Bool("update", false, "write the golden files anew")

// repository is the least that a valid LFSRepository says.
func repository() *v1alpha1.LFSRepository {
	return &v1alpha1.LFSRepository{
		ObjectMeta: metav1.ObjectMeta{Namespace: "team-a", Name: "models", UID: "4793af78-cfa9-48a9-9bf2-51ad6127130b"},
		Spec: v1alpha1.LFSRepositorySpec{
			Storage: &v1alpha1.Storage{
				Endpoint:             "https://s3.example.com",
				CredentialsSecretRef: &v1alpha1.LocalReference{Name: "store-credentials"},
			},
			Bucket: "team-a-models",
		},
	}
}

// inputs of a repository, with secrets that are the same in every run.
func inputs(repo *v1alpha1.LFSRepository) Inputs {
	return Inputs{
		Repository: repo,
		Policy:     v1alpha1.ResolvePolicy(repo, nil),
		Location:   v1alpha1.Location{Endpoint: "https://s3.example.com", Bucket: "team-a-models", Prefix: "team-a/models-1/"},
		Credentials: Credentials{
			Tokens:      []Token{{Name: DefaultToken, Scope: v1alpha1.ScopeWrite, Generation: 1, Value: "lfs_token"}},
			StatusToken: "status-token",
			ScanToken:   "scan-token",
			SigningKeys: []SigningKey{{ID: "k1", Key: []byte("a signing key"), Signs: true}},
		},
		GrantKey: ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)),
		Install:  Install{Image: "lfs-operator:v1", OperatorNamespace: "lfs-operator-system", ClusterDomain: "cluster.local"},
	}
}

// cases of what an LFSRepository can say, each a golden file.
func cases() map[string]func(*v1alpha1.LFSRepository, *Inputs) {
	return map[string]func(*v1alpha1.LFSRepository, *Inputs){
		"minimal":    func(*v1alpha1.LFSRepository, *Inputs) {},
		"full":       full,
		"store":      inStore,
		"autoscaled": autoscaled,
		"sessions": func(r *v1alpha1.LFSRepository, in *Inputs) {
			inStore(r, in)
			in.Store.Spec.Sessions = &v1alpha1.StoreSessions{Mode: v1alpha1.SessionsRequired, RoleARN: "arn:aws:iam::123456789012:role/lfs"}
			in.Store.Spec.Encryption = &v1alpha1.Encryption{Type: v1alpha1.EncryptionKMS, KMSKeyID: "alias/lfs"}
			r.Spec.AdoptFrom = &v1alpha1.AdoptFrom{Prefix: "old/"}
		},
		"webidentity": func(r *v1alpha1.LFSRepository, _ *Inputs) {
			r.Spec.Storage.CredentialsSecretRef, r.Spec.Storage.WebIdentity = nil, &v1alpha1.WebIdentity{
				RoleARN: "arn:aws:iam::123456789012:role/models", STSEndpoint: "https://sts.example.com:8443"}
			r.Spec.AdoptFrom = &v1alpha1.AdoptFrom{Prefix: "old/"}
		},
		"webidentity-store": func(r *v1alpha1.LFSRepository, in *Inputs) {
			inStore(r, in)
			in.Store.Spec.CredentialsSecretRef, in.Store.Spec.WebIdentity = nil, &v1alpha1.WebIdentity{
				RoleARN: "arn:aws:iam::123456789012:role/lfs", Audience: "lfs.example.com"}
			r.Spec.AdoptFrom = &v1alpha1.AdoptFrom{Bucket: "archive", Prefix: "old/"}
		},
		"shared": func(r *v1alpha1.LFSRepository, in *Inputs) {
			inStore(r, in)
			shared(in)
			in.Clients, in.NoOwn = in.Shared[0].Name, true
		},
		// moving: the next server is given its configuration while the own one serves.
		"moving": func(r *v1alpha1.LFSRepository, in *Inputs) {
			inStore(r, in)
			shared(in)
			in.Store.Spec.Sessions = &v1alpha1.StoreSessions{Mode: v1alpha1.SessionsRequired}
		},
		"suspended": func(r *v1alpha1.LFSRepository, _ *Inputs) {
			r.Spec.Suspend = true
			r.Spec.Server = &v1alpha1.Server{
				AuditLog: v1alpha1.AuditLogDisabled, Replicas: ptr.To[int32](3)}
		},
		"routed": func(r *v1alpha1.LFSRepository, in *Inputs) {
			in.GatewayAPI = true
			r.Spec.Exposure = &v1alpha1.Exposure{
				Endpoints: []v1alpha1.Endpoint{{Host: "lfs.example.com"}, {Host: "lfs.example.com:8443"}, {Host: "192.0.2.1"}, {Host: "[2001:db8::1]:443"}},
				HTTPRoute: &v1alpha1.HTTPRouteExposure{ParentRefs: []v1alpha1.GatewayReference{{Name: "main", Namespace: "gateways", SectionName: "https"}}},
				Ingress: &v1alpha1.IngressExposure{
					ClassName: "nginx", TLSSecretRef: &v1alpha1.LocalReference{Name: "lfs-tls"},
					Annotations: map[string]string{"cert-manager.io/cluster-issuer": "main"},
				},
			}
		},
		"rotated": func(_ *v1alpha1.LFSRepository, in *Inputs) {
			until := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
			t := &in.Credentials.Tokens[0]
			t.Generation, t.Value, t.Previous, t.PreviousUntil = 2, "lfs_token_2", "lfs_token", &until
		},
	}
}

func full(r *v1alpha1.LFSRepository, in *Inputs) {
	until := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	r.Annotations = map[string]string{v1alpha1.AnnotationMaxPutSize: "100Mi"}
	r.Spec.Transfer = v1alpha1.TransferProxy
	in.Policy = v1alpha1.ResolvePolicy(r, nil)
	r.Spec.Storage.PublicEndpoint = "https://public.example.com"
	r.Spec.Storage.Region = "eu-1"
	r.Spec.Storage.AddressingStyle = v1alpha1.AddressingVirtualHosted
	r.Spec.Storage.CASecretRef = &v1alpha1.LocalReference{Name: "store-ca"}
	r.Spec.Storage.CreateBucket = true
	r.Spec.AdoptFrom = &v1alpha1.AdoptFrom{Bucket: "archive", Prefix: "old/"}
	r.Spec.Threshold = ptr.To(resource.MustParse("10M"))
	r.Spec.SuffixRules = []string{".custom"}
	r.Spec.KeepVersions = ptr.To[int32](10)
	r.Spec.Quota = ptr.To(resource.MustParse("500Gi"))
	r.Spec.History = []v1alpha1.HistorySource{
		{Name: "main", URL: "https://git.example.com/models.git", SecretRef: &v1alpha1.LocalReference{Name: "git-read"}},
		{Name: "fork.with.dots", URL: "https://git.example.com/fork.git"},
	}
	r.Spec.GC = &v1alpha1.GarbageCollection{
		Mode: v1alpha1.GCDelete, Schedule: "17 3 * * *", TimeZone: "Europe/Berlin",
		GracePeriod: &metav1.Duration{Duration: time.Hour}, Quarantine: &metav1.Duration{Duration: 2 * time.Hour},
		OrphanAfter: &metav1.Duration{Duration: 720 * time.Hour}, DeleteLimit: "10%",
		Rules: []v1alpha1.GCRule{
			{Path: "release/**", Keep: v1alpha1.GCKeep{All: ptr.To(true)}},
			{Suffix: ".ckpt", Keep: v1alpha1.GCKeep{Age: &metav1.Duration{Duration: 2160 * time.Hour}}},
			{Path: "checkpoints/**", Keep: v1alpha1.GCKeep{Versions: ptr.To[int32](2)}},
		},
	}
	r.Spec.Multipart = &v1alpha1.Multipart{Threshold: ptr.To(resource.MustParse("200M")), PartSize: ptr.To(resource.MustParse("64Mi"))}
	r.Spec.Access = &v1alpha1.Access{AnonymousRead: true, Tokens: []v1alpha1.AccessToken{{Name: "ci", Scope: v1alpha1.ScopeRead}}, Kubernetes: &v1alpha1.KubernetesAccess{}, JWT: &v1alpha1.JWTAccess{
		Issuers: []v1alpha1.JWTIssuer{
			{Name: "forge", URL: "https://forge.example.com", CASecretRef: &v1alpha1.LocalReference{Name: "forge-ca"}, Audiences: []string{"lfs"}, Rules: []v1alpha1.JWTRule{
				{Scope: v1alpha1.ScopeWrite, Claims: []v1alpha1.JWTClaim{{Name: "sub", Values: []string{"repo:team-a/models:*"}}}},
			}},
			{Name: "public", URL: "https://issuer.example.com"},
			{Name: "portal", KeySecretRef: &v1alpha1.LocalReference{Name: "portal-key"}},
		},
	}}
	r.Spec.Server = &v1alpha1.Server{
		Replicas: ptr.To[int32](2),
		Resources: &corev1.ResourceRequirements{
			Requests: corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("512Mi")},
			Limits:   corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("2")},
		},
		PodTemplate: &v1alpha1.PodTemplate{
			Labels:            map[string]string{"team": "a", LabelComponent: "stolen"},
			Annotations:       map[string]string{"note": "hello"},
			NodeSelector:      map[string]string{"disk": "fast"},
			Tolerations:       []corev1.Toleration{{Key: "gpu", Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoExecute, TolerationSeconds: ptr.To[int64](60)}},
			ImagePullSecrets:  []v1alpha1.LocalReference{{Name: "pull"}},
			PriorityClassName: "high",
		},
	}
	r.Spec.Exposure = &v1alpha1.Exposure{Endpoints: []v1alpha1.Endpoint{
		{Host: "lfs.example.com"},
		{Host: "lfs.internal:8443", StoreEndpoint: "http://store.internal:9000"},
	}}
	in.Credentials.Tokens = append(in.Credentials.Tokens, Token{Name: "ci", Scope: v1alpha1.ScopeRead, Generation: 1, Value: "lfs_ci", ExpiresAt: &until})
}

// autoscaled has more replicas at the moment than the autoscaler may still choose.
func autoscaled(r *v1alpha1.LFSRepository, in *Inputs) {
	r.Spec.Server = &v1alpha1.Server{Autoscaling: &v1alpha1.Autoscaling{MinReplicas: ptr.To[int32](2), MaxReplicas: 5, TargetCPUUtilization: ptr.To[int32](70)}}
	in.Scaled = 6
}

// inStore lies in an administrator's store, whose words and the tenant's meet.
func inStore(r *v1alpha1.LFSRepository, in *Inputs) {
	r.Spec.Storage, r.Spec.Bucket = nil, ""
	r.Spec.StoreRef = &v1alpha1.StoreReference{Name: "standard"}
	r.Spec.History = []v1alpha1.HistorySource{{Name: "main", URL: "https://git.example.com/models.git", SecretRef: &v1alpha1.LocalReference{Name: "git-read"}}}
	r.Spec.Server = &v1alpha1.Server{PodTemplate: &v1alpha1.PodTemplate{NodeSelector: map[string]string{"pool": "tenants"}}}
	in.Store = &v1alpha1.LFSStore{
		ObjectMeta: metav1.ObjectMeta{Name: "standard", UID: "0b7b0c6c-5b0f-4c55-a3e5-2e7c6a3e2f10", Generation: 3},
		Spec: v1alpha1.LFSStoreSpec{
			Endpoint: "https://s3.internal.example.com", PublicEndpoint: "https://s3.example.com", ServerNamespace: "lfs-servers",
			CredentialsSecretRef: &v1alpha1.LocalReference{Name: "admin-credentials"}, CASecretRef: &v1alpha1.LocalReference{Name: "admin-ca"},
			Bucket: "shared", CreateBuckets: true, ReadOnly: true, GC: &v1alpha1.StoreGC{Suspend: true},
			Defaults: &v1alpha1.StoreDefaults{Replicas: ptr.To[int32](2), KeepVersions: ptr.To[int32](7)},
			Server: &v1alpha1.StoreServer{
				Resources:   &corev1.ResourceRequirements{Limits: corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("128Mi")}},
				PodTemplate: &v1alpha1.PodTemplate{NodeSelector: map[string]string{"pool": "lfs"}},
			},
			Exposure: &v1alpha1.StoreExposure{Endpoints: []v1alpha1.StoreEndpoint{{HostTemplate: "{name}.{namespace}.lfs.example.com"}}},
		},
	}
	in.Location = in.Store.Place(r)
}

// shared has the store's servers shared.
func shared(in *Inputs) {
	in.Store.Spec.Server.Shared = &v1alpha1.SharedServers{RepositoriesPerServer: ptr.To[int32](10)}
	in.Shared = []SharedServer{{Name: SharedName(in.Store, 0), Key: []byte("the key of a shared server")}}
}

// TestGolden compares everything that a repository becomes with a file.
func TestGolden(t *testing.T) {
	for name, change := range cases() {
		t.Run(name, func(t *testing.T) {
			repo := repository()
			in := inputs(repo)
			change(repo, &in)
			in.Policy = v1alpha1.ResolvePolicy(repo, layerOf(in.Store))
			before := repo.DeepCopy()
			golden(t, filepath.Join("testdata", name+".yaml"), render(t, in))
			if diff := cmp.Diff(before, repo); diff != "" {
				t.Errorf("building changed the repository: %s", diff)
			}
		})
	}
}

func layerOf(store *v1alpha1.LFSStore) *v1alpha1.PolicyDefaults {
	if store == nil {
		return nil
	}
	return store.PolicyDefaults()
}

// render is every object as YAML, in the order in which they are made.
func render(t *testing.T, in Inputs) []byte {
	t.Helper()
	set, err := Objects(in)
	if err != nil {
		t.Fatal(err)
	}
	purge, err := PurgeJob(in)
	if err != nil {
		t.Fatal(err)
	}
	var all []any
	for _, s := range Secrets(in) {
		all = append(all, s.Object)
	}
	for _, o := range set.All() {
		all = append(all, o)
	}
	all = append(all, CheckJob(in, "attempt"), purge)
	if account := PurgeAccount(in, &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Name: *purge.Name, UID: "8a2f0c55-6a54-4c43-8a0e-3f9d2c6b7e21"}}); account != nil {
		all = append(all, account)
	}
	if in.Repository.Spec.AdoptFrom != nil {
		all = append(all, AdoptJob(in, "again"))
	}
	if in.Apart() {
		probe, err := ProbeJob(in.Store, in.Install)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, SweepJob(in, "models-lfs-gc-1"), probe)
		for _, o := range ProbeNetworkPolicy(in.Store, in.Install) {
			all = append(all, o)
		}
		if in.sessions() {
			issuer, err := Issuer(in.Store, in.GrantKey.Public().(ed25519.PublicKey), in.Install)
			if err != nil {
				t.Fatal(err)
			}
			for _, o := range issuer {
				all = append(all, o)
			}
		}
	}
	for _, server := range in.Shared {
		all = append(all, map[string]any{"configuration": set.Shared[server.Name]})
		if in.NoOwn {
			all = append(all, SharedSecret(in.Store, server))
			for _, o := range SharedServerObjects(in.Store, server, in.Install) {
				all = append(all, o)
			}
		}
	}
	var out bytes.Buffer
	for _, o := range all {
		raw, err := json.Marshal(o)
		if err != nil {
			t.Fatal(err)
		}
		doc, err := yaml.JSONToYAML(raw)
		if err != nil {
			t.Fatal(err)
		}
		out.WriteString("---\n")
		out.Write(doc)
	}
	return out.Bytes()
}

func golden(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v (go test ./internal/desired -update writes it)", err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s differs (-want +got); go test ./internal/desired -update writes it anew:\n%s", path, diff)
	}
}

// TestConfigIsStrictlyReadable: the server refuses unknown fields, so what we
// render must be what it knows.
func TestConfigIsStrictlyReadable(t *testing.T) {
	for name, change := range cases() {
		t.Run(name, func(t *testing.T) {
			repo := repository()
			in := inputs(repo)
			change(repo, &in)
			want := ServerConfig(in)
			raw, err := serverconfig.Marshal(want)
			if err != nil {
				t.Fatal(err)
			}
			got, err := serverconfig.Parse(raw)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("what is read differs from what was rendered: %s", diff)
			}
		})
	}
}

// TestNoSecretInOtherObjects: secrets stand in Secrets and nowhere else.
func TestNoSecretInOtherObjects(t *testing.T) {
	repo := repository()
	in := inputs(repo)
	in.Credentials.Tokens[0].Value = "SECRET-1"
	in.Credentials.Tokens[0].Previous = "SECRET-2"
	in.Credentials.Tokens[0].PreviousUntil = ptr.To(time.Now())
	in.Credentials.StatusToken, in.Credentials.ScanToken = "SECRET-3", "SECRET-4"
	in.Credentials.SigningKeys[0].Key = []byte("SECRET-5")
	inStore(repo, &in)
	shared(&in)
	in.Shared[0].Key = []byte("SECRET-6")
	in.Policy = v1alpha1.ResolvePolicy(repo, layerOf(in.Store))
	set, err := Objects(in)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal([]any{set.All(), set.Shared, SharedServerObjects(in.Store, in.Shared[0], in.Install)})
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(raw, []byte("SECRET-")) {
		t.Errorf("a secret stands in the objects: %s", raw)
	}
	for _, s := range Secrets(in) {
		if bytes.Contains([]byte(s.Revision), []byte("SECRET-")) {
			t.Errorf("a secret stands in the revision of %s", s.Name())
		}
	}
}

// TestRevisionFollowsContent: a Secret is replaced when, and only when, its
// content changes.
func TestRevisionFollowsContent(t *testing.T) {
	revisions := func(change func(*v1alpha1.LFSRepository, *Inputs)) map[string]string {
		repo := repository()
		in := inputs(repo)
		change(repo, &in)
		out := map[string]string{}
		for _, s := range Secrets(in) {
			out[s.Name()] = s.Revision
		}
		return out
	}
	base := revisions(func(*v1alpha1.LFSRepository, *Inputs) {})
	for name, tc := range map[string]struct {
		change func(*v1alpha1.LFSRepository, *Inputs)
		want   []string
	}{
		"another policy": {func(r *v1alpha1.LFSRepository, _ *Inputs) { r.Spec.KeepVersions = ptr.To[int32](9) }, nil},
		"another token":  {func(_ *v1alpha1.LFSRepository, in *Inputs) { in.Credentials.Tokens[0].Value = "new" }, []string{"models-lfs-access"}},
		"another host": {func(r *v1alpha1.LFSRepository, _ *Inputs) {
			r.Spec.Exposure = &v1alpha1.Exposure{Endpoints: []v1alpha1.Endpoint{{Host: "new.example.com"}}}
		}, []string{"models-lfs-access"}},
		"another key":        {func(_ *v1alpha1.LFSRepository, in *Inputs) { in.Credentials.SigningKeys[0].Key = []byte("new") }, []string{"models-lfs-keys"}},
		"another scan token": {func(_ *v1alpha1.LFSRepository, in *Inputs) { in.Credentials.ScanToken = "new" }, []string{ScanSecretName(repository())}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for name, revision := range revisions(tc.change) {
				if base[name] != revision {
					got = append(got, name)
				}
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("replaced (-want +got): %s", diff)
			}
		})
	}
}

// TestNamesFit: the longest name of a repository still makes valid names.
func TestNamesFit(t *testing.T) {
	const longest = "a234567890b234567890c234567890d234567890"
	apart := baseApart(&v1alpha1.LFSRepository{ObjectMeta: metav1.ObjectMeta{Namespace: strings.Repeat("n", 63), Name: longest}})
	if len(apart) > len(longest) {
		t.Errorf("%s has %d characters", apart, len(apart))
	}
	store := &v1alpha1.LFSStore{ObjectMeta: metav1.ObjectMeta{Name: strings.Repeat("s3.", 21), UID: "1"}}
	for _, name := range []string{
		ProbeJobName(store), IssuerName(store) + "-5d4f8c7b9d-x2x4z", SharedName(store, 999) + "-5d4f8c7b9d-x2x4z", ServerName(longest), GCName(longest), GCJobName(longest, "x"), CheckJobName(longest, "x"),
		PurgeJobName(longest), SweepJobName(longest, "x"), AccessSecretName(longest), KeysSecretName(longest), ScanSecretName(&v1alpha1.LFSRepository{ObjectMeta: metav1.ObjectMeta{Name: longest}}),
	} {
		if len(name) > 63 {
			t.Errorf("%s has %d characters", name, len(name))
		}
	}
	if n := len(GCName(longest)); n > 52 {
		t.Errorf("the CronJob's name has %d characters, which leaves its Jobs none", n)
	}
}

// TestNoKeyByRole: where a role is assumed, no pod is mounted a Secret of the store, and
// where servers hold sessions, none but the issuer and the probe is mounted its key.
func TestNoKeyByRole(t *testing.T) {
	for name, keyed := range map[string]int{"webidentity": 0, "webidentity-store": 0, "sessions": 2, "store": 5} {
		repo := repository()
		in := inputs(repo)
		cases()[name](repo, &in)
		repo.Spec.AdoptFrom = &v1alpha1.AdoptFrom{Prefix: "old/"}
		if n := strings.Count(string(render(t, in)), "mountPath: "+serverconfig.StoreCredentialsDir); n != keyed {
			t.Errorf("%s: %d containers have the key, want %d", name, n, keyed)
		}
	}
}

// TestAdoptUnbindable: from a place that no session can be bound to a Job adopts with
// the key, where there is one; without one it says so in the end.
func TestAdoptUnbindable(t *testing.T) {
	for name, volume := range map[string]string{"sessions": "store-credentials", "webidentity-store": "store-sessions"} {
		repo := repository()
		in := inputs(repo)
		cases()[name](repo, &in)
		repo.Spec.AdoptFrom = &v1alpha1.AdoptFrom{Prefix: "old*/"}
		var got []string
		for _, v := range AdoptJob(in, "").Spec.Template.Spec.Volumes {
			got = append(got, *v.Name)
		}
		if !slices.Contains(got, volume) {
			t.Errorf("%s: the volumes are %v", name, got)
		}
	}
}
