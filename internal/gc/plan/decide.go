package plan

import (
	"fmt"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/gc/index"
)

// Action is what happens to an object.
type Action string

// The actions.
const (
	Keep    Action = "keep"    // it stays, and leaves the index if it was there
	Report  Action = "report"  // an orphan: it stays and is reported
	Condemn Action = "condemn" // it enters the index
	Defer   Action = "defer"   // it would enter the index, which has no room now
	Wait    Action = "wait"    // it stays in quarantine
	Delete  Action = "delete"  // its quarantine is over and it is still garbage
	Drop    Action = "drop"    // it is not there any more: it leaves the index
	Miss    Action = "miss"    // history needs it and it is not there
	Ignore  Action = "ignore"  // not there and not needed
)

// Decision is an action with its reason.
type Decision struct {
	OID    string
	Size   int64
	Action Action
	// Reason is one of the constants, Text a sentence, Path one of its paths.
	Reason string
	Text   string
	Path   string
}

// subject is what is known of one OID; what is not known is nil.
type subject struct {
	oid     string
	object  *Object
	verdict *verdict
	entry   *index.Entry
}

// second is the resolution of the store's clock. Both times of a difference are
// cut off, so a wait is over only one second later than the numbers say.
const second = time.Second

type decider struct {
	Input
	// named is true when history names anything at all.
	named   bool
	rescued map[string]bool
}

// decide is read from top to bottom: the first line that fits decides.
func (d decider) decide(s subject) Decision {
	out := Decision{OID: s.oid}
	set := func(a Action, reason, text string) Decision {
		out.Action, out.Reason, out.Text = a, reason, text
		return out
	}
	if s.verdict != nil {
		out.Path, out.Size = s.verdict.path, max(0, s.verdict.size)
	}
	if s.object == nil {
		return d.absent(s, set)
	}
	out.Size = s.object.Size
	switch {
	case s.verdict != nil && s.verdict.keeps():
		return set(Keep, s.verdict.reason, s.verdict.text)
	case d.Protected.Uploading[s.oid]:
		return set(Keep, Uploading, "an upload of it has begun and is not finished")
	case d.rescued[s.oid]:
		return set(Keep, Rescued, "a client asked for it while it was condemned")
	case s.entry != nil && changed(*s.object, *s.entry):
		return set(Keep, Uploaded, "uploaded again since it was condemned")
	case d.young(*s.object):
		return set(Keep, Young, fmt.Sprintf("uploaded less than %s ago, or since the scan began", d.Policy.Grace))
	}
	reason, text := Orphan, "no listed history names it"
	switch {
	case s.verdict != nil:
		reason, text = Superseded, s.verdict.text
	case d.onlyReported(*s.object):
		return set(Report, Orphan, text)
	default:
		text += fmt.Sprintf(", and it is older than gc.orphanAfter (%s)", d.Policy.OrphanAfter)
	}
	switch {
	case s.entry == nil:
		return set(Condemn, reason, text)
	case d.quarantined(*s.entry):
		return set(Wait, reason, text)
	}
	return set(Delete, reason, text)
}

func (d decider) absent(s subject, set func(Action, string, string) Decision) Decision {
	switch {
	case s.verdict != nil && s.verdict.keeps() && s.verdict.reason != Locked:
		return set(Miss, Absent, s.verdict.text)
	case s.entry != nil:
		return set(Drop, Absent, "no longer in the store")
	case s.verdict != nil && s.verdict.keeps():
		return set(Ignore, Locked, "not in the store, and nobody misses it; "+s.verdict.text)
	}
	return set(Ignore, Absent, "pruned or never uploaded")
}

// changed compares with what was examined when the object was condemned.
func changed(o Object, e index.Entry) bool {
	return o.ETag != e.ETag || o.Size != e.Size || !o.Modified.Equal(e.Modified)
}

// young objects may belong to a push whose ref is on its way. What was uploaded
// after the scan began cannot have been seen by it.
func (d decider) young(o Object) bool {
	return d.Now.Sub(o.Modified) < d.Policy.Grace+second || !o.Modified.Before(d.ScanStarted.Add(-second))
}

func (d decider) onlyReported(o Object) bool {
	return !d.named || d.Policy.OrphanAfter == 0 || d.Now.Sub(o.Modified) < d.Policy.OrphanAfter
}

// quarantined until the scan that confirms the plan began after T1 + Q, and the
// index has been the same since before that scan: then it is as if the run had
// read the index first, as the protocol wants it. The cut-off times are on the
// safe side.
func (d decider) quarantined(e index.Entry) bool {
	return e.State != index.Condemned ||
		d.ScanStarted.Before(e.CondemnedAt.Add(d.Policy.Quarantine+second)) ||
		!d.Index.Modified.Before(d.ScanStarted)
}
