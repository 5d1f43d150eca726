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
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// conditions, by type: Ready, Reconciling, Stalled, StoreReady,
	// ServerAvailable, HistoryReadable, GarbageCollected, FieldsSupported.
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
	// url to set as lfs.url (the server's API root) for most clients.
	// +optional
	URL string `json:"url,omitempty"`
	// endpoints are all the URLs by which clients reach the server.
	// +optional
	// +listType=map
	// +listMapKey=url
	Endpoints []EndpointStatus `json:"endpoints,omitempty"`
	// location of the data, pinned when it was first resolved.
	// +optional
	Location *Location `json:"location,omitempty"`
	// policy that applies, each value with its source.
	// +optional
	Policy *EffectivePolicy `json:"policy,omitempty"`
	// secrets that the operator made for people and machines.
	// +optional
	// +listType=map
	// +listMapKey=name
	Secrets []SecretStatus `json:"secrets,omitempty"`
	// usage of the store, as the server last counted it.
	// +optional
	Usage *Usage `json:"usage,omitempty"`
	// gc is the outcome of the last garbage collection.
	// +optional
	GC *GCStatus `json:"gc,omitempty"`
}

// EndpointStatus is a URL by which clients reach the server.
type EndpointStatus struct {
	// url of the API root.
	// +required
	URL string `json:"url"`
	// type: Internal for clients in the cluster, External for others.
	// +required
	Type EndpointType `json:"type"`
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
	Endpoint string `json:"endpoint,omitempty"`
	// bucket in the store.
	// +required
	Bucket string `json:"bucket"`
	// prefix in the bucket.
	// +required
	Prefix string `json:"prefix"`
}

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
	// +optional
	Threshold *EffectiveQuantity `json:"threshold,omitempty"`
	// +optional
	SuffixRules *EffectiveStrings `json:"suffixRules,omitempty"`
	// +optional
	KeepVersions *EffectiveInt `json:"keepVersions,omitempty"`
	// +optional
	Quota *EffectiveQuantity `json:"quota,omitempty"`
	// +optional
	GCMode *EffectiveString `json:"gcMode,omitempty"`
	// +optional
	Schedule *EffectiveString `json:"schedule,omitempty"`
	// +optional
	GracePeriod *EffectiveDuration `json:"gracePeriod,omitempty"`
	// +optional
	Quarantine *EffectiveDuration `json:"quarantine,omitempty"`
	// +optional
	OrphanAfter *EffectiveDuration `json:"orphanAfter,omitempty"`
	// +optional
	DeleteLimit *EffectiveString `json:"deleteLimit,omitempty"`
	// +optional
	MultipartThreshold *EffectiveQuantity `json:"multipartThreshold,omitempty"`
	// +optional
	PartSize *EffectiveQuantity `json:"partSize,omitempty"`
	// +optional
	Transfer *EffectiveString `json:"transfer,omitempty"`
}

// EffectiveQuantity is a quantity and where it comes from.
type EffectiveQuantity struct {
	// +required
	Value resource.Quantity `json:"value"`
	// +required
	Source PolicySource `json:"source"`
}

// EffectiveInt is a number and where it comes from.
type EffectiveInt struct {
	// +required
	Value int32 `json:"value"`
	// +required
	Source PolicySource `json:"source"`
}

// EffectiveString is a word and where it comes from.
type EffectiveString struct {
	// +required
	Value string `json:"value"`
	// +required
	Source PolicySource `json:"source"`
}

// EffectiveDuration is a duration and where it comes from.
type EffectiveDuration struct {
	// +required
	Value metav1.Duration `json:"value"`
	// +required
	Source PolicySource `json:"source"`
}

// EffectiveStrings is a list and where it comes from.
type EffectiveStrings struct {
	// +required
	// +listType=atomic
	Value []string `json:"value"`
	// +required
	Source PolicySource `json:"source"`
}

// SecretStatus records a Secret that the operator made. The operator cannot
// read Secrets, so this record is how it knows its own from foreign ones.
type SecretStatus struct {
	// name of the Secret.
	// +required
	Name string `json:"name"`
	// revision of the content; changes when the Secret must be made anew.
	// +required
	Revision string `json:"revision"`
	// tokenGeneration of the access token in it, raised by rotation.
	// +optional
	TokenGeneration int64 `json:"tokenGeneration,omitempty"`
	// uid of the Secret as made; empty while its creation is under way.
	// +optional
	UID string `json:"uid,omitempty"`
}

// Usage counts what lies in the store.
type Usage struct {
	// objects present.
	// +required
	Objects int64 `json:"objects"`
	// size of all objects present.
	// +required
	Size resource.Quantity `json:"size"`
}

// GCStatus is the outcome of the last garbage collection.
type GCStatus struct {
	// lastHandledRequest is the value of the run-gc annotation that was last acted on.
	// +optional
	LastHandledRequest string `json:"lastHandledRequest,omitempty"`
	// lastRun is the report of the last run that came to an end.
	// +optional
	LastRun *GCRun `json:"lastRun,omitempty"`
}

// GCRun is a garbage collection in numbers; the full report lies in the bucket.
type GCRun struct {
	// id of the run: the name of its Job.
	// +required
	ID string `json:"id"`
	// mode that the run had.
	// +required
	Mode GCMode `json:"mode"`
	// outcome of the run: Succeeded, Stopped (a limit; nothing was deleted) or Failed.
	// +required
	Outcome string `json:"outcome"`
	// message that explains the outcome and what to do.
	// +optional
	Message string `json:"message,omitempty"`
	// startedAt is when the run began.
	// +required
	StartedAt metav1.Time `json:"startedAt"`
	// finishedAt is when the run ended.
	// +required
	FinishedAt metav1.Time `json:"finishedAt"`
	// kept objects.
	Kept int64 `json:"kept"`
	// condemned objects: in quarantine after this run.
	Condemned int64 `json:"condemned"`
	// deleted objects.
	Deleted int64 `json:"deleted"`
	// deletedSize is the size of the deleted objects.
	DeletedSize resource.Quantity `json:"deletedSize"`
	// orphans: objects that no listed history ever named.
	Orphans int64 `json:"orphans"`
}
