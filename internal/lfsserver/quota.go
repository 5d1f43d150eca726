package lfsserver

import (
	"context"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/layout"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/batch"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/usage"
)

// followCount has the quota follow each count of what the repository holds. Without
// one the record goes: nothing is claimed any more, so it would be wrong once there
// is a quota again.
func (s *Server) followCount(ctx context.Context, b objectstore.Bucket, p layout.Prefix) (usage.Follower, error) {
	if s.current.Load().config.Policy.QuotaBytes > 0 {
		s.unlimited.Store(false)
		return s.quota.Begin(ctx, b, p)
	}
	if !s.unlimited.Load() {
		if err := b.Delete(ctx, p.Quota(), ""); err != nil {
			return nil, err
		}
		s.unlimited.Store(true)
	}
	return usage.Alone{}, nil
}

// reserve is how batches reserve room; nil where there is no quota.
func (s *Server) reserve(c *call) batch.Reserve {
	limit := c.config.Policy.QuotaBytes
	if limit == 0 {
		return nil
	}
	return func(ctx context.Context, oid string, size int64, life time.Duration) error {
		return s.quota.Reserve(ctx, c.store.bucket, c.prefix, limit, oid, size, life)
	}
}

// closeTimeout bounds what a server does for the others before it ends.
const closeTimeout = 2 * time.Second

// closeQuota gives the other servers what this one has to spare.
func (s *Server) closeQuota() {
	if s.quota == nil {
		return // it is of no repository
	}
	bucket, prefix, ok := s.countable()
	if !ok {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	if err := s.quota.Close(ctx, bucket, prefix); err != nil {
		s.log.Warn("what this server has claimed of the quota stays claimed until its links end", "error", err)
	}
}
