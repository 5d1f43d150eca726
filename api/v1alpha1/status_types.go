package v1alpha1

import (
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// LFSRepositoryStatus is what the operator found. It is written once per
// reconcile, and only when something changed.
type LFSRepositoryStatus struct {
	// observedGeneration is the generation that the status was made from.
	// +optional
	// +kubebuilder:validation:Minimum=0
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// conditions by type: Ready, Reconciling, Stalled, ServerAvailable, StoreReady,
	// StoreSessionValid, AccessReady, Exposed, HistoryReadable, GarbageCollected,
	// QuarantineTooShort, WithinQuota, Adopted, FieldsSupported.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=32
	Conditions []metav1.Condition `json:"conditions,omitempty"`
	// url to set as lfs.url (the server's API root) for most clients.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	URL string `json:"url,omitempty"`
	// endpoints are all the URLs by which clients reach the server.
	// +optional
	// +listType=map
	// +listMapKey=url
	// +kubebuilder:validation:MaxItems=32
	Endpoints []EndpointStatus `json:"endpoints,omitempty"`
	// location of the data, pinned when it was first resolved.
	// +optional
	// +kubebuilder:validation:XValidation:rule=`self == oldSelf`,message="is pinned: where the data lies does not change"
	Location *Location `json:"location,omitempty"`
	// server says which server serves the repository. Absent: one of its own.
	// +optional
	Server *ServerPlacement `json:"server,omitempty"`
	// policy that applies, each value with its source.
	// +optional
	Policy *EffectivePolicy `json:"policy,omitempty"`
	// secrets that the operator made for people and machines.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=64
	Secrets []SecretStatus `json:"secrets,omitempty"`
	// lastHandledRotation is the value of the rotate-tokens annotation that was
	// last acted on.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=262144
	LastHandledRotation string `json:"lastHandledRotation,omitempty"`
	// usage of the store, as the server last counted it.
	// +optional
	Usage *Usage `json:"usage,omitempty"`
	// gc is the outcome of the last garbage collection.
	// +optional
	GC *GCStatus `json:"gc,omitempty"`
	// adoption is how far the last adoption has come.
	// +optional
	Adoption *AdoptionStatus `json:"adoption,omitempty"`
}

// AdoptionStatus is an adoption in numbers; the full report lies in the bucket.
type AdoptionStatus struct {
	// request that the adoption answers: a hash of the run-adoption annotation.
	// Absent: the first one.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	Request string `json:"request,omitempty"`
	// startedAt is when it began.
	// +required
	StartedAt metav1.Time `json:"startedAt"`
	// finishedAt is when it ended. Absent: it has not.
	// +optional
	FinishedAt *metav1.Time `json:"finishedAt,omitempty"`
	// objects that are proven and in their place.
	// +required
	// +kubebuilder:validation:Minimum=0
	Objects int64 `json:"objects"`
	// size of these objects.
	// +required
	Size resource.Quantity `json:"size"`
	// ignored is the number of keys that name no object.
	// +required
	// +kubebuilder:validation:Minimum=0
	Ignored int64 `json:"ignored"`
	// wrong is the number of objects that are not what their name says. They are
	// not served.
	// +required
	// +kubebuilder:validation:Minimum=0
	Wrong int64 `json:"wrong"`
	// wrongObjects are the first of them.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=10
	WrongObjects []WrongObject `json:"wrongObjects,omitempty"`
}

// WrongObject is one that is not what its name says.
type WrongObject struct {
	// key where it lies in the bucket.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	Key string `json:"key,omitempty"`
	// size of the object.
	// +required
	Size resource.Quantity `json:"size"`
	// sha256 of its content, in hex.
	// +required
	// +kubebuilder:validation:MinLength=64
	// +kubebuilder:validation:MaxLength=64
	SHA256 string `json:"sha256,omitempty"`
}

// EndpointStatus is a URL by which clients reach the server.
type EndpointStatus struct {
	// url of the API root.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	URL string `json:"url,omitempty"`
	// type is Internal for clients in the cluster, External for others.
	// +required
	Type EndpointType `json:"type,omitempty"`
}

// EndpointType says from where an endpoint is reached.
// +kubebuilder:validation:Enum=Internal;External
type EndpointType string

// The types of endpoints.
const (
	EndpointInternal EndpointType = "Internal"
	EndpointExternal EndpointType = "External"
)

// Location says where the data lies.
type Location struct {
	// endpoint of the store.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=300
	Endpoint string `json:"endpoint,omitempty"`
	// bucket in the store.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Bucket string `json:"bucket,omitempty"`
	// prefix in the bucket.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	Prefix string `json:"prefix,omitempty"`
	// store is the LFSStore that the location is in. Absent: a store of the
	// tenant's own.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Store string `json:"store,omitempty"`
	// serverNamespace is where the server runs. Absent: in the LFSRepository's own.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	ServerNamespace string `json:"serverNamespace,omitempty"`
}

// ServerPlacement says which server serves a repository. Servers are named by their
// Deployment in the store's serverNamespace, the repository's own one is called Own.
type ServerPlacement struct {
	// name of the server that clients are sent to.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Name string `json:"name,omitempty"`
	// next is the server that clients will be sent to as soon as it is ready.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Next string `json:"next,omitempty"`
	// previous is the server that clients were sent to before. It serves them until
	// previousUntil.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Previous string `json:"previous,omitempty"`
	// previousUntil is when the previous server ends.
	// +optional
	PreviousUntil *metav1.Time `json:"previousUntil,omitempty"`
}

// ServerOwn is how status calls a server of the repository's own.
const ServerOwn = "Own"

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

// SecretStatus records a Secret that the operator made. The operator cannot
// read Secrets, so this record is how it knows its own from foreign ones.
type SecretStatus struct {
	// name of the Secret.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name,omitempty"`
	// namespace of the Secret. Absent: the LFSRepository's own.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Namespace string `json:"namespace,omitempty"`
	// revision of the content; changes when the Secret must be made anew.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	Revision string `json:"revision,omitempty"`
	// tokenGeneration of the access token in it, raised by rotation.
	// +optional
	// +kubebuilder:validation:Minimum=0
	TokenGeneration int64 `json:"tokenGeneration,omitempty"`
	// uid of the Secret as made; empty while its creation is under way.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	UID string `json:"uid,omitempty"`
	// previousUntil is when the token of the generation before this one ends.
	// +optional
	PreviousUntil *metav1.Time `json:"previousUntil,omitempty"`
}

// Usage counts what lies in the store.
type Usage struct {
	// objects present.
	// +required
	// +kubebuilder:validation:Minimum=0
	Objects int64 `json:"objects"`
	// size of all objects present.
	// +required
	Size resource.Quantity `json:"size"`
}

// GCStatus is the outcome of the last garbage collection.
type GCStatus struct {
	// lastHandledRequest is the value of the run-gc annotation that was last acted on.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=262144
	LastHandledRequest string `json:"lastHandledRequest,omitempty"`
	// lastServerRequest is the last request made to the server that was acted on.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	LastServerRequest string `json:"lastServerRequest,omitempty"`
	// lastUploadsRequest is the run after which uploads last started another one
	// (gc.afterUploads).
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	LastUploadsRequest string `json:"lastUploadsRequest,omitempty"`
	// lastRun is the report of the last run that came to an end.
	// +optional
	LastRun *GCRun `json:"lastRun,omitempty"`
}

// GCRun is a garbage collection in numbers; the full report lies in the bucket.
type GCRun struct {
	// id of the run: the name of its Job.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	ID string `json:"id,omitempty"`
	// mode that the run had.
	// +required
	Mode GCMode `json:"mode,omitempty"`
	// outcome of the run: Succeeded, Stopped (a limit; nothing was deleted) or Failed.
	// +required
	// +kubebuilder:validation:Enum=Succeeded;Stopped;Failed
	Outcome string `json:"outcome,omitempty"`
	// message that explains the outcome and what to do.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=32768
	Message string `json:"message,omitempty"`
	// startedAt is when the run began.
	// +required
	StartedAt metav1.Time `json:"startedAt"`
	// finishedAt is when the run ended.
	// +required
	FinishedAt metav1.Time `json:"finishedAt"`
	// kept is the number of objects that stay.
	// +required
	// +kubebuilder:validation:Minimum=0
	Kept int64 `json:"kept"`
	// condemned is the number of objects in quarantine after the run.
	// +required
	// +kubebuilder:validation:Minimum=0
	Condemned int64 `json:"condemned"`
	// deleted is the number of objects deleted by the run.
	// +required
	// +kubebuilder:validation:Minimum=0
	Deleted int64 `json:"deleted"`
	// deletedSize is the size of the deleted objects.
	// +required
	DeletedSize resource.Quantity `json:"deletedSize"`
	// orphans is the number of objects that no listed history ever named.
	// +required
	// +kubebuilder:validation:Minimum=0
	Orphans int64 `json:"orphans"`
}
