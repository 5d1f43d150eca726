package v1alpha1

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestAllows(t *testing.T) {
	selector := &metav1.LabelSelector{MatchLabels: map[string]string{"lfs": "yes"}}
	for name, tc := range map[string]struct {
		allowed *AllowedNamespaces
		labels  map[string]string
		want    bool
	}{
		"left out":         {},
		"none":             {allowed: &AllowedNamespaces{From: NamespacesNone}},
		"all":              {allowed: &AllowedNamespaces{From: NamespacesAll}, want: true},
		"selected":         {allowed: &AllowedNamespaces{From: NamespacesSelector, Selector: selector}, labels: map[string]string{"lfs": "yes"}, want: true},
		"not selected":     {allowed: &AllowedNamespaces{From: NamespacesSelector, Selector: selector}, labels: map[string]string{"lfs": "no"}},
		"no selector":      {allowed: &AllowedNamespaces{From: NamespacesSelector}},
		"empty selector":   {allowed: &AllowedNamespaces{From: NamespacesSelector, Selector: &metav1.LabelSelector{}}, want: true},
		"invalid selector": {allowed: &AllowedNamespaces{From: NamespacesSelector, Selector: &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "a", Operator: "Near"}}}}},
	} {
		t.Run(name, func(t *testing.T) {
			store := &LFSStore{Spec: LFSStoreSpec{AllowedNamespaces: tc.allowed}}
			if got := store.Allows(tc.labels); got != tc.want {
				t.Errorf("got %t, want %t", got, tc.want)
			}
		})
	}
}

func TestDefaultStore(t *testing.T) {
	now := time.Now().Truncate(time.Second)
	store := func(name string, age time.Duration, value string) LFSStore {
		return LFSStore{ObjectMeta: metav1.ObjectMeta{
			Name: name, CreationTimestamp: metav1.NewTime(now.Add(-age)), Annotations: map[string]string{AnnotationDefaultStore: value},
		}}
	}
	leaving := store("leaving", 0, "true")
	leaving.DeletionTimestamp = &metav1.Time{Time: now}
	for name, tc := range map[string]struct {
		stores []LFSStore
		want   string
	}{
		"none":                          {},
		"none is marked":                {stores: []LFSStore{store("a", 0, "false"), store("b", 0, "")}},
		"the newest":                    {stores: []LFSStore{store("a", time.Hour, "true"), store("b", time.Minute, "true"), store("c", 2*time.Hour, "true"), store("d", 0, "no")}, want: "b"},
		"of two as new":                 {stores: []LFSStore{store("b", 0, "true"), store("a", 0, "true")}, want: "a"},
		"not one that is being deleted": {stores: []LFSStore{leaving, store("old", time.Hour, "true")}, want: "old"},
	} {
		t.Run(name, func(t *testing.T) {
			got := ""
			if s := DefaultStore(tc.stores); s != nil {
				got = s.Name
			}
			if got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

func TestPlace(t *testing.T) {
	repo := &LFSRepository{ObjectMeta: metav1.ObjectMeta{Namespace: "team-a", Name: "models", UID: "uid-1"}}
	for name, tc := range map[string]struct {
		spec   LFSStoreSpec
		wish   string
		bucket string
		prefix string
	}{
		"one bucket":       {spec: LFSStoreSpec{Bucket: "shared"}, bucket: "shared", prefix: "team-a/models-uid-1/"},
		"bucket template":  {spec: LFSStoreSpec{BucketTemplate: "lfs-{namespace}-{name}"}, bucket: "lfs-team-a-models", prefix: "team-a/models-uid-1/"},
		"prefix template":  {spec: LFSStoreSpec{Bucket: "shared", PrefixTemplate: "x/{uid}/{namespace}/"}, bucket: "shared", prefix: "x/uid-1/team-a/"},
		"bucket by itself": {spec: LFSStoreSpec{Bucket: "shared"}, wish: "special", bucket: "special", prefix: "team-a/models-uid-1/"},
	} {
		t.Run(name, func(t *testing.T) {
			tc.spec.Endpoint, tc.spec.ServerNamespace = "http://s3", "servers"
			repo.Spec.Bucket = tc.wish
			want := Location{Endpoint: "http://s3", Bucket: tc.bucket, Prefix: tc.prefix, Store: "standard", ServerNamespace: "servers"}
			got := (&LFSStore{ObjectMeta: metav1.ObjectMeta{Name: "standard"}, Spec: tc.spec}).Place(repo)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

// TestPolicyOfStore: the repository's word, then the store's, then the built-in
// one; suffixes of all three; the largest quota where nobody names one.
func TestPolicyOfStore(t *testing.T) {
	store := &LFSStore{Spec: LFSStoreSpec{
		Defaults: &StoreDefaults{
			Threshold: quantity("20M"), SuffixRules: []string{".store"}, KeepVersions: new(int32(7)), Replicas: new(int32(2)),
			GC:        &StoreGCDefaults{Mode: GCDelete, GracePeriod: &metav1.Duration{Duration: time.Hour}},
			Multipart: &StoreMultipartDefaults{PartSize: quantity("64M")},
		},
		Limits: &StoreLimits{MaxQuota: quantity("1Ti")},
	}}
	repo := &LFSRepository{Spec: LFSRepositorySpec{Threshold: quantity("30M"), SuffixRules: []string{".repo"}}}
	p := ResolvePolicy(repo, store.PolicyDefaults())
	for name, tc := range map[string]struct{ got, want any }{
		"threshold":    {p.Threshold, &EffectiveQuantity{*quantity("30M"), SourceRepository}},
		"keepVersions": {p.KeepVersions, &EffectiveInt{7, SourceStore}},
		"replicas":     {p.Replicas, &EffectiveInt{2, SourceStore}},
		"quota":        {p.Quota, &EffectiveQuantity{*quantity("1Ti"), SourceStore}},
		"gcMode":       {p.GCMode, &EffectiveString{"Delete", SourceStore}},
		"gracePeriod":  {p.GracePeriod, &EffectiveDuration{metav1.Duration{Duration: time.Hour}, SourceStore}},
		"quarantine":   {p.Quarantine, &EffectiveDuration{metav1.Duration{Duration: DefaultQuarantine}, SourceBuiltIn}},
		"partSize":     {p.PartSize, &EffectiveQuantity{*quantity("64M"), SourceStore}},
		"suffixes":     {p.SuffixRules.Value[len(DefaultSuffixRules()):], []string{".repo", ".store"}},
		"their source": {p.SuffixRules.Source, SourceMerged},
	} {
		if diff := cmp.Diff(tc.want, tc.got); diff != "" {
			t.Errorf("%s: -want +got\n%s", name, diff)
		}
	}
}
