package lfsserver

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver/locks"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/stream"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/upload"
)

// sweepEvery is how often uploads are looked for that nobody finished, and what
// is left of old locks, give or take a half: replicas need not do it at the same
// time.
const sweepEvery = 6 * time.Hour

// sweepUploads throws them away. It is no part of garbage collection, which is
// about objects: these never became one.
func (s *Server) sweepUploads(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(sweepEvery/2 + rand.N(sweepEvery)):
		}
		snap := s.current.Load()
		if snap.store == nil || !s.storeReady() {
			continue
		}
		streams, err := stream.Sweep(ctx, snap.store.bucket, snap.prefix, upload.SweepAfter)
		uploads, staged, uerr := upload.Sweep(ctx, snap.store.bucket, snap.prefix, upload.SweepAfter)
		if err = errors.Join(err, uerr); err != nil {
			s.log.Warn("abandoned uploads could not be swept", "error", err)
		}
		if streams+uploads+staged > 0 {
			s.log.Info("abandoned uploads swept", "streams", streams, "uploads", uploads, "staged", staged)
		}
		s.tidyLocks(ctx, snap)
	}
}

// tidyLocks removes what old locks left.
func (s *Server) tidyLocks(ctx context.Context, snap *snapshot) {
	service := &locks.Service{Bucket: snap.store.bucket, Prefix: snap.prefix, Cache: snap.store.locks, Now: s.now}
	n, err := service.Tidy(ctx, locks.TidyAfter, locks.Remover{
		Presign: snap.store.signer,
		Do:      func(r *http.Request) (*http.Response, error) { return snap.store.bucket.Do(r, "delete") },
	})
	if err != nil {
		s.log.Warn("old locks could not be tidied", "error", err)
	}
	if n > 0 {
		s.log.Info("old locks tidied", "tombstones", n)
	}
}
