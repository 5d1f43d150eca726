package sweep

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
	"github.com/lfs-operator/lfs-operator/internal/serverstatus"
)

// condemned is a world in which the quarantine of three objects is over, so that
// a run which a guard lets through deletes.
func condemned(t testing.TB) *world {
	w := superseded(t)
	w.mustRun()
	w.store.Advance(25 * time.Hour)
	return w
}

func TestGuards(t *testing.T) {
	tests := map[string]struct {
		change func(w *world)
		reason string
	}{
		"no history listed":        {func(w *world) { w.config.History = nil }, "HistoryMissing"},
		"history suddenly empty":   {func(w *world) { clear(w.history); w.pins = nil }, "HistoryEmpty"},
		"rule not understood":      {func(w *world) { w.config.GC.Rules = []serverconfig.GCRule{{Path: "["}} }, "PolicyInvalid"},
		"grace not understood":     {func(w *world) { w.config.GC.GracePeriod = "a week" }, "PolicyInvalid"},
		"no keepVersions":          {func(w *world) { w.config.Policy.KeepVersions = 0 }, "PolicyInvalid"},
		"too much to delete":       {func(w *world) { w.config.GC.DeleteLimitPercent = 49 }, "DeleteLimit"},
		"no conditional writes":    {func(w *world) { w.caps.ConditionalWrites = false }, "StoreIncapable"},
		"no expiry":                {func(w *world) { w.caps.PresignExpiry = false }, "StoreIncapable"},
		"no expiry, with versions": {func(w *world) { w.caps.PresignExpiry, w.caps.Versioned = false, true }, "StoreIncapable"},
		"foreign prefix":           {func(w *world) { w.store.Set(prefix.Owner(), `{"uid":"other"}`) }, "PrefixInUse"},
		"owner without uid":        {func(w *world) { w.store.Set(prefix.Owner(), `{}`) }, "PrefixInUse"},
		"no owner":                 {func(w *world) { w.store.Remove(prefix.Owner()) }, "PrefixNotOurs"},
		"another history since":    {func(w *world) { w.config.History[0].Name = "other" }, "HistoryChanged"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			w := condemned(t)
			before := w.entries()
			tc.change(w)
			rep := w.stopped(tc.reason)
			w.want("foreign v1 v2 v3 v4 v5")
			if rep.Message == "" || rep.Deleted != 0 {
				t.Errorf("report %+v", rep.GCReport)
			}
			if after := w.entries(); after != before {
				t.Errorf("index was %s, is %s", before, after)
			}
		})
	}
}

// A prefix that is not ours is not written to at all.
func TestForeignOwnerWritesNothing(t *testing.T) {
	w := condemned(t)
	w.store.Set(prefix.Owner(), `{"uid":"other"}`)
	name := w.scan()
	w.store.Before = func(op, key string) error {
		if op != "get" || key != prefix.Owner() {
			t.Errorf("%s %s", op, key)
		}
		return nil
	}
	if _, err := Run(t.Context(), w.options(name)); err == nil {
		t.Error("no error")
	}
}

// The guard against an empty history remembers across runs, however often it stops.
func TestEmptyHistoryStaysStopped(t *testing.T) {
	w := condemned(t)
	history, pins := w.history, w.pins
	w.history, w.pins = nil, nil
	w.stopped("HistoryEmpty")
	w.stopped("HistoryEmpty")
	w.history, w.pins = history, pins
	w.mustRun()
	w.want("foreign v4 v5")
}

// A history that never named anything makes nothing garbage, not even orphans.
func TestHistoryStillEmpty(t *testing.T) {
	w := newWorld(t)
	w.config.GC.OrphanAfter = "1h"
	w.upload("a", "b")
	w.store.Advance(1000 * time.Hour)
	rep := w.mustRun()
	if rep.Orphans != 2 || w.entries() != "" {
		t.Errorf("report %+v, index %q", rep.GCReport, w.entries())
	}
}

func TestLimitOnCondemning(t *testing.T) {
	w := superseded(t)
	w.config.GC.DeleteLimitPercent = 40
	rep := w.stopped("DeleteLimit")
	if !strings.Contains(rep.Message, "3 of 6") || !strings.Contains(rep.Message, "spec.gc.deleteLimit") {
		t.Errorf("message %q", rep.Message)
	}
	w.config.GC.Mode = serverconfig.GCDryRun
	if rep := w.mustRun(); !strings.Contains(strings.Join(rep.Notes, "\n"), "would stop") {
		t.Errorf("notes %q", rep.Notes)
	}
}

// Nothing but a whole live set of the scan that began last counts.
func TestScansThatDoNotCount(t *testing.T) {
	tests := map[string]struct {
		scan   func(w *world, run string)
		reason string
	}{
		"none":       {func(*world, string) {}, "HistoryUnreadable"},
		"begun only": {func(w *world, run string) { w.begin(run, "a") }, "HistoryUnreadable"},
		"of another attempt": {func(w *world, run string) { w.live(run, "a"); w.begin(run, "b") },
			"HistoryUnreadable"},
		"of another run": {func(w *world, run string) {
			w.begin(run, "a")
			w.store.Set(prefix.GCScan(run), string(w.liveSet("other", "a")))
		}, "HistoryUnreadable"},
		"of another list": {func(w *world, run string) {
			w.begin(run, "a")
			w.live(run, "a")
			w.config.HistoryRevision = "2"
		}, "HistoryChanged"},
		"cut off": {func(w *world, run string) {
			w.begin(run, "a")
			whole := w.liveSet(run, "a")
			w.store.Set(prefix.GCScan(run), string(whole[:len(whole)-20]))
		}, "HistoryIncomplete"},
		"too old": {func(w *world, run string) {
			w.begin(run, "a")
			w.live(run, "a")
			w.store.Advance(3 * time.Hour)
		}, "ScanTooOld"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			w := condemned(t)
			tc.scan(w, "x")
			w.store.Advance(time.Second)
			rep, err := Run(t.Context(), w.options("x"))
			if rep.Outcome != serverstatus.GCStopped || rep.Reason != tc.reason {
				t.Errorf("%v: %s %s, want %s", err, rep.Outcome, rep.Reason, tc.reason)
			}
			w.want("foreign v1 v2 v3 v4 v5")
		})
	}
}

// The report is saved in full and is read back.
func TestReportIsSaved(t *testing.T) {
	w := condemned(t)
	w.mustRun()
	body := w.store.Body(prefix.GCReport())
	for _, want := range []string{`"outcome": "Succeeded"`, `"deleted": 3`, `"policy": "keepVersions 2"`} {
		if !strings.Contains(body, want) {
			t.Errorf("the report lacks %s:\n%s", want, body)
		}
	}
	var text strings.Builder
	rep, _ := w.run()
	rep.WriteText(&text)
	fmt.Fprintln(t.Output(), text.String())
}
