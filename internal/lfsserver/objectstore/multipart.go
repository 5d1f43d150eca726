package objectstore

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/minio/minio-go/v7"
)

// Limits of multipart uploads (Amazon S3 user guide, "Amazon S3 multipart upload
// limits").
const (
	// MaxParts of one upload.
	MaxParts = 10_000
	// MinPartSize in bytes of every part but the last.
	MinPartSize = 5 << 20
	// MaxPartSize in bytes, and of what one PUT or one copy may move.
	MaxPartSize = 5 << 30
	// MaxObjectSize in bytes.
	MaxObjectSize = 5 << 40
)

// Part is one that the store holds.
type Part struct {
	// Number from 1 to MaxParts.
	Number int
	Size   int64
	// ETag without quotes.
	ETag string
}

// Multipart is the part of S3 that puts an object together. ErrNotFound of an
// upload means that it was completed or aborted.
type Multipart interface {
	// Create begins an upload to a key and returns its ID.
	Create(ctx context.Context, key string) (uploadID string, err error)
	// PutPart writes one part of size bytes; one of that number is replaced.
	PutPart(ctx context.Context, key, uploadID string, number int, body io.Reader, size int64) (Part, error)
	// ListParts returns the parts that are there, by number.
	ListParts(ctx context.Context, key, uploadID string) ([]Part, error)
	// Complete makes the object of exactly these parts. From then on no URL of
	// the upload writes anything. ErrPreconditionFailed: a part is no longer as
	// listed.
	Complete(ctx context.Context, key, uploadID string, parts []Part) error
	// Abort throws the upload and its parts away. One that is gone is no error.
	Abort(ctx context.Context, key, uploadID string) error
	// Copy copies an object within the bucket, at most MaxPartSize bytes, and
	// only while the source has that ETag (else ErrPreconditionFailed).
	Copy(ctx context.Context, srcKey, srcETag, dstKey string) error
	// CopyPart makes a part of size bytes of an object from offset on, under the
	// condition of Copy.
	CopyPart(ctx context.Context, srcKey, srcETag string, offset, size int64, dstKey, uploadID string, number int) (Part, error)
}

// Create implements Multipart.
func (s *S3) Create(ctx context.Context, key string) (string, error) {
	ctx, _ = withCall(ctx, "create-upload")
	id, err := s.core.NewMultipartUpload(ctx, s.bucket, key, minio.PutObjectOptions{ServerSideEncryption: s.sse})
	return id, s.writeFault("create upload", key, err)
}

// PutPart implements Multipart.
func (s *S3) PutPart(ctx context.Context, key, uploadID string, number int, body io.Reader, size int64) (Part, error) {
	ctx, _ = withCall(ctx, "put-part")
	p, err := s.core.PutObjectPart(ctx, s.bucket, key, uploadID, number, body, size,
		minio.PutObjectPartOptions{DisableContentSha256: true})
	if err != nil {
		return Part{}, fault("put part", key, err)
	}
	return Part{Number: number, Size: size, ETag: unquoted(p.ETag)}, nil
}

// ListParts implements Multipart.
func (s *S3) ListParts(ctx context.Context, key, uploadID string) ([]Part, error) {
	ctx, _ = withCall(ctx, "list-parts")
	var parts []Part
	for marker := 0; ; {
		page, err := s.core.ListObjectParts(ctx, s.bucket, key, uploadID, marker, 1000)
		if err != nil {
			return nil, fault("list parts", key, err)
		}
		for _, p := range page.ObjectParts {
			parts = append(parts, Part{Number: p.PartNumber, Size: p.Size, ETag: unquoted(p.ETag)})
		}
		if !page.IsTruncated {
			return parts, nil
		}
		if page.NextPartNumberMarker <= marker {
			return nil, fault("list parts", key, fmt.Errorf("the store repeats itself after part %d", marker))
		}
		marker = page.NextPartNumberMarker
	}
}

// Complete implements Multipart.
func (s *S3) Complete(ctx context.Context, key, uploadID string, parts []Part) error {
	ctx, _ = withCall(ctx, callComplete)
	list := make([]minio.CompletePart, len(parts))
	for i, p := range parts {
		list[i] = minio.CompletePart{PartNumber: p.Number, ETag: p.ETag}
	}
	_, err := s.core.CompleteMultipartUpload(ctx, s.bucket, key, uploadID, list, minio.PutObjectOptions{})
	return fault("complete upload", key, err)
}

// Abort implements Multipart.
func (s *S3) Abort(ctx context.Context, key, uploadID string) error {
	ctx, _ = withCall(ctx, "abort-upload")
	err := s.core.AbortMultipartUpload(ctx, s.bucket, key, uploadID)
	if err := fault("abort upload", key, err); err != nil && !isNotFound(err) {
		return err
	}
	return nil
}

// Copy implements Multipart.
func (s *S3) Copy(ctx context.Context, srcKey, srcETag, dstKey string) error {
	ctx, _ = withCall(ctx, callCopy)
	_, err := s.core.CopyObject(ctx, s.bucket, srcKey, s.bucket, dstKey, s.copyHeader(srcETag), minio.CopySrcOptions{}, minio.PutObjectOptions{})
	return s.writeFault("copy", srcKey, err)
}

// CopyPart implements Multipart.
func (s *S3) CopyPart(ctx context.Context, srcKey, srcETag string, offset, size int64, dstKey, uploadID string, number int) (Part, error) {
	ctx, _ = withCall(ctx, callCopy)
	p, err := s.core.CopyObjectPart(ctx, s.bucket, srcKey, s.bucket, dstKey, uploadID, number, offset, size, ifSourceIs(srcETag))
	if err != nil {
		return Part{}, fault("copy part", srcKey, err)
	}
	return Part{Number: number, Size: size, ETag: unquoted(p.ETag)}, nil
}

// ifSourceIs is the condition of a copy. minio-go's own options for it are not
// read by the calls used here.
func ifSourceIs(etag string) map[string]string {
	if etag == "" {
		return nil
	}
	return map[string]string{"x-amz-copy-source-if-match": `"` + etag + `"`}
}

func unquoted(etag string) string { return strings.Trim(etag, `"`) }
