package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// HistorySource is a Git repository whose refs say which versions exist.
type HistorySource struct {
	// name of the entry, unique in the list.
	// +required
	Name string `json:"name"`
	// url of the Git repository: https, http, ssh or file (a mounted path).
	// +required
	URL string `json:"url"`
	// secretRef names the Secret to read it with: username and password, or
	// ssh-privatekey and known_hosts; ca.crt where a private CA signs.
	// +optional
	SecretRef *LocalReference `json:"secretRef,omitempty"`
}

// GarbageCollection says when and how old versions are pruned.
type GarbageCollection struct {
	// mode: DryRun (built-in) reports what would go; Delete deletes it.
	// +optional
	Mode GCMode `json:"mode,omitempty"`
	// schedule in cron form. Left out: once a day at a minute of its own.
	// +optional
	Schedule string `json:"schedule,omitempty"`
	// timeZone of the schedule, an IANA name. Left out: UTC.
	// +optional
	TimeZone string `json:"timeZone,omitempty"`
	// gracePeriod: objects younger than this are always kept. Built-in: 168h.
	// +optional
	GracePeriod *metav1.Duration `json:"gracePeriod,omitempty"`
	// quarantine: time between condemning an object and deleting it in a later
	// run, after a fresh scan. Built-in: 168h.
	// +optional
	Quarantine *metav1.Duration `json:"quarantine,omitempty"`
	// orphanAfter: objects that no listed history ever named are deleted after
	// this time. Left out: they are reported, never deleted.
	// +optional
	OrphanAfter *metav1.Duration `json:"orphanAfter,omitempty"`
	// deleteLimit: a run that would delete a larger share of the objects stops
	// and says so. Built-in: 50%.
	// +optional
	DeleteLimit string `json:"deleteLimit,omitempty"`
	// rules override keepVersions; the first that matches a path decides.
	// +optional
	// +listType=atomic
	Rules []GCRule `json:"rules,omitempty"`
}

// GCMode says whether garbage collection deletes.
// +kubebuilder:validation:Enum=DryRun;Delete
type GCMode string

// The modes of garbage collection.
const (
	GCDryRun GCMode = "DryRun"
	GCDelete GCMode = "Delete"
)

// GCRule says what is kept of the paths that it matches.
type GCRule struct {
	// path is a glob over the whole path; ** matches across directories.
	// +optional
	Path string `json:"path,omitempty"`
	// suffix of the file name.
	// +optional
	Suffix string `json:"suffix,omitempty"`
	// keep says what is kept.
	// +required
	Keep GCKeep `json:"keep"`
}

// GCKeep is exactly one of its fields.
type GCKeep struct {
	// versions: the newest so many distinct contents of each path.
	// +optional
	Versions *int32 `json:"versions,omitempty"`
	// age: every version that was superseded less than this ago.
	// +optional
	Age *metav1.Duration `json:"age,omitempty"`
	// all: every version.
	// +optional
	All *bool `json:"all,omitempty"`
}
