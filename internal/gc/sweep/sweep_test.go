package sweep

import (
	"strings"
	"testing"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/gc/gctest"
	"github.com/lfs-operator/lfs-operator/internal/gc/index"
	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
)

// superseded is a world with five versions of a path, of which two are kept.
func superseded(t testing.TB) *world {
	w := newWorld(t)
	w.upload("v1", "v2", "v3", "v4", "v5", "foreign")
	w.history["model.bin"] = []string{"v5", "v4", "v3", "v2", "v1"}
	w.pins = []string{"v5"}
	w.store.Advance(48 * time.Hour)
	return w
}

func TestTwoPhases(t *testing.T) {
	w := superseded(t)
	rep := w.mustRun()
	w.want("foreign v1 v2 v3 v4 v5")
	if got := w.entries(); got != "v1:condemned v2:condemned v3:condemned" {
		t.Fatalf("index %s", got)
	}
	if rep.Condemned != 3 || rep.Kept != 2 || rep.Orphans != 1 || rep.Deleted != 0 {
		t.Errorf("report %+v", rep.GCReport)
	}
	w.store.Advance(12 * time.Hour)
	w.mustRun()
	w.want("foreign v1 v2 v3 v4 v5")
	w.store.Advance(13 * time.Hour)
	rep = w.mustRun()
	w.want("foreign v4 v5")
	if rep.Deleted != 3 || rep.DeletedBytes != 6 || rep.Condemned != 0 || w.entries() != "" {
		t.Errorf("report %+v, index %q", rep.GCReport, w.entries())
	}
	stone, err := index.LookupTombstone(t.Context(), w.store, prefix, gctest.OID("v1"))
	if err != nil || !strings.Contains(stone.Message(), "4 of the 5 versions of model.bin") || !strings.Contains(stone.Message(), "keepVersions 2") {
		t.Errorf("tombstone %+v, %v", stone, err)
	}
	if keys := w.store.Keys(string(prefix) + "meta/gc/rescued"); len(keys) > 0 {
		t.Errorf("markers left: %v", keys)
	}
}

// A steady repository costs no write but the report.
func TestNothingToDo(t *testing.T) {
	w := superseded(t)
	w.config.Policy.KeepVersions = 10
	w.mustRun()
	if w.store.Has(prefix.GCIndex()) {
		t.Error("an index was written")
	}
}

func TestDryRunChangesNothing(t *testing.T) {
	w := superseded(t)
	w.config.GC.Mode = serverconfig.GCDryRun
	var writes []string
	w.store.Before = func(op, key string) error {
		if op != "get" && op != "head" && op != "list" {
			writes = append(writes, op+" "+key)
		}
		return nil
	}
	for range 3 {
		rep := w.mustRun()
		if rep.Condemned != 3 || rep.Deleted != 0 {
			t.Errorf("report %+v", rep.GCReport)
		}
		w.store.Advance(100 * time.Hour)
	}
	for _, x := range writes {
		if x != "put "+prefix.GCReport() {
			t.Errorf("a dry run wrote: %s", x)
		}
	}
	w.want("foreign v1 v2 v3 v4 v5")
}

func TestLeavesTheIndex(t *testing.T) {
	tests := map[string]struct {
		change func(w *world)
		want   string
	}{
		"named again":    {func(w *world) { w.pins = append(w.pins, "v1") }, "foreign v1 v4 v5"},
		"policy changed": {func(w *world) { w.config.Policy.KeepVersions = 4 }, "foreign v2 v3 v4 v5"},
		"uploaded again": {func(w *world) { w.upload("v1") }, "foreign v1 v4 v5"},
		"asked for in a batch": {func(w *world) {
			g := index.NewGuard(w.store, prefix)
			if got := w.batch(g, "v1"); got != "there" {
				w.t.Errorf("answer %s", got)
			}
		}, "foreign v1 v4 v5"},
		"gone already": {func(w *world) { w.store.Remove(prefix.Object(gctest.OID("v1"))) }, "foreign v4 v5"},
		"no history any more": {func(w *world) { w.history["model.bin"] = []string{"v5", "v4", "v3", "v2"} },
			"foreign v1 v4 v5"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			w := superseded(t)
			w.mustRun()
			w.store.Advance(25 * time.Hour)
			tc.change(w)
			w.mustRun()
			w.want(tc.want)
		})
	}
}

func TestOrphans(t *testing.T) {
	w := superseded(t)
	w.config.GC.OrphanAfter = "100h"
	w.mustRun()
	if strings.Contains(w.entries(), "foreign") {
		t.Error("an orphan was condemned before its time")
	}
	w.store.Advance(60 * time.Hour)
	w.mustRun()
	if !strings.Contains(w.entries(), "foreign:condemned") {
		t.Errorf("an orphan was not condemned: %s", w.entries())
	}
	w.store.Advance(25 * time.Hour)
	w.mustRun()
	w.want("v4 v5")
}

// What was uploaded after the scan began is nobody's garbage, however short the
// grace period is.
func TestUploadedSinceTheScan(t *testing.T) {
	w := superseded(t)
	w.config.GC.GracePeriod = "0s"
	w.config.GC.OrphanAfter = "1s"
	run := w.scan()
	w.upload("new")
	w.store.Advance(time.Minute)
	if _, err := Run(t.Context(), w.options(run)); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(w.entries(), "new") {
		t.Error("an object that is younger than the scan was condemned")
	}
}

// The quarantine counts from the store's time of the write, to the second and
// on the safe side.
func TestQuarantineBoundary(t *testing.T) {
	w := superseded(t)
	w.mustRun()
	x := w.index()
	at := x.Entries[0].CondemnedAt
	if !at.Equal(x.Modified) {
		t.Errorf("condemned at %s, written at %s", at, x.Modified)
	}
	w.store.Advance(at.Add(24 * time.Hour).Sub(w.store.Now()))
	w.mustRun()
	w.want("foreign v1 v2 v3 v4 v5")
	w.store.Advance(time.Minute)
	w.mustRun()
	w.want("foreign v4 v5")
}

// The scan that confirms must have begun after the quarantine, not only ended.
func TestOldScanConfirmsNothing(t *testing.T) {
	w := superseded(t)
	w.mustRun()
	w.store.Advance(23*time.Hour + 30*time.Minute)
	run := w.scan()
	w.store.Advance(time.Hour)
	if _, err := Run(t.Context(), w.options(run)); err != nil {
		t.Fatal(err)
	}
	w.want("foreign v1 v2 v3 v4 v5")
}

// An index that somebody wrote after the scan began is not one that the scan
// confirms.
func TestIndexChangedSinceTheScan(t *testing.T) {
	w := superseded(t)
	w.mustRun()
	w.store.Advance(25 * time.Hour)
	run := w.scan()
	w.store.Advance(time.Second)
	x := w.index()
	if _, err := index.Store(t.Context(), w.store, prefix, x, x.Next()); err != nil {
		t.Fatal(err)
	}
	w.store.Advance(time.Second)
	if _, err := Run(t.Context(), w.options(run)); err != nil {
		t.Fatal(err)
	}
	w.want("foreign v1 v2 v3 v4 v5")
}
