package lfsserver

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver/auth"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/batch"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/policy"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/transfer"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/upload"
)

// uploads is the engine of multipart uploads for one request.
func (s *Server) uploads(c *call) *upload.Service {
	return &upload.Service{
		Store: c.store.bucket, Prefix: c.prefix, Guard: c.store.guard, Proofs: s.proofs, Now: s.now,
		Publisher: objectstore.NewPublisher(c.store.bucket, c.prefix),
	}
}

// finished answers complete and verify, in KohakuHub's words; all other clients
// look at the status alone.
type finished struct {
	Success bool   `json:"success"`
	Message string `json:"message"`
	OID     string `json:"oid"`
	Size    int64  `json:"size"`
	ETag    string `json:"etag,omitempty"`
}

// verify answers whether an uploaded object has arrived, and finishes a multipart
// upload for clients that have no other way to say that they are done.
func (s *Server) verify(c *call) error {
	t, err := s.target(c, policy.Verify)
	if err != nil {
		return err
	}
	var info objectstore.Info
	err = s.inTurn(c, func(ctx context.Context) (err error) {
		info, err = s.service(c, nil, auth.Anonymous).Verify(ctx, t.OID, t.Size)
		return err
	})
	if errors.Is(err, batch.ErrAbsent) && t.Ref.Client != "" {
		info, err = s.finish(c, t)
	}
	if errors.Is(err, upload.ErrNone) {
		err = batch.ErrAbsent
	}
	if err != nil {
		return c.worded(s.troubled(err))
	}
	s.usage.Changed()
	s.auditObjects(c, auditUploadFinished, t.OID)
	if transfer.IsGitAgent(c.r.UserAgent()) {
		// git-lfs does not read the answer, and its connection is good for the
		// next request only where there is nothing to read.
		c.w.WriteHeader(http.StatusOK)
		return nil
	}
	return writeJSON(c.w, http.StatusOK, finished{Success: true, Message: "Object verified", OID: t.OID, Size: t.Size, ETag: info.ETag})
}

// complete finishes a multipart upload; GET says how far it has come.
func (s *Server) complete(c *call) error {
	if c.r.Method == http.MethodGet {
		return s.state(c)
	}
	t, err := s.target(c, policy.Complete)
	if err != nil {
		return c.worded(err)
	}
	info, err := s.finish(c, t)
	if err != nil {
		return c.worded(s.troubled(err))
	}
	s.usage.Changed()
	s.auditObjects(c, auditUploadFinished, t.OID)
	return writeJSON(c.w, http.StatusOK, finished{
		Success: true, Message: "Multipart upload completed", OID: t.OID, Size: t.Size, ETag: info.ETag,
	})
}

// abort throws a multipart upload away.
func (s *Server) abort(c *call) error {
	c.info.operation, c.info.objects = "abort", 1
	id, err := s.identifyBy(c, c.tail)
	if err != nil {
		return err
	}
	if err := permit(c, id, policy.Abort); err != nil {
		return err
	}
	ref, ok := refOf(c, id)
	if !ok || id.Action == nil {
		return errDenied
	}
	if err := s.serving(c); err != nil {
		return err
	}
	err = s.inTurn(c, func(ctx context.Context) error { return s.uploads(c).Abort(ctx, id.Action.OID, ref) })
	if err != nil {
		return s.troubled(err)
	}
	s.auditObjects(c, auditUploadAborted, id.Action.OID)
	c.w.WriteHeader(http.StatusNoContent)
	return nil
}

// stateAnswer is how far an upload has come, with fresh links for the rest: for
// agents that see nothing of a batch but the link of its upload action.
type stateAnswer struct {
	OID       string `json:"oid"`
	Size      int64  `json:"size"`
	ChunkSize int64  `json:"chunk_size"`
	// Assembled: nothing is missing but the completion.
	Assembled bool        `json:"assembled"`
	Parts     []statePart `json:"parts"`
	ExpiresIn int64       `json:"expires_in"`
}

type statePart struct {
	PartNumber int    `json:"partNumber"`
	Pos        int64  `json:"pos"`
	Size       int64  `json:"size"`
	Done       bool   `json:"done"`
	ETag       string `json:"etag,omitempty"`
	Href       string `json:"href,omitempty"`
}

func (s *Server) state(c *call) error {
	c.info.operation, c.info.objects = "state", 1
	id, err := s.identifyBy(c, c.tail)
	if err != nil {
		return err
	}
	if err := permit(c, id, policy.Complete); err != nil {
		return err
	}
	ref, ok := refOf(c, id)
	if !ok || id.Action == nil {
		return errDenied
	}
	host, err := c.endpoint()
	if err != nil {
		return err
	}
	if err := s.serving(c); err != nil {
		return err
	}
	var u *upload.Upload
	err = s.inTurn(c, func(ctx context.Context) (err error) {
		u, err = s.uploads(c).Look(ctx, id.Action.OID, ref)
		return err
	})
	if err != nil {
		return s.troubled(err)
	}
	return s.writeState(c, s.session(c, host, id), u)
}

func (s *Server) writeState(c *call, links *session, u *upload.Upload) error {
	life := links.Life(u.Size)
	parts, err := links.parts(u, life)
	if err != nil {
		return err
	}
	a := stateAnswer{OID: u.OID, Size: u.Size, ChunkSize: u.PartSize, Assembled: u.Assembled, ExpiresIn: int64(life / time.Second)}
	a.Parts = make([]statePart, len(parts))
	for i, p := range parts {
		a.Parts[i] = statePart{PartNumber: i + 1, Pos: p.Pos, Size: p.Size, Done: p.Done}
		if !p.Done {
			a.Parts[i].Href = p.URL
		}
	}
	for _, p := range u.Done {
		a.Parts[p.Number-1].ETag = p.ETag
	}
	return writeJSON(c.w, http.StatusOK, a)
}

// target finds out what is to be finished, and whether whoever asks may.
func (s *Server) target(c *call, op policy.Operation) (upload.Target, error) {
	c.info.operation, c.info.objects = string(op), 1
	// A secret in the path or header decides before anything is read; one in the
	// body only comes with it.
	if c.tail != "" || c.r.Header.Get("Authorization") != "" || c.queryToken() != "" {
		id, err := s.identifyBy(c, c.tail)
		if err != nil {
			return upload.Target{}, err
		}
		if err := permitSome(c, id, op); err != nil {
			return upload.Target{}, err
		}
	}
	req, err := upload.Decode(http.MaxBytesReader(c.w, c.r.Body, upload.MaxBody))
	if err != nil {
		return upload.Target{}, err
	}
	id, err := s.identifyBy(c, c.tail, req.Upload)
	if err != nil {
		return upload.Target{}, err
	}
	if err := permitSome(c, id, op); err != nil {
		return upload.Target{}, err
	}
	t, err := targetOf(c, id, req)
	if err != nil {
		return t, err
	}
	if err := permit(c, id, op, t.OID); err != nil {
		return t, err
	}
	return t, s.serving(c)
}

// targetOf compares a request with the claims of its token, which say all that is
// needed; without a token the body has to.
func targetOf(c *call, id auth.Identity, req *upload.Request) (upload.Target, error) {
	t := upload.Target{OID: req.OID}
	if c.isAPI() {
		t.Parts = req.Parts
	}
	t.Ref, _ = refOf(c, id)
	if id.Action != nil {
		if (req.OID != "" && req.OID != id.Action.OID) || (req.Size != nil && *req.Size != id.Action.Size) {
			return t, errOtherObject
		}
		t.OID, t.Size = id.Action.OID, id.Action.Size
		return t, nil
	}
	if req.OID == "" || req.Size == nil {
		return t, batch.ErrOID
	}
	t.Size = *req.Size
	return t, nil
}

// refOf names the upload that an identity is about: the one of its token, or
// whichever the owner of an access token has begun.
func refOf(c *call, id auth.Identity) (upload.Ref, bool) {
	if id.Action != nil {
		return upload.ParseRef(id.Action.Upload)
	}
	return upload.Ref{Client: upload.ClientOf(c.config.Repository.UID, id.Principal())}, true
}

// identifyBy is identify for requests whose secret may stand in the path or body
// as well: the first that there is decides. A token of the path comes before a
// header, since the link was made for this one upload.
func (s *Server) identifyBy(c *call, path string, body ...string) (auth.Identity, error) {
	secret := path
	if secret == "" && c.r.Header.Get("Authorization") == "" && c.queryToken() == "" {
		for _, b := range body {
			secret = b
		}
	}
	if secret == "" {
		return s.identify(c)
	}
	id, err := c.auth.ActionToken(secret, s.now())
	if err == nil {
		c.info.principal, c.info.grantor = id.Principal(), id.Action.By
	}
	return id, err
}

// isAPI is true for KohakuHub's paths.
func (c *call) isAPI() bool { return strings.HasPrefix(c.r.URL.Path, apiPrefix+"/") }

// worded gives KohakuHub's clients the status that its documentation names: 400
// for a size or a list of parts that does not fit.
func (c *call) worded(err error) error {
	var missing *upload.MissingError
	if c.isAPI() && (errors.Is(err, batch.ErrSize) || errors.Is(err, errOtherObject) || errors.As(err, &missing)) {
		return &statusError{status: http.StatusBadRequest, message: toStatus(err).message, cause: err}
	}
	return err
}
