package abandoned

import (
	"sync"
	"testing"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/gc/gctest"
	"github.com/lfs-operator/lfs-operator/internal/layout"
)

func TestCounts(t *testing.T) {
	b, p := gctest.NewMemory(), layout.Prefix("p/")
	if r, err := Load(t.Context(), b, p); err != nil || r.Any() {
		t.Errorf("at first: %+v, %v", r, err)
	}
	at := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	var wg sync.WaitGroup
	for range 3 { // fewer than tries: each conflict is somebody's success
		wg.Go(func() {
			if err := Add(t.Context(), b, p, Counts{Uploads: 1, Tus: 2, Unproven: 3, LockTombstones: 4}, at); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	r, err := Load(t.Context(), b, p)
	if want := (Counts{3, 6, 9, 12}); err != nil || r.Counts != want || !r.At.Equal(at) {
		t.Errorf("%+v, %v", r, err)
	}
	if got := r.Since(Counts{1, 6, 9, 12}); got != (Counts{Uploads: 2}) {
		t.Errorf("since: %+v", got)
	}
	if got := r.Since(Counts{Uploads: 7}); got != r.Counts {
		t.Errorf("since a record that is gone: %+v", got)
	}
	b.Set(p.Abandoned(), "{")
	if r, err := Load(t.Context(), b, p); err != nil || r.Any() {
		t.Errorf("malformed: %+v, %v", r, err)
	}
}
