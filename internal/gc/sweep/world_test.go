package sweep

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/gc/gctest"
	"github.com/lfs-operator/lfs-operator/internal/gc/index"
	"github.com/lfs-operator/lfs-operator/internal/gc/liveset"
	"github.com/lfs-operator/lfs-operator/internal/gc/report"
	"github.com/lfs-operator/lfs-operator/internal/gc/scan"
	"github.com/lfs-operator/lfs-operator/internal/layout"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
	"github.com/lfs-operator/lfs-operator/internal/serverstatus"
)

const prefix = layout.Prefix("team/uid/")

// world is a repository with its bucket. Objects are called by the names that
// gctest.OID knows.
type world struct {
	t      testing.TB
	store  *gctest.Memory
	config *serverconfig.Config
	limits Limits
	caps   serverstatus.Capabilities
	// history is what a scan finds: versions of one path each, newest first.
	history map[string][]string
	pins    []string
	runs    int
	temp    string
}

func newWorld(t testing.TB) *world {
	w := &world{
		t: t, temp: t.TempDir(), store: gctest.NewMemory(), limits: DefaultLimits,
		caps:    serverstatus.Capabilities{ConditionalWrites: true, PresignExpiry: true},
		history: map[string][]string{},
		config: &serverconfig.Config{
			Repository:      serverconfig.Repository{UID: "uid"},
			Storage:         serverconfig.Storage{Prefix: string(prefix)},
			Policy:          serverconfig.Policy{KeepVersions: 2},
			History:         []serverconfig.History{{Name: "main", URL: "https://git.example/a.git"}},
			HistoryRevision: "1",
			GC: serverconfig.GC{Mode: serverconfig.GCDelete, GracePeriod: "1h", Quarantine: "24h",
				DeleteLimitPercent: 90},
		},
	}
	w.store.Set(prefix.Owner(), `{"uid":"uid"}`)
	return w
}

func (w *world) upload(names ...string) {
	for _, name := range names {
		w.store.Set(prefix.Object(gctest.OID(name)), name)
	}
}

// has lists which of the objects are there, by name.
func (w *world) has() string {
	var names []string
	for _, key := range w.store.Keys(prefix.Objects()) {
		oid, _ := prefix.OIDOf(key)
		names = append(names, gctest.NameOf(oid))
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

func (w *world) want(names string) {
	w.t.Helper()
	if got := w.has(); got != names {
		w.t.Errorf("the store has %q, want %q", got, names)
	}
}

// begin and live write what the two calls of a scan make the server write.
func (w *world) begin(run, attempt string) {
	b, _ := json.Marshal(scan.Begin{Run: run, Attempt: attempt})
	w.store.Set(prefix.GCScan(scan.BeginName(run)), string(b))
}

func (w *world) live(run, attempt string) {
	w.store.Set(prefix.GCScan(run), string(w.liveSet(run, attempt)))
}

func (w *world) liveSet(run, attempt string) []byte {
	w.t.Helper()
	var b bytes.Buffer
	out, err := liveset.NewWriter(&b, liveset.Header{Run: run, Attempt: attempt, Revision: w.config.HistoryRevision})
	if err != nil {
		w.t.Fatal(err)
	}
	entry := liveset.Entry{Name: "main", Refs: 1}
	var paths []string
	for path := range w.history {
		paths = append(paths, path)
	}
	slices.Sort(paths)
	for _, path := range paths {
		for i, name := range w.history[path] {
			at := int64(1000 - i)
			_ = out.Version(liveset.Version{Entry: "main", Path: path, OID: gctest.OID(name), Size: int64(len(name)), First: at, Last: at,
				Of: int64(len(w.history[path]))})
			entry.Pointers++
		}
	}
	for _, name := range w.pins {
		_ = out.Pin(liveset.Pin{OID: gctest.OID(name), Size: int64(len(name)), Kind: liveset.PinBranch, Ref: "refs/heads/main", Entry: "main", Path: "p"})
		entry.Pointers++
	}
	if err := out.Close(&liveset.Trailer{Entries: []liveset.Entry{entry}}); err != nil {
		w.t.Fatal(err)
	}
	return b.Bytes()
}

func (w *world) options(run string) Options {
	return Options{
		Config: w.config, Run: run, Bucket: w.store, Presign: w.store, Do: w.store.Do, Sleep: w.store.Sleep,
		Probe:   func(context.Context) (serverstatus.Capabilities, error) { return w.caps, nil },
		TempDir: w.temp, Limits: w.limits,
	}
}

// run scans and sweeps.
func (w *world) run() (report.Report, error) {
	w.t.Helper()
	name := w.scan()
	w.store.Advance(5 * time.Second)
	return Run(w.t.Context(), w.options(name))
}

func (w *world) scan() string {
	w.t.Helper()
	w.runs++
	name := fmt.Sprintf("run-%d", w.runs)
	w.begin(name, "a"+name)
	w.store.Advance(2 * time.Second)
	w.live(name, "a"+name)
	return name
}

// mustRun wants success.
func (w *world) mustRun() report.Report {
	w.t.Helper()
	rep, err := w.run()
	if err != nil || rep.Outcome != serverstatus.GCSucceeded {
		w.t.Fatalf("run: %v (%+v)", err, rep.GCReport)
	}
	return rep
}

// stopped wants a guard's refusal.
func (w *world) stopped(reason string) report.Report {
	w.t.Helper()
	rep, err := w.run()
	if rep.Outcome != serverstatus.GCStopped || rep.Reason != reason {
		w.t.Errorf("run: %v, outcome %s (%s), want Stopped (%s)", err, rep.Outcome, rep.Reason, reason)
	}
	return rep
}

func (w *world) index() index.Read {
	w.t.Helper()
	x, err := index.Load(w.t.Context(), w.store, prefix)
	if err != nil {
		w.t.Fatal(err)
	}
	return x
}

// entries lists the index as "name:state", by name.
func (w *world) entries() string {
	var out []string
	for _, e := range w.index().Entries {
		out = append(out, gctest.NameOf(e.OID)+":"+e.State.String())
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

// batch is an upload batch for one object, as a server answers it.
func (w *world) batch(g *index.Guard, name string) (answer string) {
	v, err := g.Begin(w.t.Context())
	if err != nil {
		return "later"
	}
	return w.answer(v, name)
}

func (w *world) answer(v index.View, name string) string {
	switch v.State(gctest.OID(name)) {
	case index.Deleting:
		return "later"
	case index.Condemned:
		if v.Rescue(w.t.Context(), gctest.OID(name)) != nil {
			return "later"
		}
	}
	if w.store.Has(prefix.Object(gctest.OID(name))) {
		return "there"
	}
	return "upload"
}

var _ objectstore.Bucket = (*gctest.Memory)(nil)
