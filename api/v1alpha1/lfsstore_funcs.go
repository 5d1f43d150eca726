package v1alpha1

import (
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
)

// DefaultPrefixTemplate is the prefix of a repository where its store has no
// prefixTemplate, and of one with storage of its own.
const DefaultPrefixTemplate = "{namespace}/{name}-{uid}/"

// GetConditions returns the conditions of the status.
func (s *LFSStore) GetConditions() []metav1.Condition { return s.Status.Conditions }

// SetConditions replaces the conditions of the status.
func (s *LFSStore) SetConditions(conditions []metav1.Condition) { s.Status.Conditions = conditions }

// IsDefault is true for a store that repositories get which name none.
func (s *LFSStore) IsDefault() bool { return s.Annotations[AnnotationDefaultStore] == "true" }

// DefaultStore is the newest of the stores that are marked as default, as with
// StorageClasses; of two made in the same second the first by name. nil: none is.
func DefaultStore(stores []LFSStore) *LFSStore {
	var newest *LFSStore
	for i := range stores {
		s := &stores[i]
		if !s.IsDefault() || s.DeletionTimestamp != nil {
			continue
		}
		if newest == nil || newest.CreationTimestamp.Before(&s.CreationTimestamp) ||
			newest.CreationTimestamp.Equal(&s.CreationTimestamp) && s.Name < newest.Name {
			newest = s
		}
	}
	return newest
}

// Allows is true when a namespace with these labels may use the store. A
// selector that cannot be read allows nobody.
func (s *LFSStore) Allows(namespace map[string]string) bool {
	allowed := s.Spec.AllowedNamespaces
	if allowed == nil {
		return false
	}
	switch allowed.From {
	case NamespacesAll:
		return true
	case NamespacesSelector:
		selector, err := metav1.LabelSelectorAsSelector(allowed.Selector)
		return err == nil && selector.Matches(labels.Set(namespace))
	default:
		return false
	}
}

// Storage is the store as a repository with storage of its own would describe it.
func (s *LFSStore) Storage() *Storage {
	return &Storage{
		Endpoint:             s.Spec.Endpoint,
		PublicEndpoint:       s.Spec.PublicEndpoint,
		Region:               s.Spec.Region,
		AddressingStyle:      s.Spec.AddressingStyle,
		CredentialsSecretRef: s.Spec.CredentialsSecretRef,
		WebIdentity:          s.Spec.WebIdentity,
		CASecretRef:          s.Spec.CASecretRef,
		CreateBucket:         s.Spec.CreateBuckets,
		Encryption:           s.Spec.Encryption,
	}
}

// Place is where the store puts a repository. A bucket that the repository
// names must have passed the limits.
func (s *LFSStore) Place(repo *LFSRepository) Location {
	bucket := repo.Spec.Bucket
	if bucket == "" {
		bucket = s.OwnBucket(repo.Namespace, repo.Name, repo.UID)
	}
	template := s.Spec.PrefixTemplate
	if template == "" {
		template = DefaultPrefixTemplate
	}
	return Location{
		Endpoint:        s.Spec.Endpoint,
		Bucket:          bucket,
		Prefix:          orElse(repo.Spec.inPlacePrefix(), Expand(template, repo.Namespace, repo.Name, repo.UID)),
		Store:           s.Name,
		ServerNamespace: s.Spec.ServerNamespace,
	}
}

// AllowsAdoption is true when the administrator lets a repository whose own bucket
// that is take over what its spec names.
func (s *LFSStore) AllowsAdoption(repo *LFSRepository, own string) bool {
	from := repo.Spec.AdoptFrom
	for _, a := range s.Spec.Adoptions {
		if a.Namespace == repo.Namespace && orElse(a.Bucket, own) == orElse(from.Bucket, own) && strings.HasPrefix(from.Prefix, a.Prefix) {
			return true
		}
	}
	return false
}

func orElse(s, fallback string) string {
	if s == "" {
		return fallback
	}
	return s
}

// OwnBucket is the bucket of a repository that names none.
func (s *LFSStore) OwnBucket(namespace, name string, uid types.UID) string {
	if s.Spec.Bucket != "" {
		return s.Spec.Bucket
	}
	return Expand(s.Spec.BucketTemplate, namespace, name, uid)
}

// Expand fills in a template. None of the values can hold a brace.
func Expand(template, namespace, name string, uid types.UID) string {
	return strings.NewReplacer("{namespace}", namespace, "{name}", name, "{uid}", string(uid)).Replace(template)
}

// PolicyDefaults are the store's layer of policy. Without any other quota,
// that of the limits applies.
func (s *LFSStore) PolicyDefaults() *PolicyDefaults {
	out := &PolicyDefaults{}
	if d := s.Spec.Defaults; d != nil {
		out.Threshold, out.SuffixRules, out.KeepVersions = d.Threshold, d.SuffixRules, d.KeepVersions
		out.Quota, out.Transfer, out.Replicas = d.Quota, d.Transfer, d.Replicas
		if g := d.GC; g != nil {
			out.GC = &GarbageCollection{
				Mode: g.Mode, GracePeriod: g.GracePeriod, Quarantine: g.Quarantine,
				OrphanAfter: g.OrphanAfter, DeleteLimit: g.DeleteLimit,
			}
		}
		if m := d.Multipart; m != nil {
			out.Multipart = &Multipart{Threshold: m.Threshold, PartSize: m.PartSize}
		}
	}
	if out.Quota == nil && s.Spec.Limits != nil {
		out.Quota = s.Spec.Limits.MaxQuota
	}
	return out
}

// SuspendsGC is true where the administrator has stopped garbage collection, by
// itself or with everything else that changes objects.
func (s *LFSStore) SuspendsGC() bool { return s.Spec.ReadOnly || s.Spec.GC != nil && s.Spec.GC.Suspend }
