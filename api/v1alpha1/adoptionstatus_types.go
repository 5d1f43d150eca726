package v1alpha1

import (
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

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
