package sweep

import (
	"strings"
	"testing"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver/abandoned"
)

// TestReportsAbandoned: what servers threw away is counted once, in the next report.
func TestReportsAbandoned(t *testing.T) {
	w := superseded(t)
	if rep := w.mustRun(); rep.Abandoned.Any() {
		t.Errorf("before anything was: %+v", rep.Abandoned)
	}
	for _, c := range []abandoned.Counts{{Uploads: 1, Tus: 2}, {Uploads: 2, Unproven: 3, LockTombstones: 4}} {
		if err := abandoned.Add(t.Context(), w.store, prefix, c, w.store.Now()); err != nil {
			t.Fatal(err)
		}
	}
	all := abandoned.Counts{Uploads: 3, Tus: 2, Unproven: 3, LockTombstones: 4}
	rep := w.mustRun()
	if rep.Abandoned != all || rep.AbandonedTotal != all {
		t.Errorf("%+v of %+v", rep.Abandoned, rep.AbandonedTotal)
	}
	var text strings.Builder
	if rep.WriteText(&text); !strings.Contains(text.String(), "3 uploads in parts, 2 tus uploads, 3 unproven objects, 4 tombstones of locks") {
		t.Error(text.String())
	}
	if rep := w.mustRun(); rep.Abandoned.Any() || rep.AbandonedTotal != all {
		t.Errorf("counted again: %+v of %+v", rep.Abandoned, rep.AbandonedTotal)
	}
}
