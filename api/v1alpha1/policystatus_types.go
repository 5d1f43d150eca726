package v1alpha1

import (
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// PolicySource says where an effective value comes from.
// +kubebuilder:validation:Enum=Repository;Store;BuiltIn;Merged
type PolicySource string

// The sources of effective values. Merged: built-in values with others added.
const (
	SourceRepository PolicySource = "Repository"
	SourceStore      PolicySource = "Store"
	SourceBuiltIn    PolicySource = "BuiltIn"
	SourceMerged     PolicySource = "Merged"
)

// EffectivePolicy is the policy that applies, each value with its source.
type EffectivePolicy struct {
	// threshold is the size from which on a file belongs in LFS.
	// +optional
	Threshold *EffectiveQuantity `json:"threshold,omitempty"`
	// suffixRules are the file name suffixes that always belong in LFS.
	// +optional
	SuffixRules *EffectiveStrings `json:"suffixRules,omitempty"`
	// keepVersions is how many contents of each path are kept.
	// +optional
	KeepVersions *EffectiveInt `json:"keepVersions,omitempty"`
	// quota is how many bytes the repository may hold. Absent: no quota.
	// +optional
	Quota *EffectiveQuantity `json:"quota,omitempty"`
	// gcMode says whether garbage collection deletes.
	// +optional
	GCMode *EffectiveString `json:"gcMode,omitempty"`
	// schedule of garbage collection in cron form.
	// +optional
	Schedule *EffectiveString `json:"schedule,omitempty"`
	// gracePeriod is the age below which every object is kept.
	// +optional
	GracePeriod *EffectiveDuration `json:"gracePeriod,omitempty"`
	// quarantine is the time between condemning and deleting an object.
	// +optional
	Quarantine *EffectiveDuration `json:"quarantine,omitempty"`
	// orphanAfter is the time after which orphans are deleted. Absent: never.
	// +optional
	OrphanAfter *EffectiveDuration `json:"orphanAfter,omitempty"`
	// deleteLimit is the largest share of the objects that one run may delete.
	// +optional
	DeleteLimit *EffectiveString `json:"deleteLimit,omitempty"`
	// multipartThreshold is the size above which an object is uploaded in parts.
	// +optional
	MultipartThreshold *EffectiveQuantity `json:"multipartThreshold,omitempty"`
	// partSize of an upload in parts.
	// +optional
	PartSize *EffectiveQuantity `json:"partSize,omitempty"`
	// transfer is the way that object bytes take.
	// +optional
	Transfer *EffectiveString `json:"transfer,omitempty"`
	// replicas of the server.
	// +optional
	Replicas *EffectiveInt `json:"replicas,omitempty"`
}

// EffectiveQuantity is a quantity and where it comes from.
type EffectiveQuantity struct {
	// value that applies.
	// +required
	Value resource.Quantity `json:"value"`
	// source of the value.
	// +required
	Source PolicySource `json:"source,omitempty"`
}

// EffectiveInt is a number and where it comes from.
type EffectiveInt struct {
	// value that applies.
	// +required
	// +kubebuilder:validation:Minimum=0
	Value int32 `json:"value"`
	// source of the value.
	// +required
	Source PolicySource `json:"source,omitempty"`
}

// EffectiveString is a word and where it comes from.
type EffectiveString struct {
	// value that applies.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	Value string `json:"value,omitempty"`
	// source of the value.
	// +required
	Source PolicySource `json:"source,omitempty"`
}

// EffectiveDuration is a duration and where it comes from.
type EffectiveDuration struct {
	// value that applies.
	// +required
	Value metav1.Duration `json:"value"`
	// source of the value.
	// +required
	Source PolicySource `json:"source,omitempty"`
}

// EffectiveStrings is a list and where it comes from.
type EffectiveStrings struct {
	// value that applies.
	// +required
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=128
	// +kubebuilder:validation:items:MaxLength=64
	Value []string `json:"value,omitempty"`
	// source of the value.
	// +required
	Source PolicySource `json:"source,omitempty"`
}
