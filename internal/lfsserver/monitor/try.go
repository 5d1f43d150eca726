package monitor

import (
	"context"
	"errors"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
	"github.com/lfs-operator/lfs-operator/internal/serverstatus"
)

// Try looks once at a store that no repository need lie in yet: can it be
// reached, may we use it, what can it do.
func Try(ctx context.Context, t *Target) serverstatus.Store {
	caps, err := objectstore.Probe(ctx, t.Store, t.Signer, t.Prefix)
	if errors.Is(err, objectstore.ErrBucketMissing) && t.Storage.CreateBucket {
		if err = t.Store.CreateBucket(ctx); err == nil {
			caps, err = objectstore.Probe(ctx, t.Store, t.Signer, t.Prefix)
		}
	}
	if err != nil {
		p := explain(t, err)
		return serverstatus.Store{Reason: p.Reason, Message: p.Message}
	}
	found := serverstatus.Store{Ready: true, Reason: serverstatus.ReasonStoreReady, Capabilities: &caps}
	if p := incapable(t, caps); p != nil {
		found.Ready, found.Reason, found.Message = false, p.Reason, p.Message
	}
	return found
}
