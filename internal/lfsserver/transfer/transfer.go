// Package transfer holds the ways in which objects move between a client and the
// store: one file per dialect of the batch API, and negotiate.go, which chooses
// among them. A dialect turns an object that may be moved into the actions that
// its clients understand; whether it may be, and whether it is there, the batch
// has found out before.
package transfer

import (
	"context"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
)

// Object is one object of a batch, with a valid OID and size.
type Object struct {
	OID  string
	Size int64
}

// Action is a link of the batch API (git-lfs, docs/api/batch.md).
type Action struct {
	Href      string `json:"href"`
	Header    Header `json:"header,omitempty"`
	ExpiresIn int64  `json:"expires_in,omitempty"`
}

// Session is what a dialect works with during one batch.
type Session interface {
	// Life of the links to an object of that size: Lifetime, or less where the key
	// that signs them ends sooner.
	Life(size int64) time.Duration
	// Admit grants an upload by one PUT whose content is checked: by the store
	// itself, or by this server on its way there.
	Admit(o Object, expires time.Duration) (objectstore.Upload, error)
	// Fetch returns a URL that downloads the object.
	Fetch(o Object, expires time.Duration) (string, error)
	// AdmitBare is Admit for clients that send no headers of ours. It fails where
	// nobody checks such uploads (Rules.QuerySHA256).
	AdmitBare(o Object, expires time.Duration) (objectstore.Upload, error)
	// Resumable returns the link of an upload by tus to this server.
	Resumable(o Object, expires time.Duration) (string, error)
	// Verify returns the action that asks whether the object has arrived.
	Verify(o Object, expires time.Duration) (*Action, error)
	// Begin returns the multipart upload of an object: the one that this client
	// has begun, or a new one with parts of that size (within the limits of
	// stores). fresh asks for one whose parts can all be written.
	Begin(ctx context.Context, o Object, partSize int64, fresh bool, expires time.Duration) (*Multipart, error)
}

// Multipart is an upload in parts with the links that finish it. Its content is
// proven before the object counts as there.
type Multipart struct {
	// PartSize in bytes of every part but the last.
	PartSize int64
	// Parts of the object, all of them, in order; none of an empty object.
	Parts []Part
	// WantDigest lists the digests that whoever takes the parts would check, in the
	// form of RFC 3230; empty where nobody does.
	WantDigest string
	// Complete takes one POST without credentials and finishes the upload.
	Complete string
	// Verify does the same for clients that call it so, with a token in its
	// header; Token is that token.
	Verify *Action
	Token  string
	// VerifyBare is Verify with the token in the URL.
	VerifyBare string
	// Abort takes one DELETE without credentials.
	Abort string
}

// Part is a range of an object and the link that uploads it by one PUT without
// headers.
type Part struct {
	// Pos is where it begins, in bytes.
	Pos, Size int64
	URL       string
	// Done: it is in the store already.
	Done bool
}

// Dialect answers the objects of a batch in the words of one family of clients.
// Actions are any JSON object of objects: git-lfs fails a whole batch over an
// array or null in there.
type Dialect interface {
	// Name is the answer's "transfer".
	Name() string
	// Label names the dialect in logs and metrics.
	Label() string
	// MaxUpload is the largest object in bytes that Upload can move.
	MaxUpload() int64
	// Upload returns the actions for an object that is not there.
	Upload(ctx context.Context, s Session, o Object) (any, error)
	// Download returns the actions for an object that is there.
	Download(ctx context.Context, s Session, o Object) (any, error)
}

// Closer is a Dialect that adds something to the last upload of a batch: actions are
// what its Upload returned for that object.
type Closer interface {
	CloseBatch(s Session, o Object, actions any) error
}

// Lifetimes of actions. MaxLifetime is what garbage collection counts on: no
// link lives longer.
const (
	MinLifetime = time.Hour
	MaxLifetime = 12 * time.Hour
)

// slowest is the transfer rate that a lifetime leaves room for, in bytes per
// second: links are asked for batch by batch, so an object may also wait for
// those before it.
const slowest = 256 << 10

// Lifetime of a link to an object of that size.
func Lifetime(size int64) time.Duration {
	return min(MinLifetime+transferTime(size), MaxLifetime)
}

// Needs is what a link to an object of that size must live at least: the client may
// begin a while after it was given out.
func Needs(size int64) time.Duration { return startWithin + transferTime(size) }

// startWithin leaves room for the objects before it in the same batch.
const startWithin = 30 * time.Second

// transferTime of an object on a slow line, no more than MaxLifetime.
func transferTime(size int64) time.Duration {
	const most = int64(MaxLifetime / time.Second)
	return time.Duration(min(size/slowest, most)) * time.Second
}
