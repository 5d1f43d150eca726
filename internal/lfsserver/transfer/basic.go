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
// OID says is refused; verify then only asks whether it has arrived.
type Basic struct{}

var _ Dialect = Basic{}

// authenticated keeps git-lfs from adding the user's credentials to requests
// that go to the store, and from asking for some.
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
	// The PUT may begin in the link's last second and verify comes after it.
	verify, err := s.Verify(o, life+VerifyAfter(o.Size))
	if err != nil {
		return nil, err
	}
	return &basicActions{
		Upload: &Action{Href: grant.URL, Header: headerOf(grant.Header), ExpiresIn: seconds(life)},
		Verify: verify,
	}, nil
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
