package report

import "github.com/lfs-operator/lfs-operator/internal/gc/plan"

// Versions of a bucket that keeps them; what this run removed (in mode DryRun:
// would). Objects counts versions.
type Versions struct {
	// Followed: older versions of objects that this run deleted.
	Followed plan.Count `json:"followed"`
	// Hidden: of objects that a delete marker hides for longer than the quarantine.
	Hidden plan.Count `json:"hidden"`
	// Own: of what servers and garbage collection keep for themselves, and of content
	// that was never proven.
	Own plan.Count `json:"own"`
	// Needed objects that are hidden: they stay.
	Needed []string `json:"needed,omitempty"`
	// Error says why versions could not be seen or removed.
	Error string `json:"error,omitempty"`
}

type line struct {
	plan.Count
	what string
}

// lines for people; none where there is nothing to say.
func (v Versions) lines() (out []line) {
	for _, l := range []line{
		{v.Followed, "noncurrent versions of deleted objects"},
		{v.Hidden, "versions of objects hidden by delete markers, removed"},
		{v.Own, "noncurrent versions of the server's own records and of unproven content, removed"},
	} {
		if l.Objects > 0 {
			out = append(out, l)
		}
	}
	return out
}
