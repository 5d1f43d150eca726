package transfer

import (
	"context"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
)

// Names of transfers that move an object in parts.
const (
	NameMultipart = "multipart"
	// NameGiftless is the name that giftless's client offers.
	NameGiftless = "multipart-basic"
)

// sizes say how the multipart dialects split objects.
type sizes struct {
	// threshold in bytes: an object no larger than it is one part.
	threshold int64
	partSize  int64
}

// partSizeOf an object, in bytes, as wished for: stores have limits of their own.
func (z sizes) partSizeOf(size int64) int64 {
	if size <= z.threshold {
		return size
	}
	return z.partSize
}

// begin is Session.Begin with the lifetime that the object needs.
func (z sizes) begin(ctx context.Context, s Session, o Object, fresh bool) (*Multipart, int64, error) {
	life := s.Life(o.Size)
	m, err := s.Begin(ctx, o, z.partSizeOf(o.Size), fresh, life)
	return m, int64(life / time.Second), err
}

// MaxUpload implements Dialect.
func (sizes) MaxUpload() int64 { return objectstore.MaxObjectSize }

// downloads are always basic.
type downloads struct{}

// Download implements Dialect.
func (downloads) Download(ctx context.Context, s Session, o Object) (any, error) {
	return Basic{}.Download(ctx, s, o)
}
