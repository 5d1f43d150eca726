package v1alpha1

import (
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

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
