package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/minio/minio-go/v7"

	"github.com/lfs-operator/lfs-operator/internal/layout"
)

// object is one that a batch names. Its content is known, so that links can be
// tried.
type object struct {
	OID     string `json:"oid"`
	Size    int64  `json:"size"`
	content []byte
}

// makeObjects returns n small objects of a kind that no other kind has.
func makeObjects(kind string, n int) []object {
	all := make([]object, n)
	for i := range all {
		all[i] = objectOf(fmt.Appendf(nil, "%s %d", kind, i))
	}
	return all
}

func objectOf(content []byte) object {
	sum := sha256.Sum256(content)
	return object{OID: hex.EncodeToString(sum[:]), Size: int64(len(content)), content: content}
}

// putObjects stores them under their final keys, straight into the store: a way
// around the server, which then knows nothing of them.
func putObjects(ctx context.Context, st *store, bucket string, prefix layout.Prefix, all []object) error {
	c, err := st.client()
	if err != nil {
		return err
	}
	return each(ctx, 32, len(all), func(ctx context.Context, i int) error {
		o := &all[i]
		_, err := c.PutObject(ctx, bucket, prefix.Object(o.OID), bytes.NewReader(o.content), o.Size, "", o.OID,
			minio.PutObjectOptions{DisableContentSha256: true})
		return err
	})
}

// each calls f for 0…n-1, so many at once, until one fails.
func each(ctx context.Context, atOnce, n int, f func(context.Context, int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next atomic.Int64
	var group sync.WaitGroup
	for range atOnce {
		group.Go(func() {
			for i := int(next.Add(1)) - 1; i < n && ctx.Err() == nil; i = int(next.Add(1)) - 1 {
				if err := f(ctx, i); err != nil {
					cancel(err)
				}
			}
		})
	}
	group.Wait()
	return context.Cause(ctx)
}

// batchBodies are batch requests of n objects each, over all of them.
func batchBodies(operation string, all []object, n int) [][]byte {
	var bodies [][]byte
	for i := 0; i+n <= len(all); i += n {
		body, err := json.Marshal(map[string]any{
			"operation": operation, "transfers": []string{"basic"}, "ref": map[string]string{"name": "refs/heads/main"},
			"hash_algo": "sha256", "objects": all[i : i+n],
		})
		if err != nil {
			panic(err) // strings and numbers
		}
		bodies = append(bodies, body)
	}
	return bodies
}

// post sends a batch and returns the answer.
func (t *target) post(ctx context.Context, c *http.Client, body []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, t.url+"/objects/batch", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/vnd.git-lfs+json")
	req.Header.Set("Accept", "application/vnd.git-lfs+json")
	req.Header.Set("User-Agent", "git-lfs/3.8.1 (GitHub; linux amd64; go 1.26)")
	if t.auth != "" {
		req.Header.Set("Authorization", t.auth)
	}
	resp, err := c.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("batch: %s: %.300s", resp.Status, answer)
	}
	return answer, err
}

// answer of a batch, as far as it is looked at.
type answer struct {
	Objects []struct {
		OID     string `json:"oid"`
		Size    int64  `json:"size"`
		Actions map[string]struct {
			Href   string            `json:"href"`
			Header map[string]string `json:"header"`
		} `json:"actions"`
		Error *struct{ Message string } `json:"error"`
	} `json:"objects"`
}

// useLinks really moves one object of every batch: the bytes that a download link
// gives must be the object's, and an upload link must take them.
func (t *target) useLinks(ctx context.Context, operation string, all []object, perBatch int) error {
	c := &http.Client{}
	byOID := make(map[string]*object, len(all))
	for i := range all {
		byOID[all[i].OID] = &all[i]
	}
	for i, body := range batchBodies(operation, all, perBatch) {
		raw, err := t.post(ctx, c, body)
		if err != nil {
			return err
		}
		var a answer
		if err := json.Unmarshal(raw, &a); err != nil {
			return err
		}
		one := a.Objects[i%len(a.Objects)]
		action, ok := one.Actions[operation]
		if !ok || one.Error != nil {
			return fmt.Errorf("%s of %s: no link", operation, one.OID)
		}
		if err := move(ctx, c, operation, action.Href, action.Header, byOID[one.OID].content); err != nil {
			return fmt.Errorf("%s of %s: %w", operation, one.OID, err)
		}
	}
	return nil
}

func move(ctx context.Context, c *http.Client, operation, href string, header map[string]string, content []byte) error {
	method, send := http.MethodGet, io.Reader(http.NoBody)
	if operation == "upload" {
		method, send = http.MethodPut, bytes.NewReader(content)
	}
	req, err := http.NewRequestWithContext(ctx, method, href, send)
	if err != nil {
		return err
	}
	for k, v := range header {
		req.Header.Set(k, v)
	}
	resp, err := c.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	switch {
	case err != nil:
		return err
	case resp.StatusCode != http.StatusOK:
		return fmt.Errorf("%s: %.300s", resp.Status, got)
	case method == http.MethodGet && !bytes.Equal(got, content):
		return fmt.Errorf("got %d bytes that are not the object's", len(got))
	}
	return nil
}

// someBatches keeps a server busy for a moment.
func someBatches(ctx context.Context, t *target) error {
	c := &http.Client{}
	for _, body := range batchBodies("upload", makeObjects("some", 200*perBatch), perBatch) {
		if _, err := t.post(ctx, c, body); err != nil {
			return err
		}
	}
	return nil
}

// answers is true once the admin port has something to say.
func answers(addr string) bool {
	resp, err := http.Get("http://" + addr + "/healthz")
	if err != nil {
		return false
	}
	resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// hostOf a URL.
func hostOf(url string) string {
	host, _, _ := strings.Cut(strings.TrimPrefix(url, "http://"), "/")
	return host
}
