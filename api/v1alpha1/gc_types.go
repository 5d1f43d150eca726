package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// HistorySource is a Git repository whose refs say which versions exist.
type HistorySource struct {
	// name of the entry, unique in the list.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=40
	// +kubebuilder:validation:XValidation:rule=`self.matches('^[a-z0-9]([a-z0-9-]*[a-z0-9])?$')`,message="must be lower-case letters, digits and -, beginning and ending with a letter or digit, for example main"
	Name string `json:"name,omitempty"`
	// url of the Git repository: https, http, ssh or file (a mounted path).
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:XValidation:rule=`self.matches('^(https?|ssh|file)://')`,message="must begin with https://, http://, ssh:// or file://; write git@host:path as ssh://git@host/path"
	// +kubebuilder:validation:XValidation:rule=`!self.matches('^https?://[^/?#]*@') && !self.matches('^[a-z]+://[^/?#@]*:[^/?#]*@')`,message="must not hold a user name or password (of ssh only the user name): put them into the Secret that secretRef names"
	// +kubebuilder:validation:XValidation:rule=`!self.matches('^(https?|ssh|file)://') || self.matches('^((https?|ssh)://([^/?#]*@)?([A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|[[][0-9A-Fa-f:.]+[]])(:[0-9]{1,5})?/[^ ?#[:cntrl:]]+|file:///[^ ?#[:cntrl:]]+)$')`,message="must name a host and the path of a repository, without query or fragment, for example https://git.example.com/team-a/models.git"
	URL string `json:"url,omitempty"`
	// secretRef names the Secret to read it with: username and password, or
	// ssh-privatekey and known_hosts; ca.crt where a private CA signs.
	// +optional
	SecretRef *LocalReference `json:"secretRef,omitempty"`
}

// GarbageCollection says when and how old versions are pruned.
type GarbageCollection struct {
	// mode of garbage collection. DryRun (built-in) reports what would go; Delete deletes it.
	// +optional
	Mode GCMode `json:"mode,omitempty"`
	// schedule in cron form. Left out: once a day at a minute of its own.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=100
	// +kubebuilder:validation:XValidation:rule=`self.matches('(?i)^(@(hourly|daily|midnight|weekly|monthly|yearly|annually)|([*?]|[0-5]?[0-9](-[0-5]?[0-9])?)(/[1-9][0-9]?)?(,([*?]|[0-5]?[0-9](-[0-5]?[0-9])?)(/[1-9][0-9]?)?)* ([*?]|([01]?[0-9]|2[0-3])(-([01]?[0-9]|2[0-3]))?)(/[1-9][0-9]?)?(,([*?]|([01]?[0-9]|2[0-3])(-([01]?[0-9]|2[0-3]))?)(/[1-9][0-9]?)?)* ([*?]|(0?[1-9]|[12][0-9]|3[01])(-(0?[1-9]|[12][0-9]|3[01]))?)(/[1-9][0-9]?)?(,([*?]|(0?[1-9]|[12][0-9]|3[01])(-(0?[1-9]|[12][0-9]|3[01]))?)(/[1-9][0-9]?)?)* ([*?]|(0?[1-9]|1[0-2]|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)(-(0?[1-9]|1[0-2]|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec))?)(/[1-9][0-9]?)?(,([*?]|(0?[1-9]|1[0-2]|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)(-(0?[1-9]|1[0-2]|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec))?)(/[1-9][0-9]?)?)* ([*?]|([0-6]|sun|mon|tue|wed|thu|fri|sat)(-([0-6]|sun|mon|tue|wed|thu|fri|sat))?)(/[1-9][0-9]?)?(,([*?]|([0-6]|sun|mon|tue|wed|thu|fri|sat)(-([0-6]|sun|mon|tue|wed|thu|fri|sat))?)(/[1-9][0-9]?)?)*)$')`,message="must be five cron fields (minute hour day-of-month month day-of-week) or @hourly, @daily, @weekly, @monthly or @yearly, for example 17 3 * * *"
	Schedule string `json:"schedule,omitempty"`
	// timeZone of the schedule, an IANA name. Left out: UTC.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:XValidation:rule=`self.matches('^[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*$') && self.lowerAscii() != 'local'`,message="must be the name of an IANA time zone, for example Europe/Berlin (Local is not one)"
	TimeZone string `json:"timeZone,omitempty"`
	// gracePeriod is the age below which every object is kept. Built-in: 168h.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule=`self.matches('^([0-9]{1,6}([.][0-9]{1,3})?h)?([0-9]{1,7}([.][0-9]{1,3})?m)?([0-9]{1,9}([.][0-9]{1,3})?s)?$')`,message="must be a duration in hours, minutes and seconds, for example 168h (there is no unit for days)"
	// +kubebuilder:validation:XValidation:rule=`!self.matches('^([0-9]{1,6}([.][0-9]{1,3})?h)?([0-9]{1,7}([.][0-9]{1,3})?m)?([0-9]{1,9}([.][0-9]{1,3})?s)?$') || (duration(self) > duration('0s') && duration(self) <= duration('87600h'))`,message="must be longer than 0s and at most 87600h (10 years)"
	GracePeriod *metav1.Duration `json:"gracePeriod,omitempty"`
	// quarantine is the time between condemning an object and deleting it in a later
	// run, after a fresh scan. Built-in: 168h.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule=`self.matches('^([0-9]{1,6}([.][0-9]{1,3})?h)?([0-9]{1,7}([.][0-9]{1,3})?m)?([0-9]{1,9}([.][0-9]{1,3})?s)?$')`,message="must be a duration in hours, minutes and seconds, for example 168h (there is no unit for days)"
	// +kubebuilder:validation:XValidation:rule=`!self.matches('^([0-9]{1,6}([.][0-9]{1,3})?h)?([0-9]{1,7}([.][0-9]{1,3})?m)?([0-9]{1,9}([.][0-9]{1,3})?s)?$') || (duration(self) > duration('0s') && duration(self) <= duration('87600h'))`,message="must be longer than 0s and at most 87600h (10 years)"
	Quarantine *metav1.Duration `json:"quarantine,omitempty"`
	// orphanAfter is the time after which objects that no listed history ever
	// named are deleted. Left out: they are reported, never deleted.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule=`self.matches('^([0-9]{1,6}([.][0-9]{1,3})?h)?([0-9]{1,7}([.][0-9]{1,3})?m)?([0-9]{1,9}([.][0-9]{1,3})?s)?$')`,message="must be a duration in hours, minutes and seconds, for example 720h (there is no unit for days)"
	// +kubebuilder:validation:XValidation:rule=`!self.matches('^([0-9]{1,6}([.][0-9]{1,3})?h)?([0-9]{1,7}([.][0-9]{1,3})?m)?([0-9]{1,9}([.][0-9]{1,3})?s)?$') || (duration(self) > duration('0s') && duration(self) <= duration('87600h'))`,message="must be longer than 0s and at most 87600h (10 years)"
	OrphanAfter *metav1.Duration `json:"orphanAfter,omitempty"`
	// deleteLimit is the largest share of the objects that one run may delete; a
	// run that would delete more stops and says so. Built-in: 50%.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=4
	// +kubebuilder:validation:XValidation:rule=`self.matches('^(100|[1-9]?[0-9])%$')`,message="must be a whole percentage from 0% to 100%, for example 50%"
	DeleteLimit string `json:"deleteLimit,omitempty"`
	// afterUploads starts a run, beside the schedule, once so many objects have come
	// since the last one that came to its end. Left out: the schedule alone.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000000
	AfterUploads *int32 `json:"afterUploads,omitempty"`
	// reportLargeFiles also names files at the tips of branches that lie in Git
	// itself although they reach the threshold. A scan must then fetch every file
	// below the threshold.
	// +optional
	ReportLargeFiles *bool `json:"reportLargeFiles,omitempty"`
	// rules override keepVersions; the first that matches a path decides.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=32
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
//
// +kubebuilder:validation:ExactlyOneOf=path;suffix
type GCRule struct {
	// path is a glob over the whole path; ** matches across directories.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	// +kubebuilder:validation:XValidation:rule=`!self.startsWith('/') && !self.split('/').exists(part, part == '' || part == '.' || part == '..')`,message="must be a glob relative to the root of the Git repository, without empty, . or .. parts, for example checkpoints/**"
	Path string `json:"path,omitempty"`
	// suffix of the file name.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule=`self.matches('^([.][A-Za-z0-9_-]+)+$')`,message="must begin with a dot, of letters, digits, _ and - (no wildcard), for example .safetensors"
	Suffix string `json:"suffix,omitempty"`
	// keep says what is kept.
	// +required
	Keep GCKeep `json:"keep,omitzero"`
}

// GCKeep is exactly one of its fields.
//
// +kubebuilder:validation:ExactlyOneOf=versions;age;all
type GCKeep struct {
	// versions keeps the newest so many distinct contents of each path.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000
	Versions *int32 `json:"versions,omitempty"`
	// age keeps every version that was superseded less than this ago.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule=`self.matches('^([0-9]{1,6}([.][0-9]{1,3})?h)?([0-9]{1,7}([.][0-9]{1,3})?m)?([0-9]{1,9}([.][0-9]{1,3})?s)?$')`,message="must be a duration in hours, minutes and seconds, for example 2160h (there is no unit for days)"
	// +kubebuilder:validation:XValidation:rule=`!self.matches('^([0-9]{1,6}([.][0-9]{1,3})?h)?([0-9]{1,7}([.][0-9]{1,3})?m)?([0-9]{1,9}([.][0-9]{1,3})?s)?$') || (duration(self) > duration('0s') && duration(self) <= duration('87600h'))`,message="must be longer than 0s and at most 87600h (10 years)"
	Age *metav1.Duration `json:"age,omitempty"`
	// all keeps every version.
	// +optional
	// +kubebuilder:validation:XValidation:rule=`self`,message="must be true or left out: choose versions or age where not every version is kept"
	All *bool `json:"all,omitempty"`
}
