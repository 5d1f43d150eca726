// Package explain says of single objects what garbage collection would do with
// them, and why: by the last scan, the index and the store as it is now. It
// changes nothing and needs no disk, so that it can run in a server's pod.
package explain

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/gc/index"
	"github.com/lfs-operator/lfs-operator/internal/gc/liveset"
	"github.com/lfs-operator/lfs-operator/internal/gc/plan"
	"github.com/lfs-operator/lfs-operator/internal/gc/protect"
	"github.com/lfs-operator/lfs-operator/internal/gc/scan"
	"github.com/lfs-operator/lfs-operator/internal/layout"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
)

// Answer is what there is to say of one object.
type Answer struct {
	OID string `json:"oid"`
	// Present in the store, with Size in bytes and the time of its upload.
	Present  bool      `json:"present"`
	Size     int64     `json:"size,omitempty"`
	Uploaded time.Time `json:"uploaded,omitzero"`
	// Decision of a run by the last scan, empty without one.
	Action plan.Action `json:"action,omitempty"`
	Reason string      `json:"reason,omitempty"`
	Text   string      `json:"text,omitempty"`
	// Places are all the lines of history that name it.
	Places []string `json:"places,omitempty"`
	// State in the index: none, condemned or deleting; since when, and why.
	State       string    `json:"state"`
	CondemnedAt time.Time `json:"condemnedAt,omitzero"`
	CondemnedOn string    `json:"condemnedOn,omitempty"`
	// Pruned is the tombstone's text of an object that is gone.
	Pruned string `json:"pruned,omitempty"`
}

// Source is where the answers come from.
type Source struct {
	Bucket objectstore.Bucket
	Config *serverconfig.Config
	prefix layout.Prefix
}

// ErrNoScan: no scan has reported yet, so history cannot be asked.
var ErrNoScan = errors.New("no scan has reported yet: start a run first")

// Objects explains each OID, in sorted order. scanned is when the scan began that
// the answers rest on; without one the error is ErrNoScan, and the answers say
// what is known without history.
func Objects(ctx context.Context, s Source, oids []string) (answers []Answer, scanned time.Time, err error) {
	s.prefix = layout.Prefix(s.Config.Storage.Prefix)
	oids = slices.Compact(slices.Sorted(slices.Values(oids)))
	x, err := index.Load(ctx, s.Bucket, s.prefix)
	if err != nil {
		return nil, scanned, err
	}
	now := x.Date
	found := map[string]*Answer{}
	var objects []plan.Object
	for _, oid := range oids {
		a := &Answer{OID: oid, State: index.None.String()}
		found[oid] = a
		if e := x.Find(oid); e != nil {
			a.State, a.CondemnedAt, a.CondemnedOn = e.State.String(), e.CondemnedAt, e.Reason
		}
		info, err := s.object(ctx, a)
		if err != nil {
			return nil, scanned, err
		}
		if a.Present {
			now = info.Date
			objects = append(objects, plan.Object{OID: oid, Size: info.Size, ETag: info.ETag, Modified: info.LastModified.UTC()})
		}
	}
	scanned, err = s.history(ctx, x, objects, now, found)
	for _, oid := range oids {
		answers = append(answers, *found[oid])
	}
	return answers, scanned, err
}

// object fills in what the store says.
func (s Source) object(ctx context.Context, a *Answer) (objectstore.Info, error) {
	info, err := s.Bucket.Head(ctx, s.prefix.Object(a.OID))
	if errors.Is(err, objectstore.ErrNotFound) {
		stone, err := index.LookupTombstone(ctx, s.Bucket, s.prefix, a.OID)
		if err == nil {
			a.Pruned = stone.Message()
		} else if !errors.Is(err, objectstore.ErrNotFound) {
			return info, err
		}
		return info, nil
	}
	if err != nil {
		return info, fmt.Errorf("looking at %s: %w", a.OID, err)
	}
	a.Present, a.Size, a.Uploaded = true, info.Size, info.LastModified.UTC()
	return info, nil
}

// history fills in what a run would decide by the last scan.
func (s Source) history(ctx context.Context, x index.Read, objects []plan.Object, now time.Time, found map[string]*Answer) (time.Time, error) {
	policy, err := plan.FromConfig(s.Config)
	if err != nil {
		return time.Time{}, err
	}
	run, began, err := s.lastScan(ctx)
	if err != nil {
		return time.Time{}, err
	}
	body, _, err := s.Bucket.Get(ctx, s.prefix.GCScan(run), "")
	if err != nil {
		return began, fmt.Errorf("reading the live set of run %s: %w", run, err)
	}
	defer body.Close()
	live, err := liveset.NewReader(body)
	if err != nil {
		return began, err
	}
	markers, err := index.Markers(ctx, s.Bucket, s.prefix)
	if err != nil {
		return began, err
	}
	protected, err := protect.Read(ctx, s.Bucket, s.prefix)
	if err != nil {
		return began, err
	}
	x.Entries = slices.DeleteFunc(x.Entries, func(e index.Entry) bool { return found[e.OID] == nil })
	_, err = plan.Make(plan.Input{
		Live: live, Objects: stream(objects), Index: x, Markers: markers, Policy: policy, Protected: protected,
		Now: now, ScanStarted: began,
		Only: func(oid string) bool { return found[oid] != nil },
		Place: func(oid, text string) {
			found[oid].Places = append(found[oid].Places, text)
		},
		Explain: func(d plan.Decision) {
			if a := found[d.OID]; a != nil {
				a.Action, a.Reason, a.Text = d.Action, d.Reason, d.Text
			}
		},
	})
	return began, err
}

func stream(objects []plan.Object) iter.Seq2[plan.Object, error] {
	return func(yield func(plan.Object, error) bool) {
		for _, o := range objects {
			if !yield(o, nil) {
				return
			}
		}
	}
}

// lastScan is the last one that reported a live set, and when it began.
func (s Source) lastScan(ctx context.Context) (run string, began time.Time, err error) {
	var last time.Time
	for info, err := range s.Bucket.List(ctx, s.prefix.GCScans(), "") {
		if err != nil {
			return "", began, fmt.Errorf("listing scans: %w", err)
		}
		name := strings.TrimPrefix(info.Key, s.prefix.GCScans())
		if !strings.HasSuffix(name, scan.BeginName("")) && !info.LastModified.Before(last) {
			run, last = name, info.LastModified
		}
	}
	if run == "" {
		return "", began, ErrNoScan
	}
	info, err := s.Bucket.Head(ctx, s.prefix.GCScan(scan.BeginName(run)))
	if err != nil {
		return "", began, fmt.Errorf("reading when the scan of run %s began: %w", run, err)
	}
	return run, info.LastModified, nil
}

// Write prints answers for people, or as JSON.
func Write(w io.Writer, answers []Answer, asJSON bool) error {
	if asJSON {
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		return enc.Encode(answers)
	}
	for _, a := range answers {
		a.text(func(format string, args ...any) { fmt.Fprintf(w, format+"\n", args...) })
	}
	return nil
}

func (a Answer) text(p func(string, ...any)) {
	p("%s", a.OID)
	switch {
	case a.Present:
		p("  in the store: %d bytes, uploaded %s", a.Size, a.Uploaded.Format(time.RFC3339))
	case a.Pruned != "":
		p("  not in the store: %s", a.Pruned)
	default:
		p("  not in the store")
	}
	if a.State != index.None.String() {
		p("  %s since %s: %s", a.State, a.CondemnedAt.UTC().Format(time.RFC3339), a.CondemnedOn)
	}
	if a.Action != "" {
		p("  the next run, by the last scan: %s (%s): %s", a.Action, a.Reason, a.Text)
	}
	for _, place := range a.Places {
		p("  history: %s", place)
	}
}
