package upload

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver/batch"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
)

// Register is what lies in the bucket about an upload.
type Register struct {
	// ID is the staging key's name, of 26 random characters.
	ID   string `json:"id"`
	OID  string `json:"oid"`
	Size int64  `json:"size"`
	// PartSize of every part but the last. It stays as it began, whatever the
	// configuration says later.
	PartSize int64 `json:"partSize"`
	// UploadID is the store's.
	UploadID string `json:"uploadID"`
	// CopyID is an upload to the final key of the server's own, begun to copy a
	// large object there.
	CopyID string `json:"copyID,omitempty"`
	// AssembledAt is when the store was last told to make the object of the
	// parts. Some stores show neither upload nor object while they do.
	AssembledAt time.Time `json:"assembledAt,omitzero"`
	// By is who began it, for people.
	By        string    `json:"by"`
	CreatedAt time.Time `json:"createdAt"`
}

// Ref names an upload: the client's key and the ID. Two principals never share
// an upload: one could spoil the other's.
type Ref struct{ Client, ID string }

// ClientOf is the key under which a principal's uploads are registered.
func ClientOf(repository, principal string) string {
	sum := sha256.Sum256([]byte("upload client\n" + repository + "\n" + principal))
	return hex.EncodeToString(sum[:clientSize])
}

// clientSize in bytes of a client's key.
const clientSize = 12

// String is the form for tokens.
func (r Ref) String() string { return r.Client + "." + r.ID }

// ParseRef reads the form of String.
func ParseRef(s string) (Ref, bool) {
	client, id, ok := strings.Cut(s, ".")
	if raw, err := hex.DecodeString(client); !ok || err != nil || len(raw) != clientSize || !validID(id) {
		return Ref{}, false
	}
	return Ref{Client: client, ID: id}, true
}

func newID() string { return strings.ToLower(rand.Text()) }

// validID is true for what newID returns: an ID becomes part of a key.
func validID(id string) bool {
	const alphabet = "abcdefghijklmnopqrstuvwxyz234567"
	return len(id) == len(rand.Text()) && strings.Trim(id, alphabet) == ""
}

// parseRegister is false for what this server has not written: whoever owns the
// bucket may put anything there.
func parseRegister(raw []byte) (Register, bool) {
	var r Register
	err := json.Unmarshal(raw, &r)
	switch {
	case err != nil, !validID(r.ID), !batch.ValidOID(r.OID),
		r.Size < 0, r.Size > objectstore.MaxObjectSize, r.PartSize < 1, r.PartSize > objectstore.MaxPartSize:
		return Register{}, false
	}
	return r, r.Count() <= objectstore.MaxParts
}

// stored is a register with what the store says of it.
type stored struct {
	*Register
	info objectstore.Info
}

// maxRegister is the size in bytes that no register reaches.
const maxRegister = 64 << 10

// load returns objectstore.ErrNotFound where nothing is registered.
func (s *Service) load(ctx context.Context, oid, client string) (stored, error) {
	key := s.Prefix.Upload(oid, client)
	raw, info, err := objectstore.ReadSmall(ctx, s.Store, key, "", maxRegister)
	if err != nil {
		return stored{}, err
	}
	r, ok := parseRegister(raw)
	if !ok || r.OID != oid {
		return stored{}, fmt.Errorf("%s is not the register of an upload", key)
	}
	return stored{Register: &r, info: info}, nil
}

// find is load for an upload that a client names; an empty ID means whichever it
// has.
func (s *Service) find(ctx context.Context, oid string, ref Ref) (stored, error) {
	r, err := s.load(ctx, oid, ref.Client)
	if errors.Is(err, objectstore.ErrNotFound) {
		return r, ErrNone
	}
	if err == nil && ref.ID != "" && ref.ID != r.ID {
		return r, ErrNone
	}
	return r, err
}

// save writes a register under a condition and returns its ETag.
func (s *Service) save(ctx context.Context, client string, r *Register, cond objectstore.Condition) (etag string, err error) {
	raw, err := json.Marshal(r)
	if err != nil {
		return "", err
	}
	info, err := s.Store.Put(ctx, s.Prefix.Upload(r.OID, client), bytes.NewReader(raw), int64(len(raw)), cond)
	return info.ETag, err
}

// update writes a register again, unless somebody has changed it since: another
// replica that finishes the same upload, or the client that has begun anew.
// Neither needs what was to be noted.
func (s *Service) update(ctx context.Context, client string, r *stored) error {
	etag, err := s.save(ctx, client, r.Register, objectstore.Condition{IfMatch: r.info.ETag})
	if errors.Is(err, objectstore.ErrPreconditionFailed) {
		return nil
	}
	if err == nil {
		r.info.ETag = etag
	}
	return err
}

// discard throws an upload away: parts, staging object and, last, the register,
// so that whoever is cut off here can begin again.
func (s *Service) discard(ctx context.Context, client string, r *Register) error {
	staging := s.Prefix.Staging(r.ID)
	if err := s.Store.Abort(ctx, staging, r.UploadID); err != nil {
		return err
	}
	if r.CopyID != "" {
		if err := s.Store.Abort(ctx, s.Prefix.Object(r.OID), r.CopyID); err != nil {
			return err
		}
	}
	if err := s.Store.Delete(ctx, staging, ""); err != nil {
		return err
	}
	if now, err := s.load(ctx, r.OID, client); err == nil && now.ID != r.ID {
		return nil // the client has begun anew
	}
	return s.Store.Delete(ctx, s.Prefix.Upload(r.OID, client), "")
}
