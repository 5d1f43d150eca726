package lfsserver

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver/auth"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/batch"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/gate"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/policy"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/presence"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/transfer"
	"github.com/lfs-operator/lfs-operator/internal/serverstatus"
)

// batch answers the batch API.
func (s *Server) batch(c *call) error {
	if s.draining.Load() {
		return errBusy("the server is restarting; try again", drainRetry(), nil)
	}
	id, err := s.identify(c)
	if err != nil {
		return err
	}
	if id.IsAnonymous() && !c.rules.AnonymousRead {
		return errCredentials(nil) // whatever the body says
	}
	if c.r.ContentLength > batch.MaxBody {
		return batch.ErrTooLarge // before a client that waits to be asked sends it
	}
	free, err := s.room(c)
	if err != nil {
		return err
	}
	defer free()
	body := bufio.NewReader(http.MaxBytesReader(c.w, c.r.Body, batch.MaxBody))
	key := batchKey(c.r, body)
	if err := s.gate.Refused(gate.Visit{Who: c.who(), Key: key}); err != nil {
		return err
	}
	req, err := batch.Decode(body)
	if err != nil {
		return err
	}
	c.info.operation, c.info.objects = req.Operation, len(req.Objects)
	if err := permit(c, id, policy.Operation(req.Operation), oidsOf(req)...); err != nil {
		return err
	}
	if c.config.Policy.ReadOnly && policy.Operation(req.Operation) == policy.Upload {
		return errReadOnly
	}
	host, err := c.endpoint()
	if err != nil {
		return err
	}
	if err := s.serving(c); err != nil {
		return err
	}
	leave, err := s.enterBatch(c, key, len(req.Objects))
	if err != nil {
		return err
	}
	defer leave()
	// The answer must be out before this: garbage collection waits no longer
	// for what a batch has seen.
	deadline := time.Now().Add(batch.Timeout)
	_ = http.NewResponseController(c.w).SetWriteDeadline(deadline)
	ctx, cancel := context.WithDeadline(c.r.Context(), deadline)
	defer cancel()
	resp, err := s.service(c, host, id).Do(ctx, req, c.r.UserAgent())
	leave()
	if err != nil {
		return s.troubled(err)
	}
	c.info.dialect = resp.Dialect
	s.metrics.observeObjects(req.Operation, resp)
	s.auditBatch(c, resp)
	answer, err := resp.AppendJSON(nil)
	if err != nil {
		return fmt.Errorf("encode the answer: %w", err)
	}
	return writeBody(c.w, http.StatusOK, answer)
}

// identify finds out who asks.
func (s *Server) identify(c *call) (auth.Identity, error) {
	var id auth.Identity
	var err error
	if secret := c.queryToken(); secret != "" {
		id, err = c.auth.JWT(c.r.Context(), secret, s.now())
	} else {
		id, err = c.auth.Authenticate(c.r, s.now())
	}
	if err == nil {
		c.info.principal = id.Principal()
		if id.Action != nil {
			c.info.grantor = id.Action.By
		}
	}
	return id, err
}

// queryToken is the JSON Web Token in the query, where the route takes one. A
// header comes first.
func (c *call) queryToken() string {
	if !c.query || c.r.URL.RawQuery == "" || c.r.Header.Get("Authorization") != "" {
		return ""
	}
	return c.r.URL.Query().Get("jwt")
}

// permit asks the policy about an operation on objects, or on the repository as
// a whole.
func permit(c *call, id auth.Identity, op policy.Operation, oids ...string) error {
	return c.answer(id, policy.Decide(c.rules, id, op, oids...))
}

// permitSome is for before the objects are known; permit has to follow.
func permitSome(c *call, id auth.Identity, op policy.Operation) error {
	return c.answer(id, policy.Possible(c.rules, id, op))
}

func (c *call) answer(id auth.Identity, v policy.Verdict) error {
	switch v {
	case policy.Allow:
		return nil
	case policy.Authenticate:
		return errCredentials(nil)
	}
	if id.Source == auth.SourceServiceAccount {
		return errVerbs(id.Name, c.config.Repository)
	}
	return errDenied
}

// oidsOf lists the objects of a batch.
func oidsOf(req *batch.Request) []string {
	oids := make([]string, len(req.Objects))
	for i, o := range req.Objects {
		oids[i] = o.OID
	}
	return oids
}

// endpoint finds the host that the client used. An unlisted one is 421: the
// request came to a server that does not speak for that name (RFC 9110, 15.5.20).
func (c *call) endpoint() (*endpoint, error) {
	if e := c.hosts.find(c.r.Host); e != nil {
		return e, nil
	}
	return nil, &statusError{status: http.StatusMisdirectedRequest, message: "this repository is not served under the host of the request's URL; use " +
		strings.Join(c.hosts.names, " or ")}
}

// serving refuses while the store is not ready, with the reason.
func (s *Server) serving(c *call) error {
	st := s.monitor.State()
	if c.store != nil && st.Serves(c.target.Location) {
		return nil
	}
	message := st.Store.Message
	if st.Store.Ready {
		message = "the configuration has changed and is being checked"
	}
	return errBusy("the object store cannot be used right now: "+message, 5*time.Second, nil)
}

// troubled has the store looked at when a request met its failure.
func (s *Server) troubled(err error) error {
	if e := toStatus(err); e.status == http.StatusTooManyRequests && e.cause != nil {
		s.monitor.Look()
	}
	return err
}

// service is the batch service for one request. host is nil where no links are
// made.
func (s *Server) service(c *call, host *endpoint, id auth.Identity) *batch.Service {
	return &batch.Service{
		Bucket: c.store.bucket, Prefix: c.prefix, Guard: c.store.guard, Lookups: s.lookups,
		Memory: c.store.memory, Quarantine: c.quarantine(), Absence: c.store.absence, Reserve: s.reserve(c),
		Session: s.session(c, host, id), Rules: c.transferRules(s.monitor.State().Store.Capabilities),
	}
}

// quarantine of garbage collection. Without one that can be read nothing is
// collected.
func (s *snapshot) quarantine() time.Duration {
	d, err := time.ParseDuration(s.config.GC.Quarantine)
	if err != nil {
		return presence.Lifetime
	}
	return d
}

// session makes links for whoever asks.
func (s *Server) session(c *call, host *endpoint, id auth.Identity) *session {
	return newSession(c.snapshot, host, s.monitor.State().Store.Capabilities, s.uploads(c), id)
}

// transferRules choose the dialect.
func (s *snapshot) transferRules(caps *serverstatus.Capabilities) transfer.Rules {
	m := s.config.Multipart
	return transfer.Rules{
		Override:  transfer.Override(m.Dialect),
		Threshold: cmp.Or(m.ThresholdBytes, transfer.DefaultThreshold), PartSize: cmp.Or(m.PartSizeBytes, transfer.DefaultPartSize),
		QuerySHA256: s.proxied() || caps != nil && caps.QuerySHA256,
	}
}

// drainRetry spreads the clients that come back.
func drainRetry() time.Duration { return time.Duration(1+rand.IntN(5)) * time.Second }
