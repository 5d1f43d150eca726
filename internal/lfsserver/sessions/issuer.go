package sessions

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver/auth"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
	"github.com/lfs-operator/lfs-operator/internal/pause"
	"github.com/lfs-operator/lfs-operator/internal/storesession"
)

// Reviewer tells whose a token is (auth.Reviewer).
type Reviewer interface {
	ServiceAccount(ctx context.Context, token string) (string, error)
}

// Issuer makes sessions for the servers of one store. It keeps no state: any
// replica answers anybody, and a restart loses nothing.
type Issuer struct {
	// Store is the UID of the LFSStore whose grants count.
	Store string
	// GrantKey verifies them.
	GrantKey ed25519.PublicKey
	// Key returns the store's key as it is mounted now; false while it is not. Where STS
	// has a Token there is none.
	Key func() (objectstore.Credentials, bool)
	STS *STS
	// Reviewer says who asks.
	Reviewer Reviewer
	Log      *slog.Logger

	ready atomic.Bool
	turn  chan struct{}
}

// atOnce sessions are made, others wait: after a restart of all servers.
const atOnce = 8

// maxRequest bounds a request's body in bytes.
const maxRequest = 16 << 10

// Handler answers servers.
func (i *Issuer) Handler() http.Handler {
	i.turn = make(chan struct{}, atOnce)
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+storesession.Path, func(w http.ResponseWriter, r *http.Request) {
		answer, who, err := i.issue(w, r)
		if err != nil {
			i.refuse(w, who, err)
			return
		}
		i.Log.Info("session issued", "serviceAccount", who, "seconds", answer.ExpiresIn)
		write(w, http.StatusOK, answer)
	})
	return mux
}

// AdminHandler answers the kubelet. The issuer is ready once it has made a session.
func (i *Issuer) AdminHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { write(w, http.StatusOK, struct{}{}) })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if !i.ready.Load() {
			write(w, http.StatusServiceUnavailable, storesession.Problem{Message: "no session could be made yet; the log says why"})
			return
		}
		write(w, http.StatusOK, struct{}{})
	})
	return mux
}

// Try makes sessions that nobody gets until one is made: then the issuer is ready.
func (i *Issuer) Try(ctx context.Context) {
	nothing := storesession.Grant{Bucket: "none", Prefix: "none/"}.DownloadPolicy()
	said := ""
	for ctx.Err() == nil && !i.ready.Load() {
		err := errNoKey
		if key, ok := i.Key(); ok {
			_, err = i.STS.Assume(ctx, key, "lfs-operator", nothing)
		}
		if err == nil {
			i.ready.Store(true)
			i.Log.Info("the store makes sessions", "duration", time.Duration(i.STS.granted.Load()).String())
			return
		}
		if said != err.Error() {
			said = err.Error()
			i.Log.Warn("the store makes no session; trying again", "error", said)
		}
		_ = pause.For(ctx, tryEvery) // the loop looks at ctx
	}
}

const tryEvery = 2 * time.Second

var (
	errNoKey     = errors.New("the Secret with the store's key is missing, or lacks a key")
	errNotYours  = errors.New("the grant is another ServiceAccount's")
	errNoRequest = errors.New("a JSON body with a grant, and a ServiceAccount token in the header Authorization, are needed")
)

func (i *Issuer) issue(w http.ResponseWriter, r *http.Request) (answer storesession.Answer, who string, err error) {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	var req storesession.Request
	if !ok || json.NewDecoder(http.MaxBytesReader(w, r.Body, maxRequest)).Decode(&req) != nil {
		return answer, "", errNoRequest
	}
	// What costs nothing first: nobody without a grant makes us ask the API server.
	grant, err := storesession.Verify(req.Grant, i.GrantKey)
	if err != nil {
		return answer, "", err
	}
	if grant.Store != i.Store {
		return answer, "", fmt.Errorf("%w: it is for another store", storesession.ErrBadGrant)
	}
	select {
	case i.turn <- struct{}{}:
		defer func() { <-i.turn }()
	case <-r.Context().Done():
		return answer, "", r.Context().Err()
	}
	if who, err = i.Reviewer.ServiceAccount(r.Context(), token); err != nil {
		return answer, "", err
	}
	if who != grant.ServiceAccount {
		return answer, who, errNotYours
	}
	answer, err = i.assume(r.Context(), grant)
	return answer, who, err
}

// assume makes the three sessions of a grant.
func (i *Issuer) assume(ctx context.Context, grant storesession.Grant) (storesession.Answer, error) {
	key, ok := i.Key()
	if !ok {
		return storesession.Answer{}, errNoKey
	}
	name := sessionName(grant.ServiceAccount)
	answer, err := three(grant, func(policy string) (Session, error) { return i.STS.Assume(ctx, key, name, policy) })
	if err != nil {
		return answer, err
	}
	i.ready.Store(true)
	return answer, nil
}

// sessionName is what the API takes of a name: 2 to 64 of these characters.
func sessionName(serviceAccount string) string {
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' {
			return r
		}
		return '.'
	}, serviceAccount)
	return "lfs." + name[:min(len(name), 60)]
}

// refuse tells what is wrong. What the store or the API server said is for the
// servers' status, where the administrator reads it.
func (i *Issuer) refuse(w http.ResponseWriter, who string, err error) {
	status := http.StatusServiceUnavailable
	var away *auth.UnavailableError
	switch {
	case errors.Is(err, errNoRequest):
		status = http.StatusBadRequest
	case errors.Is(err, storesession.ErrBadGrant), errors.Is(err, errNotYours):
		status = http.StatusForbidden
	case errors.As(err, &away):
	case errors.Is(err, auth.ErrBadCredentials):
		status = http.StatusUnauthorized
	}
	i.Log.Warn("no session issued", "serviceAccount", who, "status", status, "error", err.Error())
	write(w, status, storesession.Problem{Message: err.Error()})
}

func write(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}
