package objectstore

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"github.com/lfs-operator/lfs-operator/internal/layout"
	"github.com/lfs-operator/lfs-operator/internal/serverstatus"
)

// Receiver writes to final keys what came through this server: see admit.go for
// the two other files that may.
//
// A large object becomes an upload at the final key itself. Nothing shows before
// Complete, no URL of the upload ever leaves the server, and Complete compares the
// hash of what was sent with the OID: so nothing has to be read back or copied. A
// small one is a single PUT that the store compares with the OID.
type Receiver struct {
	store  Store
	prefix layout.Prefix
	caps   serverstatus.Capabilities
}

// NewReceiver receives objects of one repository. caps is what the probe found of
// that very store.
func NewReceiver(store Store, prefix layout.Prefix, caps serverstatus.Capabilities) Receiver {
	return Receiver{store: store, prefix: prefix, caps: caps}
}

// Content is what was sent to an upload.
type Content struct {
	// SHA256 and Size in bytes of the parts in their order.
	SHA256 [sha256.Size]byte
	Size   int64
	// Parts by ascending number. The sender of each is the only one who ever used
	// its number: an ETag says too little about what a part holds.
	Parts []Part
}

// Put writes a whole object of size bytes in one PUT. Wrong content is
// ErrWrongContent, and a body that ends early another error; both leave nothing.
// gate is asked right before.
func (r Receiver) Put(ctx context.Context, oid string, body io.Reader, size int64, gate func(context.Context) error) (Info, error) {
	sum, err := checksum(oid, r.caps.SignedChecksum)
	if err != nil {
		return Info{}, err
	}
	if size == 0 {
		body = bytes.NewReader(nil) // minio-go hashes it; net/http would ask a reader
	}
	if err := gate(ctx); err != nil {
		return Info{}, err
	}
	return r.store.Put(ctx, r.prefix.Object(oid), body, size, Condition{SHA256: sum})
}

// Begin begins an upload. Its ID must not leave the server.
func (r Receiver) Begin(ctx context.Context, oid string) (uploadID string, err error) {
	return r.store.Create(ctx, r.prefix.Object(oid))
}

// PutPart writes one part of size bytes, under a number that was never used before.
func (r Receiver) PutPart(ctx context.Context, oid, uploadID string, number int, body io.Reader, size int64) (Part, error) {
	return r.store.PutPart(ctx, r.prefix.Object(oid), uploadID, number, body, size)
}

// Alive returns ErrNotFound for an upload that was completed or aborted, or that
// the store is completing.
func (r Receiver) Alive(ctx context.Context, oid, uploadID string) error {
	_, err := r.store.ListParts(ctx, r.prefix.Object(oid), uploadID)
	return err
}

// Abort throws an upload away. One that is gone is no error.
func (r Receiver) Abort(ctx context.Context, oid, uploadID string) error {
	return r.store.Abort(ctx, r.prefix.Object(oid), uploadID)
}

// Complete makes the object appear, if it is what its OID says; else it returns
// ErrWrongContent, and nothing has happened. gate is asked right before.
// ErrNotFound: somebody else was faster. ErrPreconditionFailed: the store lacks a
// part that it took, or holds less of it.
func (r Receiver) Complete(ctx context.Context, oid, uploadID string, c Content, gate func(context.Context) error) (Info, error) {
	if sum := hex.EncodeToString(c.SHA256[:]); sum != oid {
		return Info{}, fmt.Errorf("%w: its SHA-256 is %s", ErrWrongContent, sum)
	}
	key := r.prefix.Object(oid)
	have, err := r.store.ListParts(ctx, key, uploadID)
	if err != nil {
		return Info{}, err
	}
	if err := c.within(have); err != nil {
		return Info{}, &Fault{Op: "complete upload", Key: key, Cause: err.Error(), kind: ErrPreconditionFailed}
	}
	if err := gate(ctx); err != nil {
		return Info{}, err
	}
	err = r.store.Complete(ctx, key, uploadID, c.Parts)
	return arrived(ctx, r.store, key, c.Size, err)
}

// within checks that a store holds the parts as they were sent: one of those
// measured keeps a part whose sender was cut off, as if that were all.
func (c Content) within(have []Part) error {
	byNumber := make(map[int]Part, len(have))
	for _, p := range have {
		byNumber[p.Number] = p
	}
	total := int64(0)
	for _, p := range c.Parts {
		if byNumber[p.Number] != p {
			return fmt.Errorf("part %d is not in the store as it was sent", p.Number)
		}
		total += p.Size
	}
	if total != c.Size {
		return errors.New("the parts do not add up to the object")
	}
	return nil
}
