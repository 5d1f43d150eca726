package v1alpha1

import (
	"fmt"
	"hash/fnv"
	"slices"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// PolicyDefaults is a layer of policy: what an LFSRepository says, what a store
// says for all of its repositories, or what is built in. A field that is left
// out leaves the decision to the layer below.
//
// +kubebuilder:object:generate=false
// +kubebuilder:ac:generate=false
type PolicyDefaults struct {
	// Threshold is the size from which on a file belongs in LFS.
	Threshold *resource.Quantity
	// SuffixRules are added to those of the layers below.
	SuffixRules []string
	// KeepVersions is how many contents of each path are kept.
	KeepVersions *int32
	// Quota in bytes; without one in any layer there is none.
	Quota *resource.Quantity
	// GC says when and how garbage collection runs. Its rules and its time zone
	// are no policy values and not looked at.
	GC *GarbageCollection
	// Multipart says when uploads are split. Its dialect is not looked at.
	Multipart *Multipart
	// Transfer is the way that object bytes take.
	Transfer TransferMode
	// Replicas of the server.
	Replicas *int32
}

// ResolvePolicy returns the policy that applies to a repository and where each
// value comes from: the repository's own word, else the store's (nil: a store
// without one), else the built-in one. Only Quota and OrphanAfter may be absent.
func ResolvePolicy(repo *LFSRepository, store *PolicyDefaults) EffectivePolicy {
	if store == nil {
		store = &PolicyDefaults{}
	}
	all := layers{
		{SourceRepository, policyOf(&repo.Spec)},
		{SourceStore, *store},
		{SourceBuiltIn, builtInPolicy(repo.UID)},
	}
	return EffectivePolicy{
		Threshold:          all.quantity(func(p PolicyDefaults) *resource.Quantity { return p.Threshold }),
		SuffixRules:        all.suffixes(),
		KeepVersions:       all.number(func(p PolicyDefaults) *int32 { return p.KeepVersions }),
		Quota:              all.quantity(func(p PolicyDefaults) *resource.Quantity { return p.Quota }),
		GCMode:             all.word(func(p PolicyDefaults) string { return string(p.gc().Mode) }),
		Schedule:           all.word(func(p PolicyDefaults) string { return p.gc().Schedule }),
		GracePeriod:        all.duration(func(p PolicyDefaults) *metav1.Duration { return p.gc().GracePeriod }),
		Quarantine:         all.duration(func(p PolicyDefaults) *metav1.Duration { return p.gc().Quarantine }),
		OrphanAfter:        all.duration(func(p PolicyDefaults) *metav1.Duration { return p.gc().OrphanAfter }),
		DeleteLimit:        all.word(func(p PolicyDefaults) string { return p.gc().DeleteLimit }),
		MultipartThreshold: all.quantity(func(p PolicyDefaults) *resource.Quantity { return p.multipart().Threshold }),
		PartSize:           all.quantity(func(p PolicyDefaults) *resource.Quantity { return p.multipart().PartSize }),
		Transfer:           all.word(func(p PolicyDefaults) string { return string(p.Transfer) }),
		Replicas:           all.number(func(p PolicyDefaults) *int32 { return p.Replicas }),
	}
}

// DefaultSchedule is when garbage collection runs that has no schedule: once a
// day, at a minute that the UID decides, so that the repositories of a cluster
// do not all start at once.
func DefaultSchedule(uid types.UID) string {
	h := fnv.New32a()
	_, _ = h.Write([]byte(uid)) // never fails
	minute := h.Sum32() % (24 * 60)
	return fmt.Sprintf("%d %d * * *", minute%60, minute/60)
}

func policyOf(spec *LFSRepositorySpec) PolicyDefaults {
	return PolicyDefaults{
		Threshold:    spec.Threshold,
		SuffixRules:  spec.SuffixRules,
		KeepVersions: spec.KeepVersions,
		Quota:        spec.Quota,
		GC:           spec.GC,
		Multipart:    spec.Multipart,
		Transfer:     spec.Transfer,
		Replicas:     spec.replicas(),
	}
}

func (s *LFSRepositorySpec) replicas() *int32 {
	if s.Server == nil {
		return nil
	}
	return s.Server.Replicas
}

func builtInPolicy(uid types.UID) PolicyDefaults {
	return PolicyDefaults{
		Threshold:    resource.NewQuantity(DefaultThresholdBytes, resource.DecimalSI),
		SuffixRules:  DefaultSuffixRules(),
		KeepVersions: new(DefaultKeepVersions),
		GC: &GarbageCollection{
			Mode:        GCDryRun,
			Schedule:    DefaultSchedule(uid),
			GracePeriod: &metav1.Duration{Duration: DefaultGracePeriod},
			Quarantine:  &metav1.Duration{Duration: DefaultQuarantine},
			DeleteLimit: DefaultDeleteLimit,
		},
		Multipart: &Multipart{
			Threshold: resource.NewQuantity(DefaultMultipartThresholdBytes, resource.DecimalSI),
			PartSize:  resource.NewQuantity(DefaultPartSizeBytes, resource.DecimalSI),
		},
		Transfer: TransferDirect,
		Replicas: new(DefaultReplicas),
	}
}

// gc is never nil, which spares every reader the question.
func (p PolicyDefaults) gc() *GarbageCollection {
	if p.GC == nil {
		return &GarbageCollection{}
	}
	return p.GC
}

// multipart is never nil, which spares every reader the question.
func (p PolicyDefaults) multipart() *Multipart {
	if p.Multipart == nil {
		return &Multipart{}
	}
	return p.Multipart
}

// layers from the one that decides first to the built-in one.
type layers []struct {
	source PolicySource
	values PolicyDefaults
}

func (l layers) quantity(of func(PolicyDefaults) *resource.Quantity) *EffectiveQuantity {
	for _, layer := range l {
		if v := of(layer.values); v != nil {
			return &EffectiveQuantity{Value: v.DeepCopy(), Source: layer.source}
		}
	}
	return nil
}

func (l layers) number(of func(PolicyDefaults) *int32) *EffectiveInt {
	for _, layer := range l {
		if v := of(layer.values); v != nil {
			return &EffectiveInt{Value: *v, Source: layer.source}
		}
	}
	return nil
}

func (l layers) word(of func(PolicyDefaults) string) *EffectiveString {
	for _, layer := range l {
		if v := of(layer.values); v != "" {
			return &EffectiveString{Value: v, Source: layer.source}
		}
	}
	return nil
}

func (l layers) duration(of func(PolicyDefaults) *metav1.Duration) *EffectiveDuration {
	for _, layer := range l {
		if v := of(layer.values); v != nil {
			return &EffectiveDuration{Value: *v, Source: layer.source}
		}
	}
	return nil
}

// suffixes are the built-in ones in their own order, then, sorted, whatever the
// other layers add to them.
func (l layers) suffixes() *EffectiveStrings {
	builtIn := l[len(l)-1].values.SuffixRules
	var added []string
	for _, layer := range l[:len(l)-1] {
		for _, suffix := range layer.values.SuffixRules {
			if !slices.Contains(builtIn, suffix) {
				added = append(added, suffix)
			}
		}
	}
	if len(added) == 0 {
		return &EffectiveStrings{Value: builtIn, Source: SourceBuiltIn}
	}
	slices.Sort(added)
	return &EffectiveStrings{Value: append(builtIn, slices.Compact(added)...), Source: SourceMerged}
}
