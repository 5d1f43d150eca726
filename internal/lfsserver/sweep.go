package lfsserver

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver/upload"
)

// sweepEvery is how often uploads are looked for that nobody finished, give or
// take a half: replicas need not do it at the same time.
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
		uploads, staged, err := upload.Sweep(ctx, snap.store.bucket, snap.prefix, upload.SweepAfter)
		if err != nil {
			s.log.Warn("abandoned uploads could not be swept", "error", err)
		}
		if uploads+staged > 0 {
			s.log.Info("abandoned uploads swept", "uploads", uploads, "staged", staged)
		}
	}
}
