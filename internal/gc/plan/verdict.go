package plan

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/gc/extsort"
	"github.com/lfs-operator/lfs-operator/internal/gc/liveset"
)

// Reasons why an object is kept, or not. The order of those from Tip to
// Locked is the order in which one is named when several hold.
const (
	Tip        = "tip"        // the tip of a branch
	Tag        = "tag"        // a tag
	Ref        = "ref"        // another ref, such as an open pull request
	Version    = "version"    // among the newest versions of a path
	ByRule     = "rule"       // a rule of gc.rules
	Locked     = "locked"     // a lock is held on a path that had it
	Uploading  = "uploading"  // an upload of it is under way
	Young      = "young"      // younger than the grace period, or than the scan
	Rescued    = "rescued"    // asked for while it was condemned
	Superseded = "superseded" // too many newer versions at every path
	Orphan     = "orphan"     // no listed history names it
	Absent     = "absent"     // condemned, but no longer there
	Uploaded   = "uploaded"   // uploaded again since it was condemned
)

// verdict is what history says of an object.
type verdict struct {
	oid    string
	reason string
	// text for people, and one path of the object.
	text string
	path string
	size int64
}

var priority = map[string]byte{Tip: '1', Tag: '2', Ref: '3', Version: '4', ByRule: '5', Locked: '6', Superseded: '9'}

func (v verdict) keeps() bool { return v.reason != Superseded }

// judge turns a live set into one verdict for each object, sorted by OID.
type judge struct {
	policy Policy
	now    time.Time
	sorter *extsort.Sorter
	// only and told are Input's Only and Place.
	only func(string) bool
	told func(oid, text string)
	// locked says who has locked a path.
	locked map[string]string
	// newer is the version before the one at hand, which is the place'th of its
	// path, from 0; rule is the one that decides about the path.
	newer       liveset.Version
	place, rule int
	// matched counts the paths of each rule.
	matched []int64
	paths   int64
}

func newJudge(p Policy, now time.Time, dir string) *judge {
	return &judge{policy: p, now: now, sorter: extsort.New(dir, 0), matched: make([]int64, len(p.Rules))}
}

func (j *judge) pin(p liveset.Pin) error {
	reason := map[string]string{liveset.PinBranch: Tip, liveset.PinTag: Tag, liveset.PinRef: Ref}[p.Kind]
	if reason == "" {
		reason = Ref
	}
	return j.add(verdict{oid: p.OID, reason: reason, path: p.Path, size: p.Size,
		text: fmt.Sprintf("%s of %s names it at %s", p.Ref, p.Entry, p.Path)})
}

// version judges one version; those of a path come one after the other, the
// newest first.
func (j *judge) version(v liveset.Version) error {
	j.place++
	if j.paths == 0 || j.newer.Entry != v.Entry || j.newer.Path != v.Path {
		j.paths++
		j.place = 0
		if j.rule = j.policy.rule(v.Path); j.rule >= 0 {
			j.matched[j.rule]++
		}
	}
	reason, why := j.keep(v)
	if lock, ok := j.locked[v.Path]; ok && reason == Superseded {
		reason, why = Locked, lock
	}
	j.newer = v
	return j.add(verdict{oid: v.OID, reason: reason, path: v.Path, size: v.Size,
		text: fmt.Sprintf("%d of the %d versions of %s in %s are newer; %s", j.place, v.Of, v.Path, v.Entry, why)})
}

// keep decides about the version at hand.
func (j *judge) keep(v liveset.Version) (reason, why string) {
	if j.rule < 0 {
		why = fmt.Sprintf("the newest %d are kept", j.policy.KeepVersions)
		if j.place < j.policy.KeepVersions {
			return Version, why
		}
		return Superseded, why
	}
	r := j.policy.Rules[j.rule]
	switch {
	case r.All, r.Versions > j.place, r.Age > 0 && (j.place == 0 || j.now.Sub(j.supersededAt(v)) < r.Age):
		return ByRule, "rule " + r.Text
	}
	return Superseded, "rule " + r.Text
}

// supersededAt is when the next version came; a content that came back later was
// superseded no earlier than that.
func (j *judge) supersededAt(v liveset.Version) time.Time {
	return time.Unix(max(j.newer.First, v.Last), 0)
}

func (j *judge) add(v verdict) error {
	if j.only != nil {
		if !j.only(v.oid) {
			return nil
		}
		j.told(v.oid, v.text)
	}
	rec := []byte(v.oid)
	rec = append(rec, priority[v.reason])
	rec = append(rec, strings.Join([]string{v.reason, v.path, v.text, ""}, "\x00")...)
	return j.sorter.Add(binary.BigEndian.AppendUint64(rec, uint64(v.size)))
}

// verdicts yields the first, that is the strongest, verdict of each object.
func (j *judge) verdicts(yield func(verdict, error) bool) {
	last := ""
	for rec, err := range j.sorter.Sorted() {
		if err != nil {
			yield(verdict{}, err)
			return
		}
		if string(rec[:64]) == last {
			continue
		}
		f := bytes.SplitN(rec[65:], []byte{0}, 4)
		if len(f) != 4 || len(f[3]) != 8 {
			yield(verdict{}, fmt.Errorf("sorting: malformed record"))
			return
		}
		last = string(rec[:64])
		v := verdict{oid: last, reason: string(f[0]), path: string(f[1]), text: string(f[2]),
			size: int64(binary.BigEndian.Uint64(f[3]))}
		if !yield(v, nil) {
			return
		}
	}
}
