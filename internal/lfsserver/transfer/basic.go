package transfer

import (
	"context"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
)

// NameBasic is the transfer that every client knows.
const NameBasic = "basic"

// MaxSinglePut is the largest object in bytes that S3 takes in one PUT.
const MaxSinglePut = 5 << 30

// Basic moves an object by one PUT or GET (git-lfs,
// docs/api/basic-transfers.md), straight between client and store where that can
// be: not above what the store takes in one PUT. An upload that is not what the
// OID says is refused, so one that succeeds has arrived: to ask for that once more
// costs as much as a small upload. So verify is for large objects, and for the last
// of a batch, which tells the server that something has come.
type Basic struct{}

var (
	_ Dialect = Basic{}
	_ Closer  = Basic{}
)

// Unverified is the size in bytes of the largest object that is not verified unless
// it is the last of its batch. Above it, verify costs next to nothing beside the
// upload.
const Unverified = 1 << 20

// basicActions are what git-lfs and those who speak like it know.
type basicActions struct {
	Upload   *Action `json:"upload,omitempty"`
	Download *Action `json:"download,omitempty"`
	Verify   *Action `json:"verify,omitempty"`
}

// Name implements Dialect.
func (Basic) Name() string { return NameBasic }

// Label implements Dialect.
func (Basic) Label() string { return NameBasic }

// MaxUpload implements Dialect.
func (Basic) MaxUpload() int64 { return objectstore.MaxObjectSize }

// Upload implements Dialect.
func (Basic) Upload(_ context.Context, s Session, o Object) (any, error) {
	life := s.Life(o.Size)
	grant, err := s.Admit(o, life)
	if err != nil {
		return nil, err
	}
	actions := &basicActions{Upload: &Action{Href: grant.URL, Header: headerOf(grant.Header), ExpiresIn: seconds(life)}}
	if o.Size > Unverified {
		err = actions.verified(s, o)
	}
	return actions, err
}

// CloseBatch implements Closer.
func (Basic) CloseBatch(s Session, o Object, actions any) error {
	if a, ok := actions.(*basicActions); ok && a.Verify == nil {
		return a.verified(s, o)
	}
	return nil
}

// verified adds verify to an upload. The PUT may begin in the link's last second and
// verify comes after it.
func (a *basicActions) verified(s Session, o Object) (err error) {
	a.Verify, err = s.Verify(o, s.Life(o.Size)+VerifyAfter(o.Size))
	return err
}

// Download implements Dialect.
func (Basic) Download(_ context.Context, s Session, o Object) (any, error) {
	life := s.Life(o.Size)
	u, err := s.Fetch(o, life)
	if err != nil {
		return nil, err
	}
	return &basicActions{Download: &Action{Href: u, ExpiresIn: seconds(life)}}, nil
}

// VerifyAfter is how long after its last link a client may still verify.
func VerifyAfter(size int64) time.Duration {
	return min(transferTime(size)+time.Minute, MaxLifetime)
}

func seconds(d time.Duration) int64 { return int64(d / time.Second) }
