package auth

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4/jwt"
	"golang.org/x/sync/singleflight"

	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
	"github.com/lfs-operator/lfs-operator/internal/serverstatus"
)

// Verbs on the LFSRepository that give a ServiceAccount a scope, the most first.
var verbs = []struct{ verb, scope string }{
	{"admin", serverconfig.ScopeAdmin},
	{"push", serverconfig.ScopeWrite},
	{"pull", serverconfig.ScopeRead},
}

const (
	// reviewFresh is how long a verdict of the API server is not asked for again:
	// a permission that is taken away, or a pod that is deleted, is heeded after
	// that.
	reviewFresh = time.Minute
	// reviewUsable is how long it stands in while the API server does not answer.
	// Never beyond the token's end.
	reviewUsable = 10 * time.Minute
	// refusedFresh is how long a refused token is refused without asking.
	refusedFresh = 10 * time.Second
	// maxReviews at the same time; others wait. The API server is everybody's.
	maxReviews = 4
)

// userPrefix begins the names of ServiceAccounts as users.
const userPrefix = "system:serviceaccount:"

// kubernetes verifies ServiceAccount tokens by asking the API server: a
// TokenReview says whose a token is, LocalSubjectAccessReviews what they may do
// with the LFSRepository.
//
// A token must be made for one audience alone, and that is this repository's: a
// token that opened the API server or anything else as well would be in danger
// wherever it is sent.
type kubernetes struct {
	revision   string
	audience   string
	repository serverconfig.Repository
	api        *apiServer

	// What the API server has said. Refusals are kept apart: whoever makes up
	// tokens must not push out those who are let in.
	allowed, refused *cache
	flight           singleflight.Group
	running          chan struct{}

	mu  sync.Mutex
	err error // of the last review
	// answered at least once.
	answered bool
}

func newKubernetes(revision string, s Setup) *kubernetes {
	return &kubernetes{
		revision: revision, audience: s.Access.Kubernetes.Audience, repository: s.Repository,
		api:     &apiServer{url: s.APIServer, dir: s.KubernetesDir},
		allowed: newCache("", maxCached), refused: newCache("", maxCached),
		running: make(chan struct{}, maxReviews),
	}
}

// takes is true for tokens that the API server should be asked about.
func (k *kubernetes) takes(c *claims) bool {
	return k != nil && len(c.Audience) == 1 && c.Audience[0] == k.audience && strings.HasPrefix(c.Subject, userPrefix)
}

// identify finds out whose a token is. c are its claims, which nobody has
// verified yet; they can only make the answer a refusal.
func (k *kubernetes) identify(ctx context.Context, secret string, c *claims, now time.Time) (Identity, error) {
	known, ok := k.allowed.get(secret, now)
	if ok && now.Before(known.fresh) {
		return known.id, nil
	}
	if refused, ok := k.refused.get(secret, now); ok {
		return Anonymous, refused.err
	}
	if c.Expiry == nil || !now.Before(c.Expiry.Time()) {
		return Anonymous, errClaims("%w", jwt.ErrExpired)
	}
	// One review serves all who wait for it, also when the first of them leaves.
	answer, err, _ := k.flight.Do(secret, func() (any, error) {
		return k.review(context.WithoutCancel(ctx), secret)
	})
	var away *UnavailableError
	switch {
	case err == nil:
		id := answer.(Identity)
		end := c.Expiry.Time()
		k.allowed.put(secret, cached{id: id, fresh: earliest(now.Add(reviewFresh), end), usable: earliest(now.Add(reviewUsable), end)}, now)
		return id, nil
	case errors.As(err, &away) && ok:
		return known.id, nil
	case !errors.As(err, &away):
		k.refused.put(secret, cached{err: err, usable: now.Add(refusedFresh)}, now)
	}
	return Anonymous, err
}

// review asks the API server.
func (k *kubernetes) review(ctx context.Context, secret string) (any, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	select {
	case k.running <- struct{}{}:
		defer func() { <-k.running }()
	case <-ctx.Done():
		return nil, &UnavailableError{Who: apiServerName, Err: errors.New("too many reviews at the same time")}
	}
	id, err := k.ask(ctx, secret)
	var away *UnavailableError
	k.note(err, errors.As(err, &away))
	return id, err
}

func (k *kubernetes) ask(ctx context.Context, secret string) (Identity, error) {
	user, err := k.api.tokenReview(ctx, secret, k.audience)
	if err != nil {
		return Anonymous, err
	}
	name, ok := strings.CutPrefix(user.Username, userPrefix)
	if !ok {
		return Anonymous, fmt.Errorf("%w: only ServiceAccounts of the cluster are let in", ErrBadCredentials)
	}
	id := Identity{Source: SourceServiceAccount, Name: strings.Replace(name, ":", "/", 1)}
	for _, v := range verbs {
		allowed, err := k.api.accessReview(ctx, user, v.verb, k.repository)
		if err != nil {
			return Anonymous, err
		}
		if allowed {
			id.Scope = v.scope
			break
		}
	}
	return id, nil
}

// note keeps what became of the last review.
func (k *kubernetes) note(err error, away bool) {
	if !away {
		err = nil // a refusal is an answer
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.err, k.answered = err, k.answered || err == nil
}

// look has the server's own token reviewed, until that has been answered: it may
// ask, or the reason why not is known before the first client comes.
func (k *kubernetes) look(ctx context.Context) {
	k.mu.Lock()
	well := k.answered && k.err == nil
	k.mu.Unlock()
	if well {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	err := k.api.check(ctx, k.repository)
	k.note(err, err != nil)
}

// problem says why nobody can be asked about, nil while they can.
func (k *kubernetes) problem() *serverstatus.AccessProblem {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.err == nil {
		return nil
	}
	reason := serverstatus.ReasonAPIServerUnreachable
	if errors.Is(k.err, errMayNotReview) {
		reason = serverstatus.ReasonReviewForbidden
	}
	return &serverstatus.AccessProblem{Source: GrantorKubernetes, Reason: reason, Message: fmt.Sprintf(
		"ServiceAccount tokens cannot be reviewed: %v. Those reviewed within the last %d minutes go on working.",
		k.err, int(reviewUsable.Minutes()))}
}
