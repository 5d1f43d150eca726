package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// LFSStoreStatus is what the operator found of a store.
type LFSStoreStatus struct {
	// observedGeneration is the generation that the status was made from.
	// +optional
	// +kubebuilder:validation:Minimum=0
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// conditions by type: Ready, Reconciling, Stalled, SessionsIssued, WritesAuthentic,
	// ServersShared.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	Conditions []metav1.Condition `json:"conditions,omitempty"`
	// repositories that lie in this store.
	// +required
	// +kubebuilder:validation:Minimum=0
	Repositories int32 `json:"repositories"`
	// sessions is Starting while their issuer has not made one yet, and Active once
	// servers are to hold sessions. Absent: servers hold the store's key.
	// +optional
	Sessions StoreSessionState `json:"sessions,omitempty"`
	// probe is the last attempt to find out what the store can do.
	// +optional
	Probe *StoreProbe `json:"probe,omitempty"`
}

// StoreProbe says what was found by trying.
type StoreProbe struct {
	// finishedAt is when the probe ended.
	// +required
	FinishedAt metav1.Time `json:"finishedAt"`
	// observedGeneration of the LFSStore that was probed.
	// +required
	// +kubebuilder:validation:Minimum=1
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// capabilities of the store. Absent: it could not be asked.
	// +optional
	Capabilities *StoreCapabilities `json:"capabilities,omitempty"`
}

// StoreCapabilities are each found by trying it.
type StoreCapabilities struct {
	// signedChecksum says whether an upload is refused that does not match its signed checksum.
	// +required
	SignedChecksum Capability `json:"signedChecksum,omitempty"`
	// querySHA256 says whether an upload is refused that does not match the checksum in
	// its URL. Where not, clients that send no headers upload in parts; so do they
	// where encryption is set, which no such URL can ask for.
	// +required
	QuerySHA256 Capability `json:"querySHA256,omitempty"`
	// conditionalWrites says whether If-None-Match and If-Match are honoured.
	// +required
	ConditionalWrites Capability `json:"conditionalWrites,omitempty"`
	// presignExpiry says whether an expired URL is refused.
	// +required
	PresignExpiry Capability `json:"presignExpiry,omitempty"`
	// forgedWrites says whether the store takes uploads that nobody has signed:
	// whoever holds a link could write anything. Yes is a reason to upgrade it.
	// +required
	ForgedWrites Capability `json:"forgedWrites,omitempty"`
	// versioned says whether the bucket keeps versions.
	// +required
	Versioned Capability `json:"versioned,omitempty"`
	// sts says whether the store makes sessions that are bound to a prefix
	// (condition SessionsIssued says why not).
	// +required
	STS Capability `json:"sts,omitempty"`
}

// StoreSessionState says how far the servers' sessions are.
// +kubebuilder:validation:Enum=Starting;Active
type StoreSessionState string

// The states of sessions.
const (
	SessionsStarting StoreSessionState = "Starting"
	SessionsActive   StoreSessionState = "Active"
)

// Capability is Yes, No, or Unknown where it was not tried.
// +kubebuilder:validation:Enum=Yes;No;Unknown
type Capability string

// The answers to whether a store can do something.
const (
	CapabilityYes     Capability = "Yes"
	CapabilityNo      Capability = "No"
	CapabilityUnknown Capability = "Unknown"
)
