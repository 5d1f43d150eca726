// Package objectstore is the server's and garbage collection's view of an S3
// bucket: a small interface, one implementation over minio-go, a presigner for
// clients, the probe that finds out what a store can do, and the one place that
// admits content to final keys.
//
// Stores differ more than their documentation says, so nothing here is assumed
// of a store that the probe has not seen it do.
package objectstore

import (
	"context"
	"errors"
	"io"
	"iter"
	"time"
)

// Errors that every implementation returns, wrapped with what was tried. They
// never hold a credential or a signed URL.
var (
	// ErrNotFound: no such key.
	ErrNotFound = errors.New("object not found")
	// ErrBucketMissing: no such bucket.
	ErrBucketMissing = errors.New("bucket does not exist")
	// ErrPreconditionFailed: If-Match or If-None-Match did not hold. After a
	// retried write, read the object again: a success can look like this.
	ErrPreconditionFailed = errors.New("precondition failed")
	// ErrNotModified: the object still has the ETag that the caller knows.
	ErrNotModified = errors.New("not modified")
	// ErrDenied: the store refuses the credentials or the operation.
	ErrDenied = errors.New("access denied by the store")
	// ErrUnavailable: the store could not be asked, or did not answer in time;
	// whether a write landed is not known.
	ErrUnavailable = errors.New("store unavailable")
)

// Info is what the store says of an object.
type Info struct {
	Key  string
	Size int64
	// ETag without quotes.
	ETag string
	// LastModified by the store's clock, to the second.
	LastModified time.Time
	// VersionID where the bucket is versioned.
	VersionID string
	// Date is the store's clock when it answered (zero for listings).
	Date time.Time
}

// Condition restricts a Put. The zero value restricts nothing.
type Condition struct {
	// IfAbsent: only when the key does not exist (If-None-Match: *).
	IfAbsent bool
	// IfMatch: only when the object has this ETag.
	IfMatch string
	// SHA256, where set (32 bytes): only this content. A store that was seen to
	// look at it (serverstatus.Capabilities, SignedChecksum) keeps nothing of any
	// other and answers ErrWrongContent.
	SHA256 []byte
}

// Bucket is the part of S3 that is needed for small objects and for looking
// after large ones. Every call honours the context's deadline.
type Bucket interface {
	// Put writes size bytes. The body is read once; nothing is retried after
	// its first byte has been sent, unless it is an io.Seeker.
	Put(ctx context.Context, key string, body io.Reader, size int64, cond Condition) (Info, error)
	// Get reads an object. With a non-empty knownETag it returns ErrNotModified
	// while the object still has it. The caller closes the body. Info.Date is also
	// set with ErrNotModified and ErrNotFound, where the store tells it.
	Get(ctx context.Context, key, knownETag string) (io.ReadCloser, Info, error)
	// Head returns what the store says of an object.
	Head(ctx context.Context, key string) (Info, error)
	// List yields the objects under a prefix in the store's order (that of UTF-8
	// bytes), beginning after the key startAfter. It ends with the first error.
	List(ctx context.Context, prefix, startAfter string) iter.Seq2[Info, error]
	// Delete removes a key, or exactly the version where versionID is set.
	// Deleting what is not there is no error.
	Delete(ctx context.Context, key, versionID string) error
}

// Ranger reads a part of an object.
type Ranger interface {
	Bucket
	// GetRange reads n bytes (at least 1) from offset on, which must lie within the
	// object. The caller closes the body.
	GetRange(ctx context.Context, key string, offset, n int64) (io.ReadCloser, error)
}

// Presigner makes URLs that work without credentials until they expire.
type Presigner interface {
	// PresignGet signs a download. name, where set, becomes the file name that a
	// browser saves it under.
	PresignGet(key string, expires time.Duration, name string) (url string, err error)
	// PresignPut signs an upload whose body must have exactly this SHA-256
	// (32 bytes) and length; the client must send header as given. The store
	// refuses anything else: the content is proven by the PUT itself.
	PresignPut(key string, sha256 []byte, size int64, expires time.Duration) (url string, header map[string]string, err error)
	// PresignDelete signs one DELETE that the store refuses after expires,
	// counted from at (the store's own clock): the fence of garbage collection.
	PresignDelete(key, versionID string, at time.Time, expires time.Duration) (url string, err error)
}

// UploadPresigner also makes the URLs of clients that send no headers of ours.
type UploadPresigner interface {
	Presigner
	// PresignPutQuery signs an upload whose body must have exactly this SHA-256
	// (32 bytes), for clients that send no headers of ours. Only some stores
	// look at it (serverstatus.Capabilities, QuerySHA256).
	PresignPutQuery(key string, sha256 []byte, expires time.Duration) (url string, err error)
	// PresignParts signs the uploads of parts. Their content is not bound to
	// anything, so it must not be of an upload to a final key.
	PresignParts(key, uploadID string, expires time.Duration) (*PartURLs, error)
}

// Store is a bucket in which objects can be put together.
type Store interface {
	Bucket
	Multipart
}
