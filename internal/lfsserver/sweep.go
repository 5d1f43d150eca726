package lfsserver

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver/abandoned"
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
		case <-time.After(s.options.SweepEvery/2 + rand.N(s.options.SweepEvery)):
		}
		snap := s.current.Load()
		if snap.store == nil || !s.storeReady() {
			continue
		}
		s.sweepOnce(ctx, snap)
	}
}

// sweepOnce throws away what is old enough and counts it for the reports.
func (s *Server) sweepOnce(ctx context.Context, snap *snapshot) {
	streams, err := stream.Sweep(ctx, snap.store.bucket, snap.prefix, s.options.SweepAfter)
	uploads, staged, uerr := upload.Sweep(ctx, snap.store.bucket, snap.prefix, s.options.SweepAfter)
	if err = errors.Join(err, uerr); err != nil {
		s.log.Warn("abandoned uploads could not be swept", "error", err)
	}
	if streams+uploads+staged > 0 {
		s.log.Info("abandoned uploads swept", "streams", streams, "uploads", uploads, "staged", staged)
	}
	counts := abandoned.Counts{
		Tus: int64(streams), Uploads: int64(uploads), Unproven: int64(staged), LockTombstones: int64(s.tidyLocks(ctx, snap)),
	}
	if !counts.Any() {
		return
	}
	if err := abandoned.Add(ctx, snap.store.bucket, snap.prefix, counts, s.now()); err != nil {
		s.log.Warn("what was abandoned could not be counted", "error", err)
	}
}

// tidyLocks removes what old locks left, and returns of how many.
func (s *Server) tidyLocks(ctx context.Context, snap *snapshot) int {
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
	return n
}
