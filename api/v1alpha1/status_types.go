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
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=32
	Endpoints []EndpointStatus `json:"endpoints,omitempty"`
	// location of the data, pinned when it was first resolved.
	// +optional
	// +structType=atomic
	// +kubebuilder:validation:XValidation:rule=`self == oldSelf`,message="is pinned: where the data lies does not change"
	Location *Location `json:"location,omitempty"`
	// server says which server serves the repository. Absent: one of its own.
	// +optional
	// +structType=atomic
	Server *ServerPlacement `json:"server,omitempty"`
	// policy that applies, each value with its source.
	// +optional
	// +structType=atomic
	Policy *EffectivePolicy `json:"policy,omitempty"`
	// secrets that the operator made for people and machines.
	// +optional
	// +listType=atomic
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
	// +structType=atomic
	Usage *Usage `json:"usage,omitempty"`
	// gc is the outcome of the last garbage collection.
	// +optional
	// +structType=atomic
	GC *GCStatus `json:"gc,omitempty"`
	// adoption is how far the last adoption has come.
	// +optional
	// +structType=atomic
	Adoption *AdoptionStatus `json:"adoption,omitempty"`
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
