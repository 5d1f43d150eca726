package index

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/layout"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
)

// Tombstone says why an object is gone. It is written before the object is
// deleted and never removed: it counts only while the object is absent, so an
// object that is uploaded again is simply there.
type Tombstone struct {
	OID string `json:"oid"`
	// Reason is a sentence for the person whose download fails.
	Reason string `json:"reason"`
	// Policy in force, Path and Run that pruned it.
	Policy string    `json:"policy"`
	Path   string    `json:"path,omitempty"`
	Run    string    `json:"run"`
	Size   int64     `json:"size"`
	At     time.Time `json:"at"`
}

// Message is the text for a 410 answer.
func (t Tombstone) Message() string {
	return fmt.Sprintf("this object was pruned on %s by garbage collection: %s (policy: %s; run %s)",
		t.At.UTC().Format(time.DateOnly), t.Reason, t.Policy, t.Run)
}

// LookupTombstone reads an object's tombstone; without one it returns
// objectstore.ErrNotFound. Ask only after the object itself was not found.
func LookupTombstone(ctx context.Context, b objectstore.Bucket, p layout.Prefix, oid string) (Tombstone, error) {
	const maxTombstone = 64 << 10
	raw, _, err := objectstore.ReadSmall(ctx, b, p.GCTombstone(oid), "", maxTombstone)
	if err != nil {
		return Tombstone{}, err
	}
	var t Tombstone
	if err := json.Unmarshal(raw, &t); err != nil {
		return Tombstone{}, errors.Join(fmt.Errorf("tombstone of %s is malformed", oid), err)
	}
	return t, nil
}

// WriteTombstone writes it.
func WriteTombstone(ctx context.Context, b objectstore.Bucket, p layout.Prefix, t Tombstone) error {
	text, err := json.Marshal(t)
	if err != nil {
		return err
	}
	_, err = b.Put(ctx, p.GCTombstone(t.OID), bytes.NewReader(text), int64(len(text)), objectstore.Condition{})
	if err != nil {
		return fmt.Errorf("tombstone of %s: %w", t.OID, err)
	}
	return nil
}
