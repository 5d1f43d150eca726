package scan

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/lfs-operator/lfs-operator/internal/gc/odb"
)

// fetch brings what the refs need to a folder under workDir.
func (s *source) fetch(ctx context.Context, adv *advert, workDir string, limit int64) (*repo, error) {
	if s.path != "" {
		return openLocal(s.path)
	}
	root, err := os.MkdirTemp(workDir, "history-*")
	if err != nil {
		return nil, err
	}
	r, err := s.fill(ctx, root, adv, limit)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(root))
	}
	r.discard = root
	return r, nil
}

func (s *source) fill(ctx context.Context, root string, adv *advert, limit int64) (*repo, error) {
	objects := filepath.Join(root, "objects")
	if err := os.MkdirAll(objects, 0o700); err != nil {
		return nil, err
	}
	filtered := false
	if len(adv.refs) > 0 {
		pack, err := s.session.Fetch(ctx, adv.remote, limit)
		if err != nil {
			return nil, fmt.Errorf("fetching: %w", err)
		}
		defer pack.Close()
		skipped, err := odb.Receive(ctx, pack, objects, adv.remote.Format)
		if err != nil {
			return nil, fmt.Errorf("fetching: %w", err)
		}
		filtered = adv.remote.CanFilter() || skipped > 0
	}
	db, err := odb.Open(objects, adv.remote.Format)
	if err != nil {
		return nil, err
	}
	return &repo{db: db, filtered: filtered}, nil
}
