package scan

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/sideband"

	"github.com/lfs-operator/lfs-operator/internal/gc/pointer"
)

// fetch brings what the refs need to a folder under workDir.
func (s *source) fetch(ctx context.Context, adv *advert, workDir string) (*repo, error) {
	if s.path != "" {
		return openLocal(s.path)
	}
	root, err := os.MkdirTemp(workDir, "history-*")
	if err != nil {
		return nil, err
	}
	r := newRepo(root)
	if err := s.fill(ctx, r, adv); err != nil {
		return nil, errors.Join(err, s.discard(r))
	}
	return r, nil
}

func (s *source) fill(ctx context.Context, r *repo, adv *advert) error {
	if err := r.git.Init(); err != nil || len(adv.refs) == 0 {
		return err
	}
	req := s.request(adv)
	r.filtered = req.Filter != ""
	resp, err := s.session.UploadPack(ctx, req)
	if err != nil {
		return fmt.Errorf("fetching: %w", err)
	}
	defer func() { _ = resp.Close() }()
	if err := packfile.UpdateObjectStorage(r.git, demux(req, resp)); err != nil {
		return fmt.Errorf("fetching: %w", err)
	}
	return nil
}

// request wants every ref whole, but no blob that is too large for a pointer.
func (s *source) request(adv *advert) *packp.UploadPackRequest {
	req := packp.NewUploadPackRequestFromCapabilities(adv.caps)
	req.Capabilities.Delete(capability.ThinPack)
	if adv.caps.Supports(capability.NoProgress) {
		_ = req.Capabilities.Set(capability.NoProgress)
	}
	if adv.caps.Supports(capability.Filter) {
		_ = req.Capabilities.Set(capability.Filter)
		// "At least n bytes" are left out (git-rev-list, --filter).
		req.Filter = packp.FilterBlobLimit(pointer.MaxSize+1, packp.BlobLimitPrefixNone)
	}
	wanted := map[plumbing.Hash]bool{}
	for _, r := range adv.refs {
		if !wanted[r.hash] {
			wanted[r.hash] = true
			req.Wants = append(req.Wants, r.hash)
		}
	}
	return req
}

func demux(req *packp.UploadPackRequest, r io.Reader) io.Reader {
	switch {
	case req.Capabilities.Supports(capability.Sideband64k):
		return sideband.NewDemuxer(sideband.Sideband64k, r)
	case req.Capabilities.Supports(capability.Sideband):
		return sideband.NewDemuxer(sideband.Sideband, r)
	}
	return r
}

// discard removes a fetched repository.
func (s *source) discard(r *repo) error {
	r.close()
	if s.path != "" {
		return nil
	}
	return os.RemoveAll(r.root)
}
