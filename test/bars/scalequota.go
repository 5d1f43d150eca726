package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/lfs-operator/lfs-operator/internal/layout"
	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
)

const (
	// uploaders at once, on two servers of a repository with that quota in bytes.
	uploaders  = 16
	quotaLimit = 64 << 20
	// largest object of them.
	largestUpload = 1 << 20
	// enough refusals in a row end an uploader.
	enough = 8
)

// quotaOvershoot prints quota-overshoot-ratio: what is stored after everybody has
// uploaded all that they were let, to the quota. Where a good part of it could not be
// used there is no figure.
func quotaOvershoot(ctx context.Context, r *rig) error {
	var servers []*lfsServer
	for range 2 {
		s, err := r.newServer(ctx, func(c *serverconfig.Config) {
			if c.Policy.QuotaBytes = quotaLimit; len(servers) > 0 {
				c.Storage = servers[0].config.Storage
			}
		})
		if err != nil {
			return err
		}
		defer s.stop()
		servers = append(servers, s)
	}
	var refusals atomic.Int64
	err := each(ctx, uploaders, uploaders, func(ctx context.Context, i int) error {
		return fill(ctx, servers[i%2], uint64(i), &refusals)
	})
	if err != nil {
		return err
	}
	stored, err := r.storedBytes(ctx, servers[0])
	if err != nil {
		return err
	}
	r.say("%d uploaders stored %d of %d bytes, %d objects were refused", uploaders, stored, quotaLimit, refusals.Load())
	if refusals.Load() == 0 || stored < quotaLimit*9/10 {
		return fmt.Errorf("%d of %d bytes are stored, and %d objects were refused: that is no full repository", stored, quotaLimit, refusals.Load())
	}
	bar("quota-overshoot-ratio", fmt.Sprintf("%.4f", float64(stored)/quotaLimit))
	return nil
}

// fill uploads until nothing fits any more.
func fill(ctx context.Context, s *lfsServer, client uint64, refusals *atomic.Int64) error {
	c := &http.Client{Timeout: time.Minute}
	random := rand.New(rand.NewPCG(client, 0)) // the same objects each time
	for n, refused := 0, 0; refused < enough; n++ {
		word := fmt.Appendf(nil, "quota %d %d ", client, n)
		o := objectOf(bytes.Repeat(word, 1+random.IntN(largestUpload/len(word))))
		raw, err := s.patient(ctx, c, batchBodies("upload", []object{o}, 1)[0])
		if err != nil {
			return err
		}
		var a answer
		if err := json.Unmarshal(raw, &a); err != nil {
			return err
		}
		if a.Objects[0].Error != nil {
			refused++
			refusals.Add(1)
			continue
		}
		up := a.Objects[0].Actions["upload"]
		if err := move(ctx, c, "upload", up.Href, up.Header, o.content); err != nil {
			return err
		}
		refused = 0
	}
	return nil
}

// patient posts a batch, again while the server asks for that.
func (t *target) patient(ctx context.Context, c *http.Client, body []byte) (raw []byte, err error) {
	for range 20 {
		if raw, err = t.post(ctx, c, body); err == nil {
			return raw, nil
		}
		if err := pauseFor(ctx, 250*time.Millisecond); err != nil {
			return nil, err
		}
	}
	return nil, err
}

// storedBytes under the final keys of a server's repository.
func (r *rig) storedBytes(ctx context.Context, s *lfsServer) (sum int64, err error) {
	st, err := r.store(ctx)
	if err != nil {
		return 0, err
	}
	c, err := st.client()
	if err != nil {
		return 0, err
	}
	prefix := layout.Prefix(s.config.Storage.Prefix)
	for o := range c.Client.ListObjects(ctx, s.bucket, minio.ListObjectsOptions{Prefix: prefix.Objects(), Recursive: true}) {
		if o.Err != nil {
			return 0, o.Err
		}
		sum += o.Size
	}
	return sum, nil
}
