package lfsserver

import (
	"context"
	"errors"

	"github.com/lfs-operator/lfs-operator/internal/gc/index"
	"github.com/lfs-operator/lfs-operator/internal/layout"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/batch"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/presence"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/transfer"
	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
)

// gcGuard is garbage collection's side of a batch (package index has the
// protocol). One lives as long as the connection to the store: it remembers the
// index by its ETag, so that a batch costs one conditional read.
type gcGuard struct {
	bucket objectstore.Bucket
	prefix layout.Prefix
	index  *index.Guard
}

// NewGCGuard is the guard of whoever writes to final keys beside the server.
func NewGCGuard(b objectstore.Bucket, p layout.Prefix) batch.Guard { return newGCGuard(b, p) }

func newGCGuard(b objectstore.Bucket, p layout.Prefix) *gcGuard {
	return &gcGuard{bucket: b, prefix: p, index: index.NewGuard(b, p)}
}

// A batch begins before it reads the index, so ending within batch.Timeout keeps
// the index's limit. This does not compile when it would not.
const _ = uint64(index.AnswerWithin - batch.Timeout)

// Nor does it when links or memories outlive what the operator tells people to
// wait for.
const (
	_ = uint64(serverconfig.LongestLink - transfer.MaxLifetime)
	_ = uint64(serverconfig.RememberedFor - presence.Lifetime)
)

// Begin implements batch.Guard.
func (g *gcGuard) Begin(ctx context.Context) (batch.View, error) {
	v, err := g.index.Begin(ctx)
	if err != nil {
		return nil, err
	}
	return gcView{v}, nil
}

// Tombstone implements batch.Guard.
func (g *gcGuard) Tombstone(ctx context.Context, oid string) (string, error) {
	t, err := index.LookupTombstone(ctx, g.bucket, g.prefix, oid)
	if errors.Is(err, objectstore.ErrNotFound) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	return t.Message(), nil
}

// gcView gives the index's states the batch's names.
type gcView struct{ index.View }

// State implements batch.View. A state that is not known is treated like the
// worst one.
func (v gcView) State(oid string) batch.State {
	switch v.View.State(oid) {
	case index.None:
		return batch.Unlisted
	case index.Condemned:
		return batch.Condemned
	}
	return batch.Deleting
}
