package monitor

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
)

// reports are small objects that jobs and servers leave in the bucket. They are read here
// and not remembered from the request that wrote them, since that may have gone
// to another replica.
type reports struct {
	revision               string
	gc, history, gcRequest string // ETags
	adoption               string
}

// read puts the newest reports into the state. One that cannot be read now is
// left as it was.
func (r *reports) read(ctx context.Context, t *Target, into *State) {
	if r.revision != t.Revision {
		*r = reports{revision: t.Revision}
	}
	into.GC = readJSON(ctx, t.Store, t.Prefix.GCReport(), &r.gc, into.GC)
	into.GCRequest = readJSON(ctx, t.Store, t.Prefix.GCRequest(), &r.gcRequest, into.GCRequest)
	into.History = readJSON(ctx, t.Store, t.Prefix.HistoryCheck(), &r.history, into.History)
}

// readAdoption is for repositories that adopt: while they do, and afterwards.
func (r *reports) readAdoption(ctx context.Context, t *Target, into *State) {
	if r.revision != t.Revision {
		*r = reports{revision: t.Revision}
	}
	into.Adoption = readJSON(ctx, t.Store, t.Prefix.AdoptionReport(), &r.adoption, into.Adoption)
}

func readJSON[T any](ctx context.Context, b objectstore.Bucket, key string, etag *string, old *T) *T {
	raw, info, err := objectstore.ReadSmall(ctx, b, key, *etag, 1<<20)
	if errors.Is(err, objectstore.ErrNotFound) {
		*etag = ""
		return nil
	}
	if err != nil {
		return old
	}
	fresh := new(T)
	if json.Unmarshal(raw, fresh) != nil {
		return old
	}
	*etag = info.ETag
	return fresh
}
