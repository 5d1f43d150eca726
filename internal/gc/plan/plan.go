package plan

import (
	"fmt"
	"iter"
	"time"
	"unique"

	"github.com/lfs-operator/lfs-operator/internal/gc/index"
	"github.com/lfs-operator/lfs-operator/internal/gc/liveset"
)

// Object is what a listing says of an object at its final key.
type Object struct {
	OID      string
	Size     int64
	ETag     string
	Modified time.Time
}

// Input is all that a plan depends on.
type Input struct {
	// Live is what the scan found.
	Live *liveset.Reader
	// Objects of the store, sorted by OID.
	Objects iter.Seq2[Object, error]
	// Index as read, with its ETag, and the markers beside it.
	Index   index.Read
	Markers []index.Marker
	Policy  Policy
	// Protected is read before Objects are listed: what is finished in between
	// still counts as under way.
	Protected Protected
	// Now and ScanStarted are times of the store's clock.
	Now         time.Time
	ScanStarted time.Time
	// TempDir takes what does not fit into memory.
	TempDir string
	// Explain is told of every decision; nil for none.
	Explain func(Decision)
	// Only restricts the plan to some objects, to explain them; nil for all. Such
	// a plan is not one to carry out. Place is then told of every line of history
	// that names one of them.
	Only  func(oid string) bool
	Place func(oid, text string)
}

// Protected is what stays whatever history says.
type Protected struct {
	// Locked has a sentence about the lock for every path that is locked. All
	// versions of such a path stay.
	Locked map[string]string
	// Uploading are the OIDs of which an upload is under way.
	Uploading map[string]bool
}

// Plan is what to do. It is JSON and holds for the index with this ETag only.
type Plan struct {
	IndexETag string `json:"indexETag"`
	// Condemn are new entries; Delete, Release and Wait are OIDs in the index.
	Condemn []index.Entry `json:"condemn"`
	Delete  []string      `json:"delete"`
	Release []string      `json:"release"`
	Wait    []string      `json:"wait"`
	Counts
}

// Counts of a plan, for the report.
type Counts struct {
	// Objects in the store.
	Objects Count `json:"objects"`
	// Kept objects by reason.
	Kept map[string]Count `json:"kept"`
	// Condemned now, Waiting in quarantine from earlier runs, Deletable now.
	Condemned Count `json:"condemned"`
	// Deferred: garbage for which the index has no room yet.
	Deferred  Count `json:"deferred"`
	Waiting   Count `json:"waiting"`
	Deletable Count `json:"deletable"`
	// Released from the index by reason.
	Released map[string]Count `json:"released"`
	// Orphans that are only reported.
	Orphans Count `json:"orphans"`
	// Missing objects: history needs them, the store does not have them.
	Missing Count `json:"missing"`
	// WrongSize: the object's size is not what its pointer says.
	WrongSize Count `json:"wrongSize"`
	// Paths judged; UnmatchedRules are those that matched no path.
	Paths          int64    `json:"paths"`
	UnmatchedRules []string `json:"unmatchedRules,omitempty"`
	// History as the scan counted it.
	History liveset.Trailer `json:"history"`
}

// Count is a number of objects and their bytes.
type Count struct {
	Objects int64 `json:"objects"`
	Bytes   int64 `json:"bytes"`
}

func (c *Count) add(bytes int64) { c.Objects++; c.Bytes += bytes }

func addTo(m map[string]Count, reason string, bytes int64) {
	c := m[reason]
	c.add(bytes)
	m[reason] = c
}

// KeptTotal sums up Kept.
func (c Counts) KeptTotal() Count {
	var sum Count
	for _, k := range c.Kept {
		sum.Objects += k.Objects
		sum.Bytes += k.Bytes
	}
	return sum
}

// MaxIndexed bounds the index, and with it the memory of a sweep and of servers.
// What finds no room is condemned once others have gone.
const MaxIndexed = 250_000

// Make computes the plan. Any error means that there is none: what the live set
// said before it turned out to be incomplete counts for nothing.
func Make(in Input) (*Plan, error) {
	j := newJudge(in.Policy, in.Now, in.TempDir)
	j.only, j.told, j.locked = in.Only, in.Place, in.Protected.Locked
	defer j.sorter.Close()
	trailer, err := in.Live.Each(j.version, j.pin)
	if err != nil {
		return nil, fmt.Errorf("live set of the scan: %w", err)
	}
	p := &Plan{IndexETag: in.Index.ETag}
	p.Kept, p.Released = map[string]Count{}, map[string]Count{}
	p.History, p.Paths = trailer, j.paths
	for i, n := range j.matched {
		if n == 0 {
			p.UnmatchedRules = append(p.UnmatchedRules, in.Policy.Rules[i].Text)
		}
	}
	room := MaxIndexed - len(in.Index.Entries)
	d := decider{Input: in, named: trailer.Versions+trailer.Pins > 0, rescued: rescued(in)}
	return p, join(in.Objects, j.verdicts, in.Index.Entries, func(s subject) {
		decision := d.decide(s)
		if decision.Action == Condemn && len(p.Condemn) >= room {
			decision.Action = Defer
		}
		p.take(s, decision)
		if in.Explain != nil {
			in.Explain(decision)
		}
	})
}

// rescued is the set of entries that a marker keeps alive.
func rescued(in Input) map[string]bool {
	set := map[string]bool{}
	for _, m := range in.Markers {
		if e := in.Index.Find(m.OID); e != nil && m.Rescues(*e) {
			set[m.OID] = true
		}
	}
	return set
}

// take books a decision.
func (p *Plan) take(s subject, d Decision) {
	if s.object != nil {
		p.Objects.add(d.Size)
	}
	switch d.Action {
	case Keep:
		addTo(p.Kept, d.Reason, d.Size)
	case Report:
		p.Orphans.add(d.Size)
	case Condemn:
		p.Condemned.add(d.Size)
		p.Condemn = append(p.Condemn, index.Entry{
			OID: d.OID, State: index.Condemned, Size: d.Size, ETag: s.object.ETag, Modified: s.object.Modified,
			Reason: d.Text, Path: unique.Make(d.Path).Value(),
		})
	case Defer:
		p.Deferred.add(d.Size)
	case Wait:
		p.Waiting.add(d.Size)
		p.Wait = append(p.Wait, d.OID)
	case Delete:
		p.Deletable.add(d.Size)
		p.Delete = append(p.Delete, d.OID)
	case Miss:
		p.Missing.add(d.Size)
	}
	if s.entry != nil && (d.Action == Keep || d.Action == Drop || d.Action == Miss || d.Action == Report) {
		p.Release = append(p.Release, s.entry.OID)
		addTo(p.Released, d.Reason, s.entry.Size)
	}
	if s.object != nil && s.verdict != nil && s.verdict.size >= 0 && s.verdict.size != s.object.Size {
		p.WrongSize.add(s.object.Size)
	}
}
