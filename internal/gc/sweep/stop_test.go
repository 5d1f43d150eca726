package sweep

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
	"github.com/lfs-operator/lfs-operator/internal/serverstatus"
)

// Whoever stops garbage collection, or changes what it may delete, while a run is
// under way is heard before the next write: whatever was condemned stays condemned,
// and nothing more goes.
func TestStopUnderWay(t *testing.T) {
	changes := map[string]struct {
		change func(c *serverconfig.Config)
		reason string
	}{
		"suspended":      {func(c *serverconfig.Config) { c.GC.Suspended = true }, "Suspended"},
		"mode":           {func(c *serverconfig.Config) { c.GC.Mode = serverconfig.GCDryRun }, "PolicyChanged"},
		"keepVersions":   {func(c *serverconfig.Config) { c.Policy.KeepVersions = 5 }, "PolicyChanged"},
		"rules":          {func(c *serverconfig.Config) { c.GC.Rules = []serverconfig.GCRule{{Path: "**", All: true}} }, "PolicyChanged"},
		"history":        {func(c *serverconfig.Config) { c.HistoryRevision = "2" }, "PolicyChanged"},
		"not a schedule": {func(c *serverconfig.Config) { c.GC.Schedule = "@daily" }, ""},
	}
	moments := map[string]struct{ op, key string }{
		"while it writes":   {"put", prefix.GCIndex()},
		"before it deletes": {"list", string(prefix) + "meta/gc/rescued/"},
		"between deletes":   {"presigned-delete", ""},
	}
	for name, tc := range changes {
		for moment, at := range moments {
			t.Run(name+" "+moment, func(t *testing.T) {
				w := condemned(t)
				w.limits.Group = 1
				now := *w.config
				w.store.Before = func(op, key string) error {
					if op == at.op && (at.key == "" || strings.HasPrefix(key, at.key)) {
						tc.change(&now)
					}
					return nil
				}
				run := w.scan()
				o := w.options(run)
				o.Current = func() (*serverconfig.Config, error) { c := now; return &c, nil }
				rep, err := Run(t.Context(), o)
				w.store.Before = nil
				if tc.reason == "" {
					if err != nil || rep.Deleted != 3 {
						t.Errorf("%v, %+v", err, rep.GCReport)
					}
					return
				}
				if rep.Outcome != serverstatus.GCStopped || rep.Reason != tc.reason {
					t.Errorf("%v: %s %s", err, rep.Outcome, rep.Reason)
				}
				gone := int64(0)
				if moment == "between deletes" {
					gone = 1
				}
				if rep.Deleted != gone || w.index().Deletes() || len(w.index().Entries) != int(3-gone) {
					t.Errorf("%d deleted, index %s", rep.Deleted, w.entries())
				}
				w.store.Advance(time.Minute)
				w.mustRun()
				w.want("foreign v4 v5")
			})
		}
	}
}

// A configuration that cannot be read any more is no licence to go on.
func TestStopInDoubt(t *testing.T) {
	w := condemned(t)
	o := w.options(w.scan())
	o.Current = func() (*serverconfig.Config, error) { return nil, errors.New("unreadable") }
	if rep, err := Run(t.Context(), o); err == nil || rep.Deleted != 0 {
		t.Errorf("%v, %+v", err, rep.GCReport)
	}
	w.want("foreign v1 v2 v3 v4 v5")
}

// While it is stopped nothing is condemned either; a dry run still reports.
func TestSuspended(t *testing.T) {
	w := superseded(t)
	w.config.GC.Suspended = true
	w.stopped("Suspended")
	if w.entries() != "" {
		t.Errorf("index %s", w.entries())
	}
	w.config.GC.Mode = serverconfig.GCDryRun
	if rep := w.mustRun(); rep.Condemned != 3 {
		t.Errorf("%+v", rep.GCReport)
	}
}
