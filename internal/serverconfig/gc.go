package serverconfig

// History is a Git repository to scan.
type History struct {
	Name string `json:"name"`
	URL  string `json:"url"`
	// SecretName is the Secret's name, for messages; its files lie in
	// HistoryDir/{Name}. Empty: no credentials.
	SecretName string `json:"secretName,omitempty"`
}

// GC modes.
const (
	GCDryRun = "DryRun"
	GCDelete = "Delete"
)

// GC says how garbage collection runs.
type GC struct {
	Mode string `json:"mode"`
	// Schedule in cron's form, for people: a CronJob keeps to it. TimeZone is
	// empty for the cluster's own.
	Schedule string `json:"schedule,omitempty"`
	TimeZone string `json:"timeZone,omitempty"`
	// GracePeriod, Quarantine and OrphanAfter are Go durations; OrphanAfter is
	// empty where orphans are only reported.
	GracePeriod string `json:"gracePeriod"`
	Quarantine  string `json:"quarantine"`
	OrphanAfter string `json:"orphanAfter,omitempty"`
	// DeleteLimitPercent of the objects may go in one run.
	DeleteLimitPercent int `json:"deleteLimitPercent"`
	// Suspended: nothing may be condemned or deleted. A run that is under way reads
	// it again before each delete.
	Suspended bool `json:"suspended,omitempty"`
	// ReportLargeFiles: a scan reports files that lie in Git itself although they
	// reach Policy.ThresholdBytes.
	ReportLargeFiles bool     `json:"reportLargeFiles,omitempty"`
	Rules            []GCRule `json:"rules,omitempty"`
}

// GCRule overrides KeepVersions for the paths that it matches.
type GCRule struct {
	Path     string `json:"path,omitempty"`
	Suffix   string `json:"suffix,omitempty"`
	Versions *int32 `json:"versions,omitempty"`
	Age      string `json:"age,omitempty"`
	All      bool   `json:"all,omitempty"`
}
