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
// +kubebuilder:validation:XValidation:rule=`self.metadata.name.size() <= 40`,message="metadata.name must be at most 40 characters: the names of Services and Jobs are made from it"
// +kubebuilder:validation:XValidation:rule=`self.metadata.name.matches('^[a-z]([a-z0-9-]*[a-z0-9])?$')`,message="metadata.name must begin with a letter and hold only lower-case letters, digits and - (no dots, so never .git at the end)"
type LFSRepository struct {
	metav1.TypeMeta `json:",inline"`
	// metadata of the object; the name has at most 40 characters.
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
//
// +kubebuilder:validation:XValidation:rule=`!has(self.storeRef) || !has(self.storage)`,message="must be left out where storeRef is set: an LFSRepository lies in an LFSStore or in a store of its own, not in both",reason=FieldValueForbidden,fieldPath=".storage"
// +kubebuilder:validation:XValidation:rule=`!has(self.storage) || has(self.bucket)`,message="must be set where storage is set: name the bucket that holds the objects",reason=FieldValueRequired,fieldPath=".bucket"
// +kubebuilder:validation:XValidation:rule=`!has(self.prefix) || has(self.storage)`,message="must be left out where storage is not set: an LFSStore chooses the prefix",reason=FieldValueForbidden,fieldPath=".prefix"
// +kubebuilder:validation:XValidation:rule=`has(self.storeRef) == has(oldSelf.storeRef) && (!has(self.storeRef) || self.storeRef == oldSelf.storeRef)`,message="is immutable because it says where the data lies (that includes setting and removing it): make a new LFSRepository for another place",reason=FieldValueForbidden,fieldPath=".storeRef"
// +kubebuilder:validation:XValidation:rule=`has(self.bucket) == has(oldSelf.bucket) && (!has(self.bucket) || self.bucket == oldSelf.bucket)`,message="is immutable because it says where the data lies (that includes setting and removing it): make a new LFSRepository for another place",reason=FieldValueForbidden,fieldPath=".bucket"
// +kubebuilder:validation:XValidation:rule=`has(self.prefix) == has(oldSelf.prefix) && (!has(self.prefix) || self.prefix == oldSelf.prefix)`,message="is immutable because it says where the data lies (that includes setting and removing it): make a new LFSRepository for another place",reason=FieldValueForbidden,fieldPath=".prefix"
// +kubebuilder:validation:XValidation:rule=`has(self.adoptFrom) == has(oldSelf.adoptFrom) && (!has(self.adoptFrom) || self.adoptFrom == oldSelf.adoptFrom)`,message="is immutable because it says where the data lies (that includes setting and removing it): make a new LFSRepository for another place",reason=FieldValueForbidden,fieldPath=".adoptFrom"
// +kubebuilder:validation:XValidation:rule=`!has(self.adoptFrom) || !has(self.adoptFrom.method) || self.adoptFrom.method != 'InPlace' || !has(self.prefix) || self.prefix == self.adoptFrom.prefix`,message="must be left out, or be the same as adoptFrom.prefix, where adoptFrom.method is InPlace",reason=FieldValueForbidden,fieldPath=".prefix"
// +kubebuilder:validation:XValidation:rule=`has(self.storage) == has(oldSelf.storage)`,message="is immutable because it says where the data lies (that includes setting and removing it): make a new LFSRepository for another place",reason=FieldValueForbidden,fieldPath=".storage"
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
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule=`self.matches('^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$') && !self.contains('..') && !self.matches('^[0-9]+[.][0-9]+[.][0-9]+[.][0-9]+$')`,message="must be a bucket name as S3 takes it: 3 to 63 lower-case letters, digits, - and ., for example team-a-models"
	Bucket string `json:"bucket,omitempty"`
	// prefix of every key of this repository in the bucket, ending in "/".
	// Left out: "{namespace}/{name}-{uid}/", so that a name that is deleted and
	// created again inherits nothing. Only with storage. Immutable.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:XValidation:rule=`self.matches('^([A-Za-z0-9!_.*()-]+/)+$')`,message="must end with / and not begin with it, of letters, digits and -_.!*() between single slashes, for example team-a/models/"
	// +kubebuilder:validation:XValidation:rule=`!self.split('/').exists(part, part == '.' || part == '..')`,message="must not hold . or .. as a part: name the full prefix"
	Prefix string `json:"prefix,omitempty"`

	// threshold is the size from which on a file belongs in LFS. Built-in: 5M.
	// +optional
	// +kubebuilder:validation:XIntOrString
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule=`isQuantity(string(self)) && quantity(string(self)).isGreaterThan(quantity('0')) && quantity(string(self)).isLessThan(quantity('8Ei')) && double(int(quantity(string(self)).asApproximateFloat())) == quantity(string(self)).asApproximateFloat()`,message="must be a whole number of bytes greater than 0, for example 10M or 512Ki"
	Threshold *resource.Quantity `json:"threshold,omitempty"`
	// suffixRules are file name suffixes that always belong in LFS. They are
	// added to the 32 built-in ones and never replace them.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=32
	// +kubebuilder:validation:items:XValidation:rule=`self.matches('^([.][A-Za-z0-9_-]+)+$')`,message="must begin with a dot, of letters, digits, _ and - (no wildcard), for example .safetensors"
	SuffixRules []string `json:"suffixRules,omitempty"`
	// keepVersions is how many distinct contents of each file path garbage
	// collection keeps, newest first. Built-in: 5.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000
	KeepVersions *int32 `json:"keepVersions,omitempty"`
	// quota is how many bytes of objects the repository may hold.
	// +optional
	// +kubebuilder:validation:XIntOrString
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule=`isQuantity(string(self)) && quantity(string(self)).isGreaterThan(quantity('0')) && quantity(string(self)).isLessThan(quantity('8Ei')) && double(int(quantity(string(self)).asApproximateFloat())) == quantity(string(self)).asApproximateFloat()`,message="must be a whole number of bytes greater than 0, for example 10M or 512Ki"
	Quota *resource.Quantity `json:"quota,omitempty"`

	// history lists the Git repositories whose refs say which versions exist,
	// forks and mirrors included. Garbage collection deletes nothing without it.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=16
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
