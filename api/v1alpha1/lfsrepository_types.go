package v1alpha1

import (
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// LFSRepository is a Git LFS endpoint: a server of its own in front of one
// bucket prefix, a policy that says what belongs there, and a garbage
// collection job that prunes old versions.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=lfsr,categories=lfs
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="URL",type=string,JSONPath=`.status.url`
// +kubebuilder:printcolumn:name="Objects",type=integer,JSONPath=`.status.usage.objects`
// +kubebuilder:printcolumn:name="Size",type=string,JSONPath=`.status.usage.size`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Threshold",type=string,priority=1,JSONPath=`.status.policy.threshold.value`
// +kubebuilder:printcolumn:name="Keep",type=integer,priority=1,JSONPath=`.status.policy.keepVersions.value`
// +kubebuilder:printcolumn:name="GC",type=string,priority=1,JSONPath=`.status.policy.gcMode.value`
// +kubebuilder:printcolumn:name="Reason",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
type LFSRepository struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is what the owner of the repository asks for.
	// +required
	Spec LFSRepositorySpec `json:"spec"`
	// status is what the operator found and made of it.
	// +optional
	Status LFSRepositoryStatus `json:"status,omitzero"`
}

// LFSRepositoryList is a list of LFSRepositories.
//
// +kubebuilder:object:root=true
type LFSRepositoryList struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []LFSRepository `json:"items"`
}

// LFSRepositorySpec is the wish of the repository's owner. A policy field that
// is left out takes the store's default, then the built-in one; nothing is
// written back into the spec. status.policy shows what applies, and why.
type LFSRepositorySpec struct {
	// storeRef names the LFSStore that holds the objects. Excludes storage;
	// with neither, the default LFSStore is used. Immutable.
	// +optional
	StoreRef *StoreReference `json:"storeRef,omitempty"`
	// storage describes an object store of the tenant's own. Excludes storeRef.
	// +optional
	Storage *Storage `json:"storage,omitempty"`
	// bucket that holds the objects. Required with storage. Immutable.
	// +optional
	Bucket string `json:"bucket,omitempty"`
	// prefix of every key of this repository in the bucket, ending in "/".
	// Left out: "{namespace}/{name}-{uid}/", so that a name that is deleted and
	// created again inherits nothing. Only with storage. Immutable.
	// +optional
	Prefix string `json:"prefix,omitempty"`

	// threshold: files of this size or larger belong in LFS. Built-in: 5M.
	// +optional
	Threshold *resource.Quantity `json:"threshold,omitempty"`
	// suffixRules are file name suffixes that always belong in LFS. They are
	// added to the 32 built-in ones and never replace them.
	// +optional
	SuffixRules []string `json:"suffixRules,omitempty"`
	// keepVersions is how many distinct contents of each file path garbage
	// collection keeps, newest first. Built-in: 5.
	// +optional
	KeepVersions *int32 `json:"keepVersions,omitempty"`
	// quota is how many bytes of objects the repository may hold.
	// +optional
	Quota *resource.Quantity `json:"quota,omitempty"`

	// history lists the Git repositories whose refs say which versions exist,
	// forks and mirrors included. Garbage collection deletes nothing without it.
	// +optional
	// +listType=map
	// +listMapKey=name
	History []HistorySource `json:"history,omitempty"`
	// gc says when and how garbage collection runs.
	// +optional
	GC *GarbageCollection `json:"gc,omitempty"`

	// multipart says when an upload is split into parts, and how.
	// +optional
	Multipart *Multipart `json:"multipart,omitempty"`
	// transfer says which way object bytes take. Direct: between client and
	// store. Proxy: through the server, for clients that cannot reach the store.
	// +optional
	Transfer TransferMode `json:"transfer,omitempty"`

	// access says who may do what.
	// +optional
	Access *Access `json:"access,omitempty"`
	// server shapes the pods of the LFS server.
	// +optional
	Server *Server `json:"server,omitempty"`
	// exposure says how clients reach the server.
	// +optional
	Exposure *Exposure `json:"exposure,omitempty"`

	// deletionPolicy says what happens to the objects in the bucket when the
	// LFSRepository is deleted. Retain (built-in): they stay. Delete: they go.
	// +optional
	DeletionPolicy DeletionPolicy `json:"deletionPolicy,omitempty"`
	// adoptFrom takes over objects that lie in the bucket already. Immutable.
	// +optional
	AdoptFrom *AdoptFrom `json:"adoptFrom,omitempty"`
	// suspend stops the server and garbage collection; the data stays.
	// +optional
	Suspend bool `json:"suspend,omitempty"`
}

// TransferMode is the way that object bytes take.
// +kubebuilder:validation:Enum=Direct;Proxy
type TransferMode string

// The ways that object bytes can take.
const (
	TransferDirect TransferMode = "Direct"
	TransferProxy  TransferMode = "Proxy"
)

// DeletionPolicy says what happens to the data of a deleted LFSRepository.
// +kubebuilder:validation:Enum=Retain;Delete
type DeletionPolicy string

// The deletion policies.
const (
	DeletionRetain DeletionPolicy = "Retain"
	DeletionDelete DeletionPolicy = "Delete"
)
