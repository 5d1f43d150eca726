package lfsserver

import (
	"time"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/token"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/transfer"
	"github.com/lfs-operator/lfs-operator/internal/serverstatus"
)

// session makes the links of one batch for the host that the client used.
type session struct {
	snap      *snapshot
	host      *endpoint
	admission objectstore.Admission
	verifyURL string
	now       func() time.Time
}

var _ transfer.Session = (*session)(nil)

func newSession(snap *snapshot, host *endpoint, caps *serverstatus.Capabilities, now func() time.Time) *session {
	if host == nil {
		return &session{snap: snap, now: now}
	}
	return &session{
		snap: snap, host: host, now: now,
		admission: objectstore.NewAdmission(host.signer, snap.prefix, caps != nil && caps.SignedChecksum),
		verifyURL: host.base + root(snap.config.Repository) + "/verify",
	}
}

// Admit implements transfer.Session.
func (s *session) Admit(o transfer.Object, expires time.Duration) (objectstore.Upload, error) {
	return s.admission.Grant(o.OID, o.Size, expires)
}

// Fetch implements transfer.Session.
func (s *session) Fetch(o transfer.Object, expires time.Duration) (string, error) {
	return s.host.signer.PresignGet(s.snap.prefix.Object(o.OID), expires, "")
}

// Verify implements transfer.Session. The link carries a token of its own, since
// git-lfs adds no credentials to it.
func (s *session) Verify(o transfer.Object, expires time.Duration) (*transfer.Action, error) {
	t, err := s.snap.keys.Seal(token.Claims{
		Operation: token.OperationVerify, Repository: s.snap.config.Repository.UID,
		OID: o.OID, Size: o.Size, Expires: s.now().Add(expires),
	})
	if err != nil {
		return nil, err
	}
	return &transfer.Action{
		Href: s.verifyURL, Header: map[string]string{"Authorization": "Bearer " + t},
		ExpiresIn: int64(expires / time.Second),
	}, nil
}
