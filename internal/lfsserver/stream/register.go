package stream

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"strings"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/layout"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
)

// maxRegister in bytes: 10,000 parts take about one million.
const maxRegister = 4 << 20

// Register is what lies in the bucket about an upload.
type Register struct {
	// ID tells this upload from those before and after it.
	ID   string `json:"id"`
	OID  string `json:"oid"`
	Size int64  `json:"size"`
	// UploadID is the store's, at the final key; empty before the first part.
	UploadID string `json:"uploadID,omitempty"`
	// Next is the lowest part number that nobody has used.
	Next int `json:"next"`
	// Parts by number, and behind them the staged pieces in their order.
	Parts  []Part  `json:"parts,omitempty"`
	Staged []Piece `json:"staged,omitempty"`
	// Offset in bytes: the sum of both.
	Offset int64 `json:"offset"`
	// Hash is the state of crypto/sha256 at Offset.
	Hash []byte `json:"hash,omitempty"`
	// Step in bytes of the next piece on a bad line, 0 on a good one.
	Step int64 `json:"step,omitempty"`
	// Epoch grows with each writer; Writing while there is one.
	Epoch   int64 `json:"epoch"`
	Writing bool  `json:"writing,omitempty"`
	// CompletingAt is when the store was told to complete the upload. Some show
	// neither upload nor object while they do.
	CompletingAt time.Time `json:"completingAt,omitzero"`
	// Dead: it is being thrown away.
	Dead bool `json:"dead,omitempty"`
	// CreatedAt is for people.
	CreatedAt time.Time `json:"createdAt"`
}

// Part of the upload at the final key.
type Part struct {
	Number int    `json:"n"`
	Size   int64  `json:"s"`
	ETag   string `json:"e"`
}

// Piece is an object under staging/.
type Piece struct {
	ID   string `json:"id"`
	Size int64  `json:"s"`
}

func newID() string { return strings.ToLower(rand.Text()) }

// waiting is the number of bytes that are staged.
func (r *Register) waiting() (n int64) {
	for _, p := range r.Staged {
		n += p.Size
	}
	return n
}

// hash at Offset.
func (r *Register) hash() (hash.Hash, error) {
	h := sha256.New()
	if len(r.Hash) == 0 {
		return h, nil
	}
	if err := h.(encoding.BinaryUnmarshaler).UnmarshalBinary(r.Hash); err != nil {
		return nil, fmt.Errorf("the register's hash: %w", err)
	}
	return h, nil
}

// entry is a register as it stands in the bucket, or is about to: etag is empty
// before it was first written.
type entry struct {
	*Register
	key, etag string
}

// load returns objectstore.ErrNotFound where nothing is registered.
func load(ctx context.Context, b objectstore.Bucket, key string) (*entry, []byte, error) {
	raw, info, err := objectstore.ReadSmall(ctx, b, key, "", maxRegister)
	if err != nil {
		return nil, nil, err
	}
	r, ok := parseRegister(raw)
	if !ok {
		return nil, nil, fmt.Errorf("%s is not the register of an upload", key)
	}
	return &entry{Register: &r, key: key, etag: info.ETag}, raw, nil
}

// parseRegister is false for what this server has not written: whoever owns the
// bucket may put anything there.
func parseRegister(raw []byte) (Register, bool) {
	var r Register
	if err := json.Unmarshal(raw, &r); err != nil || r.ID == "" || !layout.IsOID(r.OID) ||
		r.Size < 0 || r.Size > objectstore.MaxObjectSize || r.Next < 1 || len(r.Parts) > objectstore.MaxParts {
		return Register{}, false
	}
	var sum int64
	for _, p := range r.Parts {
		if p.Number < 1 || p.Number >= r.Next || p.Size < 1 || p.Size > r.Size-sum {
			return Register{}, false
		}
		sum += p.Size
	}
	for _, p := range r.Staged {
		if p.ID == "" || strings.ContainsRune(p.ID, '/') || p.Size < 1 || p.Size > r.Size-sum {
			return Register{}, false
		}
		sum += p.Size
	}
	return r, sum == r.Offset
}

// save writes a register, if it is still the one that was read; else ErrOvertaken.
// No two states have the same bytes: each differs in the epoch or the parts.
func (e *entry) save(ctx context.Context, b objectstore.Bucket) error {
	raw, err := json.Marshal(e.Register)
	if err != nil {
		return err
	}
	cond := objectstore.Condition{IfMatch: e.etag, IfAbsent: e.etag == ""}
	info, err := b.Put(ctx, e.key, bytes.NewReader(raw), int64(len(raw)), cond)
	switch {
	case err == nil:
		e.etag = info.ETag
		return nil
	case errors.Is(err, objectstore.ErrPreconditionFailed), errors.Is(err, objectstore.ErrNotFound):
	default:
		return err
	}
	// A put that was sent twice can look like a loss.
	now, standing, err := load(ctx, b, e.key)
	switch {
	case err == nil && bytes.Equal(standing, raw):
		e.etag = now.etag
		return nil
	case err == nil, errors.Is(err, objectstore.ErrNotFound):
		return ErrOvertaken
	}
	return err
}
