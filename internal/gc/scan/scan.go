package scan

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/gc/liveset"
	"github.com/lfs-operator/lfs-operator/internal/gc/pointer"
	"github.com/lfs-operator/lfs-operator/internal/pause"
	"github.com/lfs-operator/lfs-operator/internal/serverstatus"
)

// Options of a scan.
type Options struct {
	Entries []Entry
	// WorkDir takes what is fetched and sorted, "" for the system's temporary
	// directory. It needs about the size of the history without large blobs.
	WorkDir string
	// SuffixRules are the ends of the names of files that belong in LFS; those that
	// lie in Git itself are reported.
	SuffixRules []string
	// Threshold in bytes from which on files that lie in Git itself are reported; 0
	// for none. Every file below it is then fetched, and not only what is small
	// enough for a pointer.
	Threshold int64
	// Log gets a line for everything that takes longer; nil for none.
	Log func(format string, args ...any)
	// pause between attempts; zero for a second.
	pause time.Duration
}

// Result says what a scan found.
type Result struct {
	Checks  []serverstatus.HistoryCheckEntry
	Trailer liveset.Trailer
}

// Run reads all entries and writes the live set to out. With an error what was
// written has no trailer; Checks says even then which entries could be read.
func Run(ctx context.Context, o Options, h liveset.Header, out io.Writer) (Result, error) {
	if o.Log == nil {
		o.Log = func(string, ...any) {}
	}
	c := newCollector(o.WorkDir)
	defer c.close()
	var res Result
	var failed []error
	for _, e := range o.Entries {
		count, err := o.entry(ctx, e, c)
		res.Checks = append(res.Checks, outcome(e, int(count.Refs), err))
		res.Trailer.Entries = append(res.Trailer.Entries, count)
		if err != nil {
			failed = append(failed, e.wrap(err))
		}
	}
	if err := errors.Join(failed...); err != nil {
		return res, err
	}
	return res, write(&res, c, h, out)
}

func write(res *Result, c *collector, h liveset.Header, out io.Writer) error {
	w, err := liveset.NewWriter(out, h)
	if err != nil {
		return err
	}
	pointers := map[string]int64{}
	if err := c.write(w, pointers); err != nil {
		return err
	}
	for i := range res.Trailer.Entries {
		res.Trailer.Entries[i].Pointers = pointers[res.Trailer.Entries[i].Name]
	}
	res.Trailer.FinishedAt = time.Now().UTC()
	return w.Close(&res.Trailer)
}

// attempts to read an entry: a ref may vanish between listing and fetching, and
// networks fail.
const attempts = 3

// entry reads one entry into the collector. Only fetching is tried again: what
// a walk has recorded stays, and versions of a ref that has moved since would
// push others out of the newest N.
func (o Options) entry(ctx context.Context, e Entry, c *collector) (count liveset.Entry, err error) {
	started := time.Now()
	s, refs, r, err := o.fetchAgain(ctx, e)
	if err != nil {
		return liveset.Entry{Name: e.Name}, err
	}
	defer s.close()
	defer func() { err = errors.Join(err, r.close()) }()
	w := newWalk(r, e.Name, c)
	w.progress, w.suffixes, w.threshold = o.progress(e.Name), lower(o.SuffixRules), o.Threshold
	if err := w.refs(ctx, refs); err != nil {
		return w.count, err
	}
	o.Log("%s: read %d commits in %s", e.Name, w.count.Commits, time.Since(started).Round(time.Millisecond))
	return w.count, nil
}

func (o Options) fetchAgain(ctx context.Context, e Entry) (*source, []ref, *repo, error) {
	for n := 1; ; n++ {
		s, refs, r, err := o.fetch(ctx, e)
		if err == nil || n == attempts || ended(ctx) || !again(e, err) {
			return s, refs, r, err
		}
		o.Log("%v; trying again", e.wrap(err))
		if err := pause.For(ctx, time.Duration(n)*cmp.Or(o.pause, time.Second)); err != nil {
			return nil, nil, nil, err
		}
	}
}

// again says whether a second attempt may end differently.
func again(e Entry, err error) bool {
	switch reason, _ := classify(e, err); reason {
	case serverstatus.ReasonHistoryRefused, serverstatus.ReasonHistoryNotFound:
		return false
	}
	return !errors.Is(err, errURL) && !errors.Is(err, errShallow) && !errors.Is(err, errFormat)
}

func (o Options) fetch(ctx context.Context, e Entry) (*source, []ref, *repo, error) {
	started := time.Now()
	s, err := open(e)
	if err != nil {
		return nil, nil, nil, err
	}
	adv, err := s.list(ctx)
	if err != nil {
		s.close()
		return nil, nil, nil, err
	}
	o.Log("%s: %s has %d refs", e.Name, SafeURL(e.URL), len(adv.refs))
	r, err := s.fetch(ctx, adv, o.WorkDir, o.filter())
	if err != nil {
		s.close()
		return nil, nil, nil, err
	}
	if s.path == "" && len(adv.refs) > 0 {
		o.Log("%s: fetched in %s (%s)", e.Name, time.Since(started).Round(time.Millisecond), filterNote(r))
	}
	return s, adv.refs, r, nil
}

// filter is the size in bytes from which on blobs are not fetched.
func (o Options) filter() int64 { return max(o.Threshold, pointer.MaxSize+1) }

func filterNote(r *repo) string {
	if r.filtered {
		return "without large blobs"
	}
	return "everything, since the server cannot filter blobs"
}

// progress logs at most every few seconds.
func (o Options) progress(name string) func(int64) {
	const every = 5 * time.Second
	last := time.Now()
	return func(commits int64) {
		if commits%256 == 0 && time.Since(last) > every {
			last = time.Now()
			o.Log("%s: %d commits read", name, commits)
		}
	}
}

// Summary is one line for people.
func (r Result) Summary() string {
	var commits, refs, tolerated int64
	for _, e := range r.Trailer.Entries {
		commits, refs, tolerated = commits+e.Commits, refs+e.Refs, tolerated+e.Tolerated
	}
	text := fmt.Sprintf("%d entries, %d refs, %d commits: %d versions, %d objects at tips",
		len(r.Trailer.Entries), refs, commits, r.Trailer.Versions, r.Trailer.Pins)
	if tolerated > 0 {
		text += fmt.Sprintf(" (%d pointer files are not as git-lfs writes them)", tolerated)
	}
	return text
}
