package lfsserver

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver/auth"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/locks"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/policy"
)

// maxLockBody in bytes of any request about locks: a path and a ref, in JSON.
const maxLockBody = 64 << 10

// lockAnswer is a lock as clients see it (git-lfs, docs/api/locking.md).
type lockAnswer struct {
	ID       string    `json:"id"`
	Path     string    `json:"path"`
	LockedAt time.Time `json:"locked_at"`
	Owner    lockOwner `json:"owner"`
}

type lockOwner struct {
	Name string `json:"name"`
}

func answerLock(l locks.Lock) lockAnswer {
	return lockAnswer{ID: l.ID, Path: l.Path, LockedAt: l.LockedAt, Owner: lockOwner{Name: printable(l.Owner)}}
}

// printable leaves out of a name what would write elsewhere on the terminal that
// shows it: an issuer's subject can hold anything.
func printable(name string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return -1
		}
		return r
	}, clip(name, maxName))
}

// maxName in bytes of a principal that is shown.
const maxName = 500

// answerLocks is never null.
func answerLocks(list []locks.Lock) []lockAnswer {
	out := make([]lockAnswer, len(list))
	for i, l := range list {
		out[i] = answerLock(l)
	}
	return out
}

// locks lists locks, or takes one.
func (s *Server) locks(c *call) error {
	if c.r.Method == http.MethodPost {
		return s.lock(c)
	}
	return s.listLocks(c)
}

// lock takes a lock. 409 has the one that is in the way.
func (s *Server) lock(c *call) error {
	var req struct {
		Path string  `json:"path"`
		Ref  lockRef `json:"ref"`
	}
	var l locks.Lock
	_, err := s.lockTurn(c, policy.Lock, &req, func(ctx context.Context, who string) (err error) {
		l, err = s.lockService(c).Create(ctx, req.Path, who, string(req.Ref))
		return err
	})
	var held *locks.HeldError
	if errors.As(err, &held) {
		return writeJSON(c.w, http.StatusConflict, struct {
			Lock lockAnswer `json:"lock"`
			errorBody
		}{answerLock(held.Lock), errorBody{Message: held.Error(), RequestID: c.info.id}})
	}
	if err != nil {
		return s.troubled(err)
	}
	s.auditLock(c, auditLock, l)
	return writeJSON(c.w, http.StatusCreated, lockBody{answerLock(l)})
}

type lockBody struct {
	Lock lockAnswer `json:"lock"`
}

// listLocks answers with a page of locks, or with the one on a path or of an ID.
// refspec selects nothing: a lock holds on every ref.
func (s *Server) listLocks(c *call) error {
	var page locks.Page
	_, err := s.lockTurn(c, policy.ListLocks, nil, func(ctx context.Context, _ string) (err error) {
		page, err = s.findLocks(ctx, c)
		return err
	})
	if err != nil {
		return s.troubled(err)
	}
	c.info.objects = len(page.Locks)
	return writeJSON(c.w, http.StatusOK, struct {
		Locks      []lockAnswer `json:"locks"`
		NextCursor string       `json:"next_cursor,omitempty"`
	}{answerLocks(page.Locks), page.Next})
}

// findLocks looks for what the query of a listing asks for.
func (s *Server) findLocks(ctx context.Context, c *call) (page locks.Page, err error) {
	q, service, limit := c.r.URL.Query(), s.lockService(c), 0
	if v := q.Get("limit"); v != "" {
		if limit, err = strconv.Atoi(v); err != nil || limit < 0 {
			return page, errLockLimit
		}
	}
	switch path, id := q.Get("path"), q.Get("id"); {
	case id != "":
		page.Locks, err = service.ByID(ctx, id)
	case path != "":
		page.Locks, err = service.ByPath(ctx, path)
	default:
		page, err = service.List(ctx, q.Get("cursor"), limit)
	}
	return page, err
}

// verifyLocks lists locks for a push: those of whoever asks, and those of others.
func (s *Server) verifyLocks(c *call) error {
	var req struct {
		Cursor string  `json:"cursor"`
		Limit  int     `json:"limit"`
		Ref    lockRef `json:"ref"`
	}
	var page locks.Page
	who, err := s.lockTurn(c, policy.VerifyLocks, &req, func(ctx context.Context, _ string) (err error) {
		if req.Limit < 0 {
			return errLockLimit
		}
		page, err = s.lockService(c).List(ctx, req.Cursor, req.Limit)
		return err
	})
	if err != nil {
		return s.troubled(err)
	}
	c.info.objects = len(page.Locks)
	ours, theirs := []lockAnswer{}, []lockAnswer{}
	for _, l := range page.Locks {
		if l.Owner == who {
			ours = append(ours, answerLock(l))
		} else {
			theirs = append(theirs, answerLock(l))
		}
	}
	return writeJSON(c.w, http.StatusOK, struct {
		Ours       []lockAnswer `json:"ours"`
		Theirs     []lockAnswer `json:"theirs"`
		NextCursor string       `json:"next_cursor,omitempty"`
	}{ours, theirs, page.Next})
}

// unlock releases a lock. Whoever may push may break another's with force, as
// users of git-lfs expect.
func (s *Server) unlock(c *call) error {
	lockID, ok := strings.CutSuffix(c.tail, "/unlock")
	if !ok || strings.Contains(lockID, "/") {
		return errNoRoute
	}
	var req struct {
		Force bool    `json:"force"`
		Ref   lockRef `json:"ref"`
	}
	var l locks.Lock
	who, err := s.lockTurn(c, policy.Unlock, &req, func(ctx context.Context, who string) (err error) {
		l, err = s.lockService(c).Release(ctx, lockID, who, req.Force)
		return err
	})
	if err != nil {
		return s.troubled(err)
	}
	action := auditUnlock
	if l.Owner != who {
		action = auditBreak
	}
	s.auditLock(c, action, l)
	return writeJSON(c.w, http.StatusOK, lockBody{answerLock(l)})
}

// lockTurn does what all requests about locks begin with: it finds out who asks,
// reads the body, if there is to be one, and runs do when it is their turn.
func (s *Server) lockTurn(c *call, op policy.Operation, body any, do func(ctx context.Context, who string) error) (who string, err error) {
	id, err := s.lockCaller(c, op)
	if err != nil {
		return "", err
	}
	if body != nil {
		if err := c.lockBody(body); err != nil {
			return "", err
		}
	}
	return id.Principal(), s.inTurn(c, func(ctx context.Context) error { return do(ctx, id.Principal()) })
}

// lockCaller finds out who asks, whether they may, and whether there is a store
// that can hold locks. Locks are served while draining: they are a part of pushes
// under way, and git-lfs does not ask again.
func (s *Server) lockCaller(c *call, op policy.Operation) (auth.Identity, error) {
	c.info.operation, c.info.objects = string(op), 1
	id, err := s.identify(c)
	if err != nil {
		return id, err
	}
	if err := permit(c, id, op); err != nil {
		return id, err
	}
	if caps := s.monitor.State().Store.Capabilities; caps != nil && !caps.ConditionalWrites {
		return id, errNoLocks
	}
	return id, s.awaitServing(c, s.options.LockPatience)
}

// awaitServing is serving for clients that ask only once: a store that comes back
// within that time was never away for them.
func (s *Server) awaitServing(c *call, patience time.Duration) error {
	end := time.After(patience)
	for {
		err := s.serving(c)
		if err == nil {
			return nil
		}
		select {
		case <-c.r.Context().Done():
			return err
		case <-end:
			return err
		case <-time.After(lockLook):
		}
	}
}

// lockLook is the time between two looks at whether the store is back.
const lockLook = 100 * time.Millisecond

func (s *Server) lockService(c *call) *locks.Service {
	return &locks.Service{Bucket: c.store.bucket, Prefix: c.prefix, Cache: c.store.locks, Now: s.now}
}

// lockBody reads a request's JSON object. None at all is an empty one.
func (c *call) lockBody(into any) error {
	if c.r.ContentLength == 0 {
		return nil
	}
	return c.readJSON(maxLockBody, into)
}

// lockRef is the name of a ref: {"name":…} or, as some clients have it, the bare
// name. Any other form is none.
type lockRef string

// UnmarshalJSON implements json.Unmarshaler and never fails.
func (r *lockRef) UnmarshalJSON(b []byte) error {
	var object struct {
		Name string `json:"name"`
	}
	var name string
	if json.Unmarshal(b, &object) == nil {
		name = object.Name
	} else if json.Unmarshal(b, &name) != nil {
		name = ""
	}
	*r = lockRef(name)
	return nil
}
