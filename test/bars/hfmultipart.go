package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/lfs-operator/lfs-operator/internal/layout"
)

const (
	// hfSize of the object, made of one block again and again: the store does not
	// look for repetitions, and this way no disk is read.
	hfSize  = 2 << 30
	hfBlock = 64 << 20
	// hfAtOnce parts are sent at once, as huggingface_hub does.
	hfAtOnce = 4
)

// hfObject is the object that is uploaded.
type hfObject struct {
	block []byte
	oid   string
}

// part returns the bytes from pos on.
func (o *hfObject) part(pos, size int64) io.Reader {
	var readers []io.Reader
	for size > 0 {
		from := pos % hfBlock
		n := min(size, hfBlock-from)
		readers = append(readers, bytes.NewReader(o.block[from:from+n]))
		pos, size = pos+n, size-n
	}
	return io.MultiReader(readers...)
}

// newHFObject is another one each time, of that many bytes, so that nothing is
// there already.
func newHFObject(size int64) *hfObject {
	o := &hfObject{block: make([]byte, hfBlock)}
	var seed [32]byte
	for i := range seed {
		seed[i] = byte(rand.Uint32())
	}
	_, _ = rand.NewChaCha8(seed).Read(o.block)
	return o.shorter(size)
}

// shorter is the object that has the first bytes of o.
func (o *hfObject) shorter(size int64) *hfObject {
	h := sha256.New()
	_, _ = io.Copy(h, o.part(0, size))
	return &hfObject{block: o.block, oid: hex.EncodeToString(h.Sum(nil))}
}

// hfMultipart compares an upload of 2 GiB as Hugging Face's clients do it, with
// the proof of its content, with what any proof has to cost: parts, Complete, and
// one reading of the object with SHA-256.
func hfMultipart(ctx context.Context, r *rig) error {
	s, err := r.newServer(ctx, nil)
	if err != nil {
		return err
	}
	defer s.stop()
	defer r.shared.drop(s.bucket)
	o := newHFObject(hfSize)
	ratios, err := interleaved(rounds, func(int) (float64, error) {
		took, err := seconds(func() error { return s.hfUpload(ctx, o) })
		r.say("2 GiB as Hugging Face uploads it: %.2f s", took)
		if err != nil {
			return 0, err
		}
		c, err := r.shared.client()
		if err != nil {
			return 0, err
		}
		// So that the next round uploads it again; the server forgets by restart.
		key := layout.Prefix(s.config.Storage.Prefix).Object(o.oid)
		if err := c.RemoveObject(ctx, s.bucket, key, minio.RemoveObjectOptions{}); err != nil {
			return 0, err
		}
		s.stop()
		return took, r.start(ctx, s)
	}, func(round int) (float64, error) {
		took, err := r.bareUpload(ctx, s.bucket, fmt.Sprint("bare/", round), o)
		r.say("2 GiB, bare parts, Complete and reading back: %.2f s", took)
		return took, err
	})
	if err != nil {
		return err
	}
	bar("hf-multipart-2gib-ratio", median(ratios))
	return nil
}

// hfUpload is batch, parts and completion.
func (s *lfsServer) hfUpload(ctx context.Context, o *hfObject) error {
	body, err := json.Marshal(map[string]any{
		"operation": "upload", "transfers": []string{"basic", "multipart"}, "hash_algo": "sha256",
		"objects": []object{{OID: o.oid, Size: hfSize}},
	})
	if err != nil {
		return err
	}
	c := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: hfAtOnce, DisableCompression: true}}
	defer c.CloseIdleConnections()
	raw, err := s.post(ctx, c, body)
	if err != nil {
		return err
	}
	var a answer
	if err := json.Unmarshal(raw, &a); err != nil {
		return err
	}
	if len(a.Objects) != 1 || a.Objects[0].Actions["upload"].Href == "" {
		return fmt.Errorf("no upload: %.300s", raw)
	}
	up := a.Objects[0].Actions["upload"]
	var size int64
	if _, err := fmt.Sscan(up.Header["chunk_size"], &size); err != nil {
		return fmt.Errorf("chunk_size: %w", err)
	}
	var keys []string
	for key := range up.Header {
		if strings.Trim(key, "0123456789") == "" {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	links := make([]string, len(keys))
	for i, key := range keys {
		links[i] = up.Header[key]
	}
	etags, err := putParts(ctx, c, links, size, o)
	if err != nil {
		return err
	}
	return complete(ctx, c, up.Href, o.oid, etags)
}

// putParts sends all parts and returns their ETags.
func putParts(ctx context.Context, c *http.Client, links []string, size int64, o *hfObject) ([]string, error) {
	if int64(len(links)) != (hfSize+size-1)/size {
		return nil, fmt.Errorf("%d parts of %d bytes", len(links), size)
	}
	etags := make([]string, len(links))
	return etags, each(ctx, hfAtOnce, len(links), func(ctx context.Context, i int) error {
		pos := int64(i) * size
		n := min(size, hfSize-pos)
		req, err := http.NewRequestWithContext(ctx, http.MethodPut, links[i], o.part(pos, n))
		if err != nil {
			return err
		}
		req.ContentLength = n
		resp, err := c.Do(req)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return fmt.Errorf("part %d: %s", i+1, resp.Status)
		}
		etags[i] = resp.Header.Get("ETag")
		return nil
	})
}

func complete(ctx context.Context, c *http.Client, href, oid string, etags []string) error {
	type part struct {
		PartNumber int    `json:"partNumber"`
		ETag       string `json:"etag"`
	}
	list := make([]part, len(etags))
	for i, etag := range etags {
		list[i] = part{i + 1, etag}
	}
	body, err := json.Marshal(map[string]any{"oid": oid, "parts": list})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, href, bytes.NewReader(body))
	if err != nil {
		return err
	}
	resp, err := c.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("complete: %s: %.300s", resp.Status, raw)
	}
	return err
}

// bareUpload is the same straight into the store, parts of the same size, and the
// proof: the object read back once and hashed. Making and removing the links does
// not count.
func (r *rig) bareUpload(ctx context.Context, bucket, key string, o *hfObject) (float64, error) {
	const size = 50e6
	core, err := r.shared.client()
	if err != nil {
		return 0, err
	}
	begin := time.Now()
	id, err := core.NewMultipartUpload(ctx, bucket, key, minio.PutObjectOptions{})
	if err != nil {
		return 0, err
	}
	var links []string
	for i := range (hfSize + int(size) - 1) / int(size) {
		u, err := core.Presign(ctx, http.MethodPut, bucket, key, time.Hour, map[string][]string{
			"partNumber": {fmt.Sprint(i + 1)}, "uploadId": {id},
		})
		if err != nil {
			return 0, err
		}
		links = append(links, u.String())
	}
	c := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: hfAtOnce, DisableCompression: true}}
	defer c.CloseIdleConnections()
	etags, err := putParts(ctx, c, links, size, o)
	if err != nil {
		return 0, err
	}
	list := make([]minio.CompletePart, len(etags))
	for i, etag := range etags {
		list[i] = minio.CompletePart{PartNumber: i + 1, ETag: strings.Trim(etag, `"`)}
	}
	if _, err := core.CompleteMultipartUpload(ctx, bucket, key, id, list, minio.PutObjectOptions{}); err != nil {
		return 0, err
	}
	if err := readBack(ctx, core, bucket, key, o.oid); err != nil {
		return 0, err
	}
	took := time.Since(begin).Seconds()
	return took, core.RemoveObject(ctx, bucket, key, minio.RemoveObjectOptions{})
}

func readBack(ctx context.Context, core *minio.Core, bucket, key, oid string) error {
	body, _, _, err := core.GetObject(ctx, bucket, key, minio.GetObjectOptions{})
	if err != nil {
		return err
	}
	defer body.Close()
	h := sha256.New()
	if _, err := io.Copy(h, body); err != nil {
		return err
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != oid {
		return fmt.Errorf("read back %s instead of %s", got, oid)
	}
	return nil
}
