package transfer

import (
	"context"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
)

// NameTus is the transfer of git-lfs with lfs.tustransfers.
const NameTus = "tus"

// Tus is the resumable upload protocol of tus.io, version 1.0, as git-lfs uses it:
// the batch names the upload, so nothing is created; HEAD asks for the offset, one
// PATCH sends the rest to this server. verify comes after the PATCH, but not after
// a HEAD that says that all is there.
type Tus struct{ downloads }

var _ Dialect = Tus{}

// Name implements Dialect.
func (Tus) Name() string { return NameTus }

// Label implements Dialect.
func (Tus) Label() string { return NameTus }

// MaxUpload implements Dialect.
func (Tus) MaxUpload() int64 { return objectstore.MaxObjectSize }

// Upload implements Dialect.
func (Tus) Upload(_ context.Context, s Session, o Object) (any, error) {
	life := Lifetime(o.Size)
	link, err := s.Resumable(o, life)
	if err != nil {
		return nil, err
	}
	verify, err := s.Verify(o, life+VerifyAfter(o.Size))
	if err != nil {
		return nil, err
	}
	return &basicActions{Upload: &Action{Href: link, ExpiresIn: seconds(life)}, Verify: verify}, nil
}
