package sweep

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/gc/gctest"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/locks"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
)

// What the random schedules have found, once more by itself.

// keptVersions is a world of which v1 to v3 are superseded, whose bucket keeps versions.
func keptVersions(t *testing.T) *world {
	w := superseded(t)
	w.store.SetVersioning(gctest.Versioned)
	w.caps.Versioned = true
	key := prefix.Object(gctest.OID("v1"))
	w.store.RemoveVersion(key, objectstore.NullVersion)
	w.store.Set(key, "v1")
	w.store.Advance(time.Minute)
	return w
}

// sweep is a run that sees the versions.
func (w *world) sweep(after time.Duration) {
	w.t.Helper()
	o := w.options(w.scan())
	w.store.Advance(after)
	o.Versions = w.store
	if _, err := Run(w.t.Context(), o); err != nil {
		w.t.Fatal(err)
	}
}

// versions of an object, of any kind.
func (w *world) versions(name string) int {
	return len(w.store.Versions(prefix.Object(gctest.OID(name))))
}

// An object from before the bucket kept versions is gone for good, also when its
// versions could not be listed: a DELETE that names no version would hide it, for ever.
func TestGoneWithoutListing(t *testing.T) {
	w := condemned(t)
	w.store.SetVersioning(gctest.Versioned)
	w.caps.Versioned = true
	o := w.options(w.scan())
	o.Versions = deniedVersions{}
	w.store.Advance(time.Second)
	if rep, err := Run(t.Context(), o); err != nil || rep.Deleted != 3 {
		t.Errorf("%v, %+v", err, rep.Deletes)
	}
	if n := w.versions("v1"); n > 0 {
		t.Errorf("%d versions are left", n)
	}
	w.want("foreign v4 v5")
}

// What a lock keeps stays as well when somebody has hidden it.
func TestHiddenAndLocked(t *testing.T) {
	w := keptVersions(t)
	service := &locks.Service{Bucket: w.store, Prefix: prefix, Cache: locks.NewCache(1 << 20), Now: w.store.Now}
	lock, err := service.Create(t.Context(), "model.bin", "somebody", "")
	if err != nil {
		t.Fatal(err)
	}
	w.store.Remove(prefix.Object(gctest.OID("v1")))
	for range 2 {
		w.store.Advance(25 * time.Hour)
		w.sweep(time.Second)
	}
	if n := w.versions("v1"); n != 2 {
		t.Errorf("locked: %d versions are left", n)
	}
	if _, err := service.Release(t.Context(), lock.ID, "somebody", false); err != nil {
		t.Fatal(err)
	}
	w.sweep(time.Second)
	if n := w.versions("v1"); n > 0 {
		t.Errorf("not locked any more: %d versions are left", n)
	}
}

// What has been hidden for a quarantine only since the scan began stays until the next
// scan: the ref of somebody who heard that it is there may have come meanwhile.
func TestHiddenBeforeTheScan(t *testing.T) {
	w := keptVersions(t)
	w.sweep(time.Second)
	w.store.Remove(prefix.Object(gctest.OID("v1")))
	w.store.Advance(23*time.Hour + 30*time.Minute)
	w.sweep(time.Hour)
	if n := w.versions("v1"); n != 2 {
		t.Errorf("%d versions are left", n)
	}
	w.store.Advance(time.Minute)
	w.sweep(time.Second)
	if n := w.versions("v1"); n > 0 {
		t.Errorf("after the next scan %d versions are left", n)
	}
}

// hiddenLong is a world in which v1 has been hidden for longer than the quarantine, and
// the next run.
func hiddenLong(t *testing.T) (*world, Options) {
	w := keptVersions(t)
	w.sweep(time.Second)
	w.store.Remove(prefix.Object(gctest.OID("v1")))
	w.store.Advance(25 * time.Hour)
	o := w.options(w.scan())
	w.store.Advance(time.Second)
	o.Versions = w.store
	return w, o
}

// leaves checks that a run leaves v1 to the next one, which nothing holds up.
func (w *world) leaves(o Options) {
	w.t.Helper()
	if _, err := Run(w.t.Context(), o); err != nil {
		w.t.Fatal(err)
	}
	if n := w.versions("v1"); n != 2 {
		w.t.Errorf("%d versions are left", n)
	}
	w.store.After = nil
	w.sweep(time.Second)
	if n := w.versions("v1"); n > 0 {
		w.t.Errorf("after the next run %d versions are left", n)
	}
}

// A DELETE of hidden content that gets stuck on its way does not land any more: somebody
// may have locked the path meanwhile.
func TestHiddenDeleteExpires(t *testing.T) {
	w, o := hiddenLong(t)
	o.Do = func(req *http.Request) (*http.Response, error) {
		if strings.Contains(req.URL.RawQuery, gctest.OID("v1")) {
			w.store.Advance(2 * w.limits.Expiry)
		}
		return w.store.Do(req)
	}
	w.leaves(o)
}

// What was read of history and locks too long ago is not acted on.
func TestHiddenDeleteTooLate(t *testing.T) {
	w, o := hiddenLong(t)
	writes := 0
	w.store.After = func(op, key string) error {
		if op == "put" && key == prefix.GCIndex() {
			writes++
		}
		if writes == 2 { // the index has been closed
			writes++
			w.store.Advance(w.limits.ScanAge + w.limits.Lease)
		}
		return nil
	}
	w.leaves(o)
}
