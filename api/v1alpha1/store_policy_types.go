package v1alpha1

import (
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// StoreDefaults are the policy of repositories that say nothing of their own.
type StoreDefaults struct {
	// threshold is the size from which on a file belongs in LFS.
	// +optional
	// +kubebuilder:validation:XIntOrString
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule=`isQuantity(string(self)) && quantity(string(self)).isGreaterThan(quantity('0')) && quantity(string(self)).isLessThan(quantity('8Ei')) && double(int(quantity(string(self)).asApproximateFloat())) == quantity(string(self)).asApproximateFloat()`,message="must be a whole number of bytes greater than 0, for example 10M or 512Ki"
	Threshold *resource.Quantity `json:"threshold,omitempty"`
	// suffixRules are added to the built-in ones, for every repository.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=32
	// +kubebuilder:validation:items:XValidation:rule=`self.matches('^([.][A-Za-z0-9_-]+)+$')`,message="must begin with a dot, of letters, digits, _ and - (no wildcard), for example .safetensors"
	SuffixRules []string `json:"suffixRules,omitempty"`
	// keepVersions is how many contents of each path garbage collection keeps.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000
	KeepVersions *int32 `json:"keepVersions,omitempty"`
	// quota is how many bytes of objects a repository may hold. Left out:
	// limits.maxQuota.
	// +optional
	// +kubebuilder:validation:XIntOrString
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule=`isQuantity(string(self)) && quantity(string(self)).isGreaterThan(quantity('0')) && quantity(string(self)).isLessThan(quantity('8Ei')) && double(int(quantity(string(self)).asApproximateFloat())) == quantity(string(self)).asApproximateFloat()`,message="must be a whole number of bytes greater than 0, for example 10M or 512Ki"
	Quota *resource.Quantity `json:"quota,omitempty"`
	// gc says how garbage collection runs.
	// +optional
	GC *StoreGCDefaults `json:"gc,omitempty"`
	// multipart says when uploads are split.
	// +optional
	Multipart *StoreMultipartDefaults `json:"multipart,omitempty"`
	// transfer says which way object bytes take.
	// +optional
	Transfer TransferMode `json:"transfer,omitempty"`
	// replicas of each server.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=20
	Replicas *int32 `json:"replicas,omitempty"`
}

// StoreGCDefaults are about garbage collection.
type StoreGCDefaults struct {
	// mode of garbage collection: DryRun or Delete.
	// +optional
	Mode GCMode `json:"mode,omitempty"`
	// gracePeriod is the age below which every object is kept.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule=`self.matches('^([0-9]{1,6}([.][0-9]{1,3})?h)?([0-9]{1,7}([.][0-9]{1,3})?m)?([0-9]{1,9}([.][0-9]{1,3})?s)?$')`,message="must be a duration in hours, minutes and seconds, for example 168h (there is no unit for days)"
	// +kubebuilder:validation:XValidation:rule=`!self.matches('^([0-9]{1,6}([.][0-9]{1,3})?h)?([0-9]{1,7}([.][0-9]{1,3})?m)?([0-9]{1,9}([.][0-9]{1,3})?s)?$') || (duration(self) > duration('0s') && duration(self) <= duration('87600h'))`,message="must be longer than 0s and at most 87600h (10 years)"
	GracePeriod *metav1.Duration `json:"gracePeriod,omitempty"`
	// quarantine is the time between condemning an object and deleting it.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule=`self.matches('^([0-9]{1,6}([.][0-9]{1,3})?h)?([0-9]{1,7}([.][0-9]{1,3})?m)?([0-9]{1,9}([.][0-9]{1,3})?s)?$')`,message="must be a duration in hours, minutes and seconds, for example 168h (there is no unit for days)"
	// +kubebuilder:validation:XValidation:rule=`!self.matches('^([0-9]{1,6}([.][0-9]{1,3})?h)?([0-9]{1,7}([.][0-9]{1,3})?m)?([0-9]{1,9}([.][0-9]{1,3})?s)?$') || (duration(self) > duration('0s') && duration(self) <= duration('87600h'))`,message="must be longer than 0s and at most 87600h (10 years)"
	Quarantine *metav1.Duration `json:"quarantine,omitempty"`
	// orphanAfter is the time after which objects that no listed history ever
	// named are deleted.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule=`self.matches('^([0-9]{1,6}([.][0-9]{1,3})?h)?([0-9]{1,7}([.][0-9]{1,3})?m)?([0-9]{1,9}([.][0-9]{1,3})?s)?$')`,message="must be a duration in hours, minutes and seconds, for example 720h (there is no unit for days)"
	// +kubebuilder:validation:XValidation:rule=`!self.matches('^([0-9]{1,6}([.][0-9]{1,3})?h)?([0-9]{1,7}([.][0-9]{1,3})?m)?([0-9]{1,9}([.][0-9]{1,3})?s)?$') || (duration(self) > duration('0s') && duration(self) <= duration('87600h'))`,message="must be longer than 0s and at most 87600h (10 years)"
	OrphanAfter *metav1.Duration `json:"orphanAfter,omitempty"`
	// deleteLimit is the largest share of the objects that one run may delete.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=4
	// +kubebuilder:validation:XValidation:rule=`self.matches('^(100|[1-9]?[0-9])%$')`,message="must be a whole percentage from 0% to 100%, for example 50%"
	DeleteLimit string `json:"deleteLimit,omitempty"`
}

// StoreMultipartDefaults are about uploads in parts.
type StoreMultipartDefaults struct {
	// threshold is the size above which an object is uploaded in parts.
	// +optional
	// +kubebuilder:validation:XIntOrString
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule=`isQuantity(string(self)) && quantity(string(self)).isGreaterThan(quantity('0')) && quantity(string(self)).isLessThan(quantity('8Ei')) && double(int(quantity(string(self)).asApproximateFloat())) == quantity(string(self)).asApproximateFloat()`,message="must be a whole number of bytes greater than 0, for example 10M or 512Ki"
	// +kubebuilder:validation:XValidation:rule=`!isQuantity(string(self)) || quantity(string(self)).compareTo(quantity('5Gi')) <= 0`,message="must be at most 5Gi, the largest object that S3 takes in one request"
	Threshold *resource.Quantity `json:"threshold,omitempty"`
	// partSize of an upload.
	// +optional
	// +kubebuilder:validation:XIntOrString
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule=`isQuantity(string(self)) && quantity(string(self)).isGreaterThan(quantity('0')) && quantity(string(self)).isLessThan(quantity('8Ei')) && double(int(quantity(string(self)).asApproximateFloat())) == quantity(string(self)).asApproximateFloat()`,message="must be a whole number of bytes greater than 0, for example 10M or 512Ki"
	// +kubebuilder:validation:XValidation:rule=`!isQuantity(string(self)) || quantity(string(self)).compareTo(quantity('5Mi')) >= 0`,message="must be at least 5Mi, the smallest part that S3 takes"
	// +kubebuilder:validation:XValidation:rule=`!isQuantity(string(self)) || quantity(string(self)).compareTo(quantity('5Gi')) <= 0`,message="must be at most 5Gi, the largest part that S3 takes"
	PartSize *resource.Quantity `json:"partSize,omitempty"`
}

// StoreLimits bound what a repository may ask for. A limit that is left out
// does not limit. They hold for effective values, whoever said them.
//
// +kubebuilder:validation:XValidation:rule=`!has(self.minThreshold) || !has(self.maxThreshold) || quantity(string(self.minThreshold)).compareTo(quantity(string(self.maxThreshold))) <= 0`,message="must be at least minThreshold",fieldPath=".maxThreshold"
// +kubebuilder:validation:XValidation:rule=`!has(self.minPartSize) || !has(self.maxPartSize) || quantity(string(self.minPartSize)).compareTo(quantity(string(self.maxPartSize))) <= 0`,message="must be at least minPartSize",fieldPath=".maxPartSize"
type StoreLimits struct {
	// minThreshold of a repository's threshold.
	// +optional
	// +kubebuilder:validation:XIntOrString
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule=`isQuantity(string(self)) && quantity(string(self)).isGreaterThan(quantity('0')) && quantity(string(self)).isLessThan(quantity('8Ei')) && double(int(quantity(string(self)).asApproximateFloat())) == quantity(string(self)).asApproximateFloat()`,message="must be a whole number of bytes greater than 0, for example 10M or 512Ki"
	MinThreshold *resource.Quantity `json:"minThreshold,omitempty"`
	// maxThreshold of a repository's threshold.
	// +optional
	// +kubebuilder:validation:XIntOrString
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule=`isQuantity(string(self)) && quantity(string(self)).isGreaterThan(quantity('0')) && quantity(string(self)).isLessThan(quantity('8Ei')) && double(int(quantity(string(self)).asApproximateFloat())) == quantity(string(self)).asApproximateFloat()`,message="must be a whole number of bytes greater than 0, for example 10M or 512Ki"
	MaxThreshold *resource.Quantity `json:"maxThreshold,omitempty"`
	// maxKeepVersions of a repository's keepVersions.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000
	MaxKeepVersions *int32 `json:"maxKeepVersions,omitempty"`
	// maxQuota of a repository's quota, and the quota of those that name none
	// where defaults name none either.
	// +optional
	// +kubebuilder:validation:XIntOrString
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule=`isQuantity(string(self)) && quantity(string(self)).isGreaterThan(quantity('0')) && quantity(string(self)).isLessThan(quantity('8Ei')) && double(int(quantity(string(self)).asApproximateFloat())) == quantity(string(self)).asApproximateFloat()`,message="must be a whole number of bytes greater than 0, for example 10M or 512Ki"
	MaxQuota *resource.Quantity `json:"maxQuota,omitempty"`
	// maxReplicas of a repository's server.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=20
	MaxReplicas *int32 `json:"maxReplicas,omitempty"`
	// minPartSize of uploads in parts.
	// +optional
	// +kubebuilder:validation:XIntOrString
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule=`isQuantity(string(self)) && quantity(string(self)).isGreaterThan(quantity('0')) && quantity(string(self)).isLessThan(quantity('8Ei')) && double(int(quantity(string(self)).asApproximateFloat())) == quantity(string(self)).asApproximateFloat()`,message="must be a whole number of bytes greater than 0, for example 10M or 512Ki"
	// +kubebuilder:validation:XValidation:rule=`!isQuantity(string(self)) || quantity(string(self)).compareTo(quantity('5Mi')) >= 0`,message="must be at least 5Mi, the smallest part that S3 takes"
	// +kubebuilder:validation:XValidation:rule=`!isQuantity(string(self)) || quantity(string(self)).compareTo(quantity('5Gi')) <= 0`,message="must be at most 5Gi, the largest part that S3 takes"
	MinPartSize *resource.Quantity `json:"minPartSize,omitempty"`
	// maxPartSize of uploads in parts.
	// +optional
	// +kubebuilder:validation:XIntOrString
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule=`isQuantity(string(self)) && quantity(string(self)).isGreaterThan(quantity('0')) && quantity(string(self)).isLessThan(quantity('8Ei')) && double(int(quantity(string(self)).asApproximateFloat())) == quantity(string(self)).asApproximateFloat()`,message="must be a whole number of bytes greater than 0, for example 10M or 512Ki"
	// +kubebuilder:validation:XValidation:rule=`!isQuantity(string(self)) || quantity(string(self)).compareTo(quantity('5Mi')) >= 0`,message="must be at least 5Mi, the smallest part that S3 takes"
	// +kubebuilder:validation:XValidation:rule=`!isQuantity(string(self)) || quantity(string(self)).compareTo(quantity('5Gi')) <= 0`,message="must be at most 5Gi, the largest part that S3 takes"
	MaxPartSize *resource.Quantity `json:"maxPartSize,omitempty"`
	// minGracePeriod of garbage collection.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule=`self.matches('^([0-9]{1,6}([.][0-9]{1,3})?h)?([0-9]{1,7}([.][0-9]{1,3})?m)?([0-9]{1,9}([.][0-9]{1,3})?s)?$')`,message="must be a duration in hours, minutes and seconds, for example 24h (there is no unit for days)"
	// +kubebuilder:validation:XValidation:rule=`!self.matches('^([0-9]{1,6}([.][0-9]{1,3})?h)?([0-9]{1,7}([.][0-9]{1,3})?m)?([0-9]{1,9}([.][0-9]{1,3})?s)?$') || (duration(self) > duration('0s') && duration(self) <= duration('87600h'))`,message="must be longer than 0s and at most 87600h (10 years)"
	MinGracePeriod *metav1.Duration `json:"minGracePeriod,omitempty"`
	// minQuarantine of garbage collection.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule=`self.matches('^([0-9]{1,6}([.][0-9]{1,3})?h)?([0-9]{1,7}([.][0-9]{1,3})?m)?([0-9]{1,9}([.][0-9]{1,3})?s)?$')`,message="must be a duration in hours, minutes and seconds, for example 24h (there is no unit for days)"
	// +kubebuilder:validation:XValidation:rule=`!self.matches('^([0-9]{1,6}([.][0-9]{1,3})?h)?([0-9]{1,7}([.][0-9]{1,3})?m)?([0-9]{1,9}([.][0-9]{1,3})?s)?$') || (duration(self) > duration('0s') && duration(self) <= duration('87600h'))`,message="must be longer than 0s and at most 87600h (10 years)"
	MinQuarantine *metav1.Duration `json:"minQuarantine,omitempty"`
	// forbidden are things that repositories of this store may not ask for.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=16
	Forbidden []ForbiddenField `json:"forbidden,omitempty"`
}

// ForbiddenField is something that an administrator may keep from tenants.
//
//   - AnonymousRead: access.anonymousRead
//   - Tokens: access.tokens
//   - KubernetesAccess: access.kubernetes
//   - JWTAccess: access.jwt
//   - History: history, without which garbage collection deletes nothing
//   - GCDelete: gc.mode Delete
//   - DeletionPolicyDelete: deletionPolicy Delete
//   - Exposure: exposure
//
// +kubebuilder:validation:Enum=AnonymousRead;Tokens;KubernetesAccess;JWTAccess;History;GCDelete;DeletionPolicyDelete;Exposure
type ForbiddenField string

// What can be forbidden.
const (
	ForbidAnonymousRead        ForbiddenField = "AnonymousRead"
	ForbidTokens               ForbiddenField = "Tokens"
	ForbidKubernetesAccess     ForbiddenField = "KubernetesAccess"
	ForbidJWTAccess            ForbiddenField = "JWTAccess"
	ForbidHistory              ForbiddenField = "History"
	ForbidGCDelete             ForbiddenField = "GCDelete"
	ForbidDeletionPolicyDelete ForbiddenField = "DeletionPolicyDelete"
	ForbidExposure             ForbiddenField = "Exposure"
)
