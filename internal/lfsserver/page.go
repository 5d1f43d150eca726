package lfsserver

import (
	"context"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver/auth"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/page"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/policy"
)

// maxSignIn bounds the form in bytes; a JSON Web Token has a few thousand.
const maxSignIn = 32 << 10

const (
	// maxPageLocks are shown; git lfs locks has them all.
	maxPageLocks = 50
	// pageLockTimeout is how long a person waits for them before the page goes
	// without.
	pageLockTimeout = 3 * time.Second
)

// page is the repository's URL in a browser. Whatever does not ask for HTML gets
// what it always got.
//
// A visitor signs in with a form and not with a browser's dialog: what the browser
// then remembered it would also send when the page of somebody else makes it ask,
// and a POST of such a page could release a lock. The form's token is looked at
// for this one answer.
func (s *Server) page(c *call) error {
	if !wantsPage(c.r) {
		return errNoRoute
	}
	id, problem := s.visitor(c)
	v, err := s.view(c)
	if err != nil {
		return err
	}
	status := http.StatusOK
	if problem == nil && !id.IsAnonymous() {
		problem = permit(c, id, policy.Download)
	}
	if problem != nil {
		// 403: 401 would have to name a scheme, which opens a dialog.
		e := toStatus(problem)
		id, status, v.SignInProblem = auth.Anonymous, e.status, e.message
		if status == http.StatusUnauthorized {
			status, v.SignInProblem = http.StatusForbidden, "This token is not valid here, or not any more."
		}
	}
	if !id.IsAnonymous() {
		v.Visitor = id.Principal()
	}
	if permit(c, id, policy.Download) == nil {
		v.Inside = s.inside(c, id, v.URL)
		if err := s.serving(c); err != nil {
			v.Notice = toStatus(err).message
		} else if c.config.Policy.ReadOnly {
			v.Notice = errReadOnly.message
		}
	}
	h := c.w.Header()
	forgetBrowsers(h)
	body, err := page.Render(h, v, s.now())
	if err != nil {
		return err
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	c.w.WriteHeader(status)
	_, err = c.w.Write(body)
	return err
}

// wantsPage is true for a browser: it names HTML. Git, git-lfs and the libraries
// do not.
func wantsPage(r *http.Request) bool {
	if r.Method == http.MethodPost {
		kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
		if kind != "application/x-www-form-urlencoded" {
			return false
		}
	}
	for accepted := range strings.SplitSeq(strings.Join(r.Header.Values("Accept"), ","), ",") {
		kind, params, err := mime.ParseMediaType(accepted)
		if q, given := params["q"]; err == nil && kind == "text/html" {
			weight, err := strconv.ParseFloat(q, 64)
			return !given || (err == nil && weight > 0)
		}
	}
	return false
}

// visitor is whoever the form's token says, or the request's own credentials.
func (s *Server) visitor(c *call) (auth.Identity, error) {
	if c.r.Method != http.MethodPost {
		return s.identify(c)
	}
	c.r.Body = http.MaxBytesReader(c.w, c.r.Body, maxSignIn)
	if err := c.r.ParseForm(); err != nil {
		return auth.Anonymous, badRequest("The form could not be read.")
	}
	signed := *c
	signed.r = c.r.Clone(c.r.Context())
	signed.r.Header.Set("Authorization", "Bearer "+strings.TrimSpace(c.r.PostForm.Get("token")))
	return s.identify(&signed)
}

// pageLocks are the first locks, for visitors who may list them.
func (s *Server) pageLocks(c *call, id auth.Identity) page.Locks {
	if permit(c, id, policy.ListLocks) != nil {
		return page.Locks{Problem: "Sign in to see who holds a lock."}
	}
	if caps := s.monitor.State().Store.Capabilities; caps != nil && !caps.ConditionalWrites {
		return page.Locks{Problem: "Not offered: the object store lacks conditional writes."}
	}
	if s.serving(c) != nil {
		return page.Locks{Problem: "They cannot be read right now."}
	}
	ctx, cancel := context.WithTimeout(c.r.Context(), pageLockTimeout)
	defer cancel()
	found, err := s.lockService(c).List(ctx, "", maxPageLocks)
	if err != nil {
		return page.Locks{Problem: "They cannot be read right now."}
	}
	out := page.Locks{More: found.Next != ""}
	for _, l := range found.Locks {
		out.List = append(out.List, page.Lock{Path: l.Path, Owner: l.Owner, LockedAt: l.LockedAt})
	}
	return out
}
