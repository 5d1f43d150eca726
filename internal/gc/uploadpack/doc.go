// Package uploadpack asks a Git server for its refs and for a pack, over https,
// http and ssh (gitprotocol-pack, gitprotocol-http). It speaks the first version
// of the protocol, which every server knows and which can filter blobs as well as
// the second; the list of all refs, which the second avoids, is what is wanted here.
package uploadpack

import (
	"context"
	"errors"
	"io"

	"github.com/lfs-operator/lfs-operator/internal/gc/odb"
)

// Errors of a server that answers.
var (
	// ErrNotFound: there is no such repository, or not for these credentials.
	ErrNotFound = errors.New("repository not found")
	// ErrRefused: the credentials are missing, wrong, or not enough.
	ErrRefused = errors.New("the credentials are not accepted")
	// ErrNotGit: the answer is not that of a Git server.
	ErrNotGit = errors.New("the answer is not that of a Git server that speaks the smart protocol")
)

// Ref is a name and the object that it points at.
type Ref struct {
	Name string
	ID   odb.ID
}

// Advert is what a server says of a repository.
type Advert struct {
	// Refs without the peeled forms of tags.
	Refs   []Ref
	Format odb.Format
	// Shallow: the repository lacks a part of its history.
	Shallow bool
	caps    capabilities
}

// CanFilter says whether the server leaves blobs out when asked to.
func (a *Advert) CanFilter() bool { return a.caps.has("filter") }

// Session is a conversation about one repository: Refs, then at most one Fetch.
type Session interface {
	// Refs asks for every ref. An empty repository has none, which is no error.
	Refs(ctx context.Context) (*Advert, error)
	// Fetch asks for everything that the refs need, without blobs of at least
	// limit bytes where the server can filter. The pack must be read to its end.
	Fetch(ctx context.Context, a *Advert, limit int64) (io.ReadCloser, error)
	Close() error
}
