package v1alpha1

import (
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Excess is a value that an LFSStore does not allow.
//
// +kubebuilder:object:generate=false
// +kubebuilder:ac:generate=false
type Excess struct {
	// Field of the LFSRepository, as in "spec.keepVersions".
	Field string
	// Value that would apply.
	Value string
	// Limit that it breaks, as in "at most 10".
	Limit string
	// Remedy says what to do.
	Remedy string
}

// String names field, value, limit and remedy.
func (e Excess) String() string {
	return fmt.Sprintf("%s is %s, and the LFSStore allows %s: %s", e.Field, e.Value, e.Limit, e.Remedy)
}

// Exceeds lists what the store does not allow of a repository and its effective
// policy. It looks at effective values: a default that breaks a limit is no less
// of a breach.
func (s *LFSStore) Exceeds(repo *LFSRepository, policy EffectivePolicy) []Excess {
	c := &excesses{}
	c.bucket(s, repo)
	if server := repo.Spec.Server; server != nil && server.Resources != nil {
		c.add("spec.server.resources", "set", "none", "leave it out; the LFSStore says what its servers get")
	}
	c.keys(repo)
	c.adoption(s, repo)
	limits := s.Spec.Limits
	if limits == nil {
		return c.found
	}
	c.quantities("spec.threshold", policy.Threshold, limits.MinThreshold, limits.MaxThreshold)
	c.quantities("spec.quota", policy.Quota, nil, limits.MaxQuota)
	c.quantities("spec.multipart.partSize", policy.PartSize, limits.MinPartSize, limits.MaxPartSize)
	c.number("spec.keepVersions", policy.KeepVersions.Value, limits.MaxKeepVersions)
	c.replicas(repo, policy, limits.MaxReplicas)
	c.duration("spec.gc.gracePeriod", policy.GracePeriod, limits.MinGracePeriod)
	c.duration("spec.gc.quarantine", policy.Quarantine, limits.MinQuarantine)
	c.rules(repo, limits.MaxKeepVersions)
	c.forbidden(repo, policy, limits.Forbidden)
	return c.found
}

// excesses collects.
type excesses struct{ found []Excess }

func (c *excesses) add(field, value, limit, remedy string) {
	c.found = append(c.found, Excess{Field: field, Value: value, Limit: limit, Remedy: remedy})
}

const raiseLimit = ", or ask the administrator of the LFSStore"

// bucket: only from the allow-list, or what the store would have chosen anyway.
func (c *excesses) bucket(s *LFSStore, repo *LFSRepository) {
	own := s.OwnBucket(repo.Namespace, repo.Name, repo.UID)
	switch wish := repo.Spec.Bucket; {
	case wish != "":
		if wish != own && !slices.Contains(s.Spec.AllowedBuckets, wish) {
			c.add("spec.bucket", wish, "other buckets only", "leave it out in a new LFSRepository"+raiseLimit)
		}
	case len(own) < minBucketName || len(own) > maxBucketName:
		c.add("spec.bucket", own+" (left to the LFSStore's template)", "names of 3 to 63 characters",
			"name one of the store's buckets in a new LFSRepository, or use shorter names")
	}
}

// adoption: a store's key reads everybody's objects, so the administrator says who
// may have whose.
func (c *excesses) adoption(s *LFSStore, repo *LFSRepository) {
	from := repo.Spec.AdoptFrom
	if from == nil {
		return
	}
	own := orElse(repo.Spec.Bucket, s.OwnBucket(repo.Namespace, repo.Name, repo.UID))
	if !s.AllowsAdoption(repo, own) {
		c.add("spec.adoptFrom", fmt.Sprintf("prefix %q of bucket %q", from.Prefix, orElse(from.Bucket, own)), "what its adoptions list for the namespace",
			"ask the administrator of the LFSStore to list it, or leave it out in a new LFSRepository")
	}
}

// The lengths of a bucket's name in S3.
const (
	minBucketName = 3
	maxBucketName = 63
)

// keys of token issuers would be mounted where the server runs: a tenant must not
// choose among the Secrets of the administrator's namespace.
func (c *excesses) keys(repo *LFSRepository) {
	if repo.Spec.Access == nil || repo.Spec.Access.JWT == nil {
		return
	}
	for i, issuer := range repo.Spec.Access.JWT.Issuers {
		field := fmt.Sprintf("spec.access.jwt.issuers[%d]", i)
		if issuer.KeySecretRef != nil {
			c.add(field+".keySecretRef", issuer.KeySecretRef.Name, noSecrets, "name the issuer by its url")
		}
		if issuer.CASecretRef != nil {
			c.add(field+".caSecretRef", issuer.CASecretRef.Name, noSecrets, "use an issuer with a certificate that everybody trusts")
		}
	}
}

const noSecrets = "no Secrets there, because the server runs in another namespace"

func (c *excesses) quantities(field string, value *EffectiveQuantity, least, most *resource.Quantity) {
	if value == nil {
		return
	}
	if least != nil && value.Value.Cmp(*least) < 0 {
		c.add(field, value.Value.String(), "at least "+least.String(), "raise it"+raiseLimit)
	}
	if most != nil && value.Value.Cmp(*most) > 0 {
		c.add(field, value.Value.String(), "at most "+most.String(), "lower it"+raiseLimit)
	}
}

func (c *excesses) number(field string, value int32, most *int32) {
	if most != nil && value > *most {
		c.add(field, fmt.Sprint(value), fmt.Sprintf("at most %d", *most), "lower it"+raiseLimit)
	}
}

func (c *excesses) duration(field string, value *EffectiveDuration, least *metav1.Duration) {
	if least != nil && value.Value.Duration < least.Duration {
		c.add(field, value.Value.Duration.String(), "at least "+least.Duration.String(), "raise it"+raiseLimit)
	}
}

func (c *excesses) replicas(repo *LFSRepository, policy EffectivePolicy, most *int32) {
	if s := repo.Spec.Server; s != nil && s.Autoscaling != nil {
		c.number("spec.server.autoscaling.maxReplicas", s.Autoscaling.MaxReplicas, most)
		return
	}
	c.number("spec.server.replicas", policy.Replicas.Value, most)
}

// rules of garbage collection override keepVersions path by path.
func (c *excesses) rules(repo *LFSRepository, most *int32) {
	if repo.Spec.GC == nil || most == nil {
		return
	}
	for i, rule := range repo.Spec.GC.Rules {
		field := fmt.Sprintf("spec.gc.rules[%d].keep", i)
		if v := rule.Keep.Versions; v != nil {
			c.number(field+".versions", *v, most)
		}
		if all := rule.Keep.All; all != nil && *all {
			c.add(field+".all", "true", fmt.Sprintf("at most %d versions", *most), "say versions instead"+raiseLimit)
		}
	}
}

func (c *excesses) forbidden(repo *LFSRepository, policy EffectivePolicy, list []ForbiddenField) {
	access := repo.Spec.Access
	if access == nil {
		access = &Access{}
	}
	for _, f := range []struct {
		what         ForbiddenField
		set          bool
		field, value string
		remedy       string
	}{
		{ForbidAnonymousRead, access.AnonymousRead, "spec.access.anonymousRead", "true", "leave it out"},
		{ForbidTokens, len(access.Tokens) > 0, "spec.access.tokens", "set", "leave it out"},
		{ForbidKubernetesAccess, access.Kubernetes != nil, "spec.access.kubernetes", "set", "leave it out"},
		{ForbidJWTAccess, access.JWT != nil, "spec.access.jwt", "set", "leave it out"},
		{ForbidHistory, len(repo.Spec.History) > 0, "spec.history", "set", "leave it out"},
		{ForbidGCDelete, policy.GCMode.Value == string(GCDelete) && policy.GCMode.Source == SourceRepository, "spec.gc.mode", "Delete", "leave it out"},
		{ForbidDeletionPolicyDelete, repo.Spec.DeletionPolicy == DeletionDelete, "spec.deletionPolicy", "Delete", "set it to Retain"},
		{ForbidExposure, repo.Spec.Exposure != nil, "spec.exposure", "set", "leave it out; the LFSStore says how its servers are reached"},
	} {
		if f.set && slices.Contains(list, f.what) {
			c.add(f.field, f.value, "none of that", f.remedy+raiseLimit)
		}
	}
}
