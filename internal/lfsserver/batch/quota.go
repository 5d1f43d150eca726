package batch

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/quota"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/transfer"
)

// Reserve takes the bytes of an object that a client is about to upload from the
// quota. life is how long that may take. It returns a quota.ExceededError,
// quota.ErrUncounted or an error of the store.
type Reserve func(ctx context.Context, oid string, size int64, life time.Duration) error

// reserve is refused, with the answer, for an object that the quota leaves no room
// for. The others of its batch may fit.
func (s *Service) reserve(ctx context.Context, o RequestObject) (answer Answer, refused bool, err error) {
	if s.Reserve == nil {
		return Answer{}, false, nil
	}
	size := o.Size.Bytes
	err = s.Reserve(ctx, o.OID, size, transfer.Lifetime(size)+transfer.VerifyAfter(size))
	exceeded := new(quota.ExceededError)
	switch {
	case err == nil:
		return Answer{}, false, nil
	case errors.As(err, &exceeded):
		return failed(o, http.StatusRequestEntityTooLarge, OutcomeOverQuota, exceeded.Error()), true, nil
	case errors.Is(err, quota.ErrUncounted), errors.Is(err, objectstore.ErrPreconditionFailed):
		return Answer{}, false, Busy("the quota is being counted", err)
	}
	return Answer{}, false, Busy("the quota cannot be read", err)
}
