package v1alpha1

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

func TestResolvePolicy(t *testing.T) {
	cases := map[string]struct {
		spec  LFSRepositorySpec
		store *PolicyDefaults
		get   func(EffectivePolicy) any
		want  any
	}{
		"built-in threshold": {
			get:  func(p EffectivePolicy) any { return p.Threshold },
			want: &EffectiveQuantity{Value: resource.MustParse("5M"), Source: SourceBuiltIn},
		},
		"the store's threshold over the built-in one": {
			store: &PolicyDefaults{Threshold: quantity("7M")},
			get:   func(p EffectivePolicy) any { return p.Threshold },
			want:  &EffectiveQuantity{Value: resource.MustParse("7M"), Source: SourceStore},
		},
		"the repository's threshold over the store's": {
			spec:  LFSRepositorySpec{Threshold: quantity("10M")},
			store: &PolicyDefaults{Threshold: quantity("7M")},
			get:   func(p EffectivePolicy) any { return p.Threshold },
			want:  &EffectiveQuantity{Value: resource.MustParse("10M"), Source: SourceRepository},
		},
		"keepVersions": {
			spec: LFSRepositorySpec{KeepVersions: new(int32(9))},
			get:  func(p EffectivePolicy) any { return p.KeepVersions },
			want: &EffectiveInt{Value: 9, Source: SourceRepository},
		},
		"no quota anywhere": {
			get:  func(p EffectivePolicy) any { return p.Quota },
			want: (*EffectiveQuantity)(nil),
		},
		"orphans stay unless somebody says otherwise": {
			get:  func(p EffectivePolicy) any { return p.OrphanAfter },
			want: (*EffectiveDuration)(nil),
		},
		"a gc block without a mode leaves the mode to the store": {
			spec:  LFSRepositorySpec{GC: &GarbageCollection{DeleteLimit: "10%"}},
			store: &PolicyDefaults{GC: &GarbageCollection{Mode: GCDelete, DeleteLimit: "90%"}},
			get:   func(p EffectivePolicy) any { return []EffectiveString{*p.GCMode, *p.DeleteLimit} },
			want:  []EffectiveString{{Value: "Delete", Source: SourceStore}, {Value: "10%", Source: SourceRepository}},
		},
		"dry run is built in": {
			get:  func(p EffectivePolicy) any { return p.GCMode },
			want: &EffectiveString{Value: "DryRun", Source: SourceBuiltIn},
		},
		"quarantine": {
			spec: LFSRepositorySpec{GC: &GarbageCollection{Quarantine: &metav1.Duration{Duration: time.Second}}},
			get:  func(p EffectivePolicy) any { return p.Quarantine },
			want: &EffectiveDuration{Value: metav1.Duration{Duration: time.Second}, Source: SourceRepository},
		},
		"multipart values apart": {
			spec: LFSRepositorySpec{Multipart: &Multipart{PartSize: quantity("8Mi")}},
			get:  func(p EffectivePolicy) any { return []EffectiveQuantity{*p.MultipartThreshold, *p.PartSize} },
			want: []EffectiveQuantity{
				{Value: resource.MustParse("100M"), Source: SourceBuiltIn},
				{Value: resource.MustParse("8Mi"), Source: SourceRepository},
			},
		},
		"suffixes that are built in add nothing": {
			spec: LFSRepositorySpec{SuffixRules: []string{".bin"}},
			get:  func(p EffectivePolicy) any { return p.SuffixRules },
			want: &EffectiveStrings{Value: DefaultSuffixRules(), Source: SourceBuiltIn},
		},
		"suffixes of all layers, the added ones sorted and once": {
			spec:  LFSRepositorySpec{SuffixRules: []string{".z", ".bin", ".a"}},
			store: &PolicyDefaults{SuffixRules: []string{".m", ".a"}},
			get:   func(p EffectivePolicy) any { return p.SuffixRules },
			want:  &EffectiveStrings{Value: append(DefaultSuffixRules(), ".a", ".m", ".z"), Source: SourceMerged},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := tc.get(ResolvePolicy(&LFSRepository{Spec: tc.spec}, tc.store))
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error("-want +got\n" + diff)
			}
		})
	}
}

// What a policy hands out must not be the spec's own memory: a caller that
// changes it would change the cache.
func TestResolvePolicyIsACopy(t *testing.T) {
	repo := &LFSRepository{Spec: LFSRepositorySpec{Threshold: quantity("10M"), SuffixRules: []string{".a"}}}
	p := ResolvePolicy(repo, nil)
	p.Threshold.Value.Add(resource.MustParse("1M"))
	p.SuffixRules.Value[len(p.SuffixRules.Value)-1] = ".changed"
	if repo.Spec.Threshold.String() != "10M" || repo.Spec.SuffixRules[0] != ".a" {
		t.Errorf("the spec changed with the policy: %v %v", repo.Spec.Threshold, repo.Spec.SuffixRules)
	}
}

func TestDefaultSuffixRules(t *testing.T) {
	rules := DefaultSuffixRules()
	if len(rules) != 32 {
		t.Errorf("%d built-in suffixes, want 32", len(rules))
	}
	if slices.Sort(rules); len(slices.Compact(rules)) != 32 {
		t.Errorf("a built-in suffix is there twice: %v", rules)
	}
}

func TestDefaultSchedule(t *testing.T) {
	// Written out, because a version that chose other minutes would change every
	// CronJob of a cluster at once.
	cases := map[types.UID]string{
		"5f0c2f6e-6a4c-4d9a-8f7e-2b1d3c4e5f60": "31 9 * * *",
		"0a1b2c3d-0000-4000-8000-000000000000": "37 11 * * *",
	}
	for uid, want := range cases {
		if got := DefaultSchedule(uid); got != want {
			t.Errorf("DefaultSchedule(%q) = %q, want %q", uid, got, want)
		}
	}
}

func quantity(s string) *resource.Quantity { return new(resource.MustParse(s)) }
