package objectstore

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/minio/minio-go/v7/pkg/encrypt"
)

// retries of a call that minio-go thinks worth it. Its own default is 10, which
// outlives every client that waits for us.
const retries = 3

// S3 is a Bucket over minio-go. Safe for concurrent use.
type S3 struct {
	core   *minio.Core
	bucket string
	region string
	http   *http.Client
	// ring and base are for direct.go; base is the URL that object keys follow.
	ring *keyring
	base url.URL

	encryption Encryption
	sse        encrypt.ServerSide // the same for minio-go
}

var (
	_ Store  = (*S3)(nil)
	_ Ranger = (*S3)(nil)
)

// NewS3 makes a client; it does not connect. transport is the connection pool,
// to be shared by clients of the same store; observe may be nil.
func NewS3(e Endpoint, c Credentials, transport http.RoundTripper, observe Observer) (*S3, error) {
	return NewS3From(e, Static(c), transport, observe)
}

// NewS3From is NewS3 with keys that may be replaced while it works.
func NewS3From(e Endpoint, keys KeySource, transport http.RoundTripper, observe Observer) (*S3, error) {
	lookup := minio.BucketLookupPath
	if e.VirtualHosted {
		lookup = minio.BucketLookupDNS
	}
	rt := newObserved(transport, observe)
	core, err := minio.NewCore(e.Host, &minio.Options{
		Creds:        credentials.New(&provider{source: keys}),
		Secure:       e.Secure,
		Transport:    rt,
		Region:       e.Region,
		BucketLookup: lookup,
		MaxRetries:   retries,
	})
	if err != nil {
		return nil, fmt.Errorf("store endpoint %s: %w", e, err)
	}
	sse, err := e.Encryption.serverSide()
	if err != nil {
		return nil, fmt.Errorf("store endpoint %s: %w", e, err)
	}
	base := url.URL{Scheme: e.scheme(), Host: e.authority(), Path: e.basePath()}
	return &S3{core: core, bucket: e.Bucket, region: e.Region, ring: newKeyring(e, keys), base: base,
		encryption: e.Encryption, sse: sse, http: &http.Client{
			Transport:     rt,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}}, nil
}

// Put implements Bucket. Info.LastModified stays zero, since S3 does not tell
// it in this answer; Date is the store's clock when it answered.
func (s *S3) Put(ctx context.Context, key string, body io.Reader, size int64, cond Condition) (Info, error) {
	// minio-go would sign chunk by chunk over http, which not every store
	// reads. A whole signed hash where the body is at hand, else none.
	opts := minio.PutObjectOptions{DisableContentSha256: true, ServerSideEncryption: s.sse}
	if cond.IfAbsent {
		opts.SetMatchETagExcept("*")
	}
	if cond.IfMatch != "" {
		opts.SetMatchETag(cond.IfMatch)
	}
	if cond.SHA256 != nil {
		opts.UserMetadata = map[string]string{HeaderChecksum: base64.StdEncoding.EncodeToString(cond.SHA256)}
	}
	sum := ""
	if b, ok := body.(io.ReadSeeker); ok {
		var err error
		if sum, err = hashOf(b); err != nil {
			return Info{}, fault("put", key, err)
		}
	}
	ctx, c := withCall(ctx, "put")
	up, err := s.core.PutObject(ctx, s.bucket, key, body, size, "", sum, opts)
	if err != nil {
		return Info{}, s.writeFault("put", key, err)
	}
	return Info{Key: key, Size: size, ETag: up.ETag, VersionID: up.VersionID, Date: c.date}, nil
}

// hashOf returns the hex SHA-256 of what is left to read and rewinds.
func hashOf(r io.ReadSeeker) (string, error) {
	at, err := r.Seek(0, io.SeekCurrent)
	if err != nil {
		return "", err
	}
	h := sha256.New()
	if _, err := io.Copy(h, r); err != nil {
		return "", err
	}
	_, err = r.Seek(at, io.SeekStart)
	return hex.EncodeToString(h.Sum(nil)), err
}

// Get implements Bucket.
func (s *S3) Get(ctx context.Context, key, knownETag string) (io.ReadCloser, Info, error) {
	ctx, c := withCall(ctx, "get")
	if body, info, plain, err := s.getDirect(ctx, key, knownETag, c); plain {
		return body, info, err
	}
	var opts minio.GetObjectOptions
	if knownETag != "" {
		if err := opts.SetMatchETagExcept(knownETag); err != nil {
			return nil, Info{}, fault("get", key, err)
		}
	}
	body, info, _, err := s.core.GetObject(ctx, s.bucket, key, opts)
	if err != nil {
		return nil, Info{}, s.denied(ctx, "get", key, fault("get", key, err))
	}
	return body, infoOf(info, key, c), nil
}

// GetRange implements Ranger.
func (s *S3) GetRange(ctx context.Context, key string, offset, n int64) (io.ReadCloser, error) {
	var opts minio.GetObjectOptions
	if err := opts.SetRange(offset, offset+n-1); err != nil {
		return nil, fault("get", key, err)
	}
	ctx, _ = withCall(ctx, "get")
	body, info, _, err := s.core.GetObject(ctx, s.bucket, key, opts)
	if err != nil {
		return nil, fault("get", key, err)
	}
	if info.Size != n {
		body.Close()
		return nil, fault("get", key, fmt.Errorf("the store answers a range of %d bytes with %d", n, info.Size))
	}
	return body, nil
}

// Head implements Bucket.
func (s *S3) Head(ctx context.Context, key string) (Info, error) {
	ctx, c := withCall(ctx, "head")
	if info, plain, err := s.headDirect(ctx, key, c); plain {
		return info, err
	}
	info, err := s.core.StatObject(ctx, s.bucket, key, minio.StatObjectOptions{})
	if err != nil {
		return Info{}, s.denied(ctx, "head", key, fault("head", key, err))
	}
	return infoOf(info, key, c), nil
}

func infoOf(o minio.ObjectInfo, key string, c *call) Info {
	return Info{Key: key, Size: o.Size, ETag: o.ETag, LastModified: o.LastModified, VersionID: o.VersionID, Date: c.date}
}

// List implements Bucket.
func (s *S3) List(ctx context.Context, prefix, startAfter string) iter.Seq2[Info, error] {
	return func(yield func(Info, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		ctx, _ = withCall(ctx, "list")
		opts := minio.ListObjectsOptions{Prefix: prefix, StartAfter: startAfter, Recursive: true}
		for o := range s.core.ListObjectsIter(ctx, s.bucket, opts) {
			if o.Err != nil {
				yield(Info{}, fault("list", prefix, o.Err))
				return
			}
			if !yield(Info{Key: o.Key, Size: o.Size, ETag: o.ETag, LastModified: o.LastModified, VersionID: o.VersionID}, nil) {
				return
			}
		}
		// The iterator of minio-go ends silently when the context does.
		if err := ctx.Err(); err != nil {
			yield(Info{}, fault("list", prefix, err))
		}
	}
}

// Delete implements Bucket.
func (s *S3) Delete(ctx context.Context, key, versionID string) error {
	ctx, _ = withCall(ctx, "delete")
	err := fault("delete", key, s.core.RemoveObject(ctx, s.bucket, key, minio.RemoveObjectOptions{VersionID: versionID}))
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}

// CreateBucket makes the bucket; one that is ours already is no error.
func (s *S3) CreateBucket(ctx context.Context) error {
	ctx, _ = withCall(ctx, "create-bucket")
	err := s.core.MakeBucket(ctx, s.bucket, minio.MakeBucketOptions{Region: s.region})
	var resp minio.ErrorResponse
	if errors.As(err, &resp) && resp.Code == "BucketAlreadyOwnedByYou" {
		return nil
	}
	return fault("create bucket", s.bucket, err)
}

// Do sends a presigned request, the way a client of ours would, once and
// without following redirects. The caller closes the body.
func (s *S3) Do(req *http.Request, name string) (*http.Response, error) {
	ctx, _ := withCall(req.Context(), name)
	resp, err := s.http.Do(req.WithContext(ctx))
	if err != nil {
		return nil, fault(name, "", err)
	}
	return resp, nil
}
