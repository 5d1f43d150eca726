package objectstore

import (
	"context"
	"errors"
	"net/http"
)

// AWS tells that an object is missing only to those who may list the whole bucket
// ("GetObject", Amazon S3 API reference, under Permissions); a session that is bound
// to a prefix gets 403 for it. So with a session the listing, which it may ask for
// under its prefix, has the last word.

// denied is what became of a request for an object that the store refused: missing
// where a session sees no such key.
func (s *S3) denied(ctx context.Context, op, key string, err error) error {
	if !errors.Is(err, ErrDenied) || s.ring.source.Keys().Own.SessionToken == "" {
		return err
	}
	for o, lerr := range s.List(ctx, key, "") {
		if lerr != nil || o.Key == key {
			return err
		}
		break // a key comes before all that begin with it
	}
	return statusFault(op, key, http.StatusNotFound)
}
