package lfsserver

import (
	"cmp"
	"context"
	"crypto/rand"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver/auth"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/token"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/transfer"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/upload"
	"github.com/lfs-operator/lfs-operator/internal/serverstatus"
)

// session makes the links of one batch for the host that the client used.
type session struct {
	snap      *snapshot
	host      *endpoint
	signer    *objectstore.URLSigner
	admission objectstore.Admission
	uploads   *upload.Service
	// who the client is, as auth.Identity.Principal names it, and by the word of
	// what it was let in.
	who, by string
	// root of the API in the client's URLs, and KohakuHub's spelling of it.
	root, apiRoot string
	now           func() time.Time
}

var _ transfer.Session = (*session)(nil)

func newSession(snap *snapshot, host *endpoint, caps *serverstatus.Capabilities, uploads *upload.Service, id auth.Identity) *session {
	s := &session{snap: snap, host: host, uploads: uploads, who: id.Principal(), by: id.Grantor(), now: uploads.Now}
	if host == nil {
		return s
	}
	caps = cmp.Or(caps, &serverstatus.Capabilities{})
	if s.signer = host.signer; caps.ObeysUnsigned {
		s.signer = s.signer.Guarded()
	}
	s.admission = objectstore.NewAdmission(s.signer, snap.prefix, *caps)
	r := root(snap.config.Repository)
	s.root, s.apiRoot = host.base+r, host.base+apiPrefix+r
	return s
}

// Admit implements transfer.Session.
func (s *session) Admit(o transfer.Object, expires time.Duration) (objectstore.Upload, error) {
	if s.snap.relays(o.Size) || s.tooLate(o.Size) {
		return s.relayed(o, expires)
	}
	return s.admission.Grant(o.OID, o.Size, expires)
}

// AdmitBare implements transfer.Session.
func (s *session) AdmitBare(o transfer.Object, expires time.Duration) (objectstore.Upload, error) {
	if s.snap.relays(o.Size) || s.tooLate(o.Size) {
		return s.relayed(o, expires)
	}
	return s.admission.GrantBare(o.OID, expires)
}

// relayed is the right to put an object through this server. Each link names an
// upload of its own: who sends it all at once gains nothing from another's parts.
func (s *session) relayed(o transfer.Object, expires time.Duration) (objectstore.Upload, error) {
	t, err := s.seal(token.OperationReceive, o, strings.ToLower(rand.Text()), expires)
	return objectstore.Upload{URL: s.root + "/content/" + t}, err
}

// Resumable implements transfer.Session. All links of a client name one upload, so
// that the next push goes on with it.
func (s *session) Resumable(o transfer.Object, expires time.Duration) (string, error) {
	t, err := s.seal(token.OperationReceive, o, upload.ClientOf(s.snap.config.Repository.UID, s.who), expires)
	return s.root + "/tus/" + t, err
}

// Fetch implements transfer.Session.
func (s *session) Fetch(o transfer.Object, expires time.Duration) (string, error) {
	if s.through(o.Size) {
		t, err := s.seal(token.OperationFetch, o, "", expires)
		return s.root + "/content/" + t, err
	}
	return s.signer.PresignGet(s.snap.prefix.Object(o.OID), expires, "")
}

// Verify implements transfer.Session. The link carries a token of its own, since
// git-lfs adds no credentials to it.
func (s *session) Verify(o transfer.Object, expires time.Duration) (*transfer.Action, error) {
	t, err := s.seal(token.OperationVerify, o, "", expires)
	if err != nil {
		return nil, err
	}
	return s.verifyWith(t, expires), nil
}

func (s *session) verifyWith(t string, expires time.Duration) *transfer.Action {
	return &transfer.Action{
		Href: s.root + "/verify", Header: transfer.Header{{Name: "Authorization", Value: "Bearer " + t}},
		ExpiresIn: int64(expires / time.Second),
	}
}

// Begin implements transfer.Session.
func (s *session) Begin(ctx context.Context, o transfer.Object, partSize int64, fresh bool, expires time.Duration) (*transfer.Multipart, error) {
	u, err := s.uploads.Begin(ctx, upload.Order{
		OID: o.OID, Size: o.Size, PartSize: upload.PartSize(o.Size, partSize), Fresh: fresh,
		Client: upload.ClientOf(s.snap.config.Repository.UID, s.who), By: s.who,
	})
	if err != nil {
		return nil, err
	}
	return s.multipart(u, expires)
}

// multipart makes the links of an upload.
func (s *session) multipart(u *upload.Upload, expires time.Duration) (*transfer.Multipart, error) {
	o := transfer.Object{OID: u.OID, Size: u.Size}
	parts, err := s.parts(u, expires)
	if err != nil {
		return nil, err
	}
	// Parts may be sent until their links end; what comes after them takes time.
	life := expires + transfer.VerifyAfter(o.Size)
	done, err := s.seal(token.OperationComplete, o, u.Ref.String(), life)
	if err != nil {
		return nil, err
	}
	abort, err := s.seal(token.OperationAbort, o, u.Ref.String(), life)
	if err != nil {
		return nil, err
	}
	want := ""
	if s.through(o.Size) {
		want = wantDigest
	}
	return &transfer.Multipart{
		PartSize: u.PartSize, Parts: parts, Token: done, WantDigest: want,
		Complete: s.root + "/complete/" + done, Verify: s.verifyWith(done, life),
		VerifyBare: s.apiRoot + "/verify/" + done, Abort: s.root + "/uploads/" + abort,
	}, nil
}

// parts of an upload with their links.
func (s *session) parts(u *upload.Upload, expires time.Duration) ([]transfer.Part, error) {
	parts := make([]transfer.Part, u.Count())
	for _, p := range u.Done {
		parts[p.Number-1].Done = true
	}
	for i := range parts {
		p := &parts[i]
		p.Pos, p.Size = u.Span(i + 1)
		p.Done = p.Done || u.Assembled
	}
	if u.Assembled {
		return parts, nil
	}
	return parts, s.signParts(u, parts, expires)
}

// manyParts are worth to be signed by all cores.
const manyParts = 500

// signParts makes the links, piece by piece: the links of a piece share the memory
// of one string.
func (s *session) signParts(u *upload.Upload, parts []transfer.Part, expires time.Duration) error {
	appendLink, err := s.partLinks(u, expires)
	if err != nil {
		return err
	}
	workers := 1
	if len(parts) >= manyParts {
		workers = runtime.GOMAXPROCS(0)
	}
	const piece = 64
	var next atomic.Int64
	var group sync.WaitGroup
	for range workers {
		group.Go(func() {
			var links []byte
			var ends [piece]int
			for from := int(next.Add(piece)) - piece; from < len(parts); from = int(next.Add(piece)) - piece {
				some := parts[from:min(from+piece, len(parts))]
				links = links[:0]
				for i := range some {
					links = appendLink(links, from+i+1)
					ends[i] = len(links)
				}
				all, begin := string(links), 0
				for i := range some {
					some[i].URL, begin = all[begin:ends[i]], ends[i]
				}
			}
		})
	}
	group.Wait()
	return nil
}

// partLinks makes the links of an upload's parts, by number: to the store, or to
// this server.
func (s *session) partLinks(u *upload.Upload, expires time.Duration) (appendLink func(b []byte, number int) []byte, err error) {
	if !s.through(u.Size) {
		links, err := s.signer.PresignParts(s.snap.prefix.Staging(u.ID), u.UploadID, expires)
		if err != nil {
			return nil, err
		}
		return links.Append, nil
	}
	t, err := s.seal(token.OperationPart, transfer.Object{OID: u.OID, Size: u.Size}, u.Ref.String(), expires)
	base := s.root + "/parts/" + t + "/"
	return func(b []byte, n int) []byte { return strconv.AppendInt(append(b, base...), int64(n), 10) }, err
}

// seal makes the token of a link.
func (s *session) seal(op token.Operation, o transfer.Object, ref string, expires time.Duration) (string, error) {
	return s.snap.keys.Seal(token.Claims{
		Operation: op, Repository: s.snap.config.Repository.UID,
		OID: o.OID, Size: o.Size, Expires: s.now().Add(expires), Upload: ref, By: s.by,
	})
}
