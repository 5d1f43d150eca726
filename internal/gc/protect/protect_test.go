package protect

import (
	"errors"
	"strings"
	"testing"

	"github.com/lfs-operator/lfs-operator/internal/gc/gctest"
	"github.com/lfs-operator/lfs-operator/internal/layout"
)

// Both kinds of uploads count, and nothing that is neither lock nor register.
func TestRead(t *testing.T) {
	store, prefix := gctest.NewMemory(), layout.Prefix("p/")
	parts, stream := gctest.OID("parts"), gctest.OID("stream")
	store.Set(prefix.Upload(parts, "0123"), "{}")
	store.Set(prefix.Stream(stream, "0123"), "{}")
	store.Set(prefix.Uploads()+"README", "not ours")
	store.Set(prefix.Lock(strings.Repeat("a", 32)), "not a lock")
	got, err := Read(t.Context(), store, prefix)
	if err != nil || len(got.Uploading) != 2 || !got.Uploading[parts] || !got.Uploading[stream] || len(got.Locked) != 0 {
		t.Errorf("%+v, %v", got, err)
	}
}

// What cannot be read is never taken for nothing.
func TestReadFails(t *testing.T) {
	prefix := layout.Prefix("p/")
	for _, dir := range []string{prefix.Locks(), prefix.Uploads(), prefix.Streams()} {
		store := gctest.NewMemory()
		store.Before = func(_, key string) error {
			if key == dir {
				return errors.New("out of order")
			}
			return nil
		}
		if _, err := Read(t.Context(), store, prefix); err == nil {
			t.Errorf("%s cannot be listed, and nobody says so", dir)
		}
	}
}
