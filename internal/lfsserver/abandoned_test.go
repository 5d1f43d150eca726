package lfsserver_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/layout"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/abandoned"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/lfstest"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
	"github.com/lfs-operator/lfs-operator/test/assets"
)

// What the server throws away is counted where the reports of garbage collection find it.
func TestAbandonedThingsAreCounted(t *testing.T) {
	t.Parallel()
	s := lfstest.Start(t, assets.SharedStore(t), lfstest.WithOptions(func(o *lfsserver.Options) {
		o.SweepEvery, o.SweepAfter = 100*time.Millisecond, time.Nanosecond
	}))
	b := bucketOf(t, s)
	prefix := layout.Prefix(s.Config.Storage.Prefix)
	for _, id := range []string{"one", "two"} {
		if _, err := b.Put(t.Context(), prefix.Staging(id), strings.NewReader("unproven"), 8, objectstore.Condition{}); err != nil {
			t.Fatal(err)
		}
	}
	s.Eventually("both are counted", func() (bool, string) {
		r, err := abandoned.Load(t.Context(), b, prefix)
		return err == nil && r.Counts == (abandoned.Counts{Unproven: 2}) && !r.At.IsZero(), fmt.Sprintf("%+v, %v", r, err)
	})
}
