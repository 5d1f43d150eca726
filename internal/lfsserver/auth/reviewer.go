package auth

import (
	"context"
	"fmt"
	"strings"
)

// Reviewer asks the Kubernetes API server whose a ServiceAccount token is, for
// programs that let ServiceAccounts in by their name alone.
type Reviewer struct {
	api      *apiServer
	audience string
}

// NewReviewer asks the API server at url with the token and the certificate
// authority in dir (serverconfig.KubernetesDir). Only tokens that were made for the
// audience count.
func NewReviewer(url, dir, audience string) *Reviewer {
	return &Reviewer{api: &apiServer{url: url, dir: dir}, audience: audience}
}

// ServiceAccount returns namespace/name of the token's ServiceAccount. It is
// ErrBadCredentials for a token that is no good, and an *UnavailableError where
// the API server gives no answer.
func (r *Reviewer) ServiceAccount(ctx context.Context, token string) (string, error) {
	user, err := r.api.tokenReview(ctx, token, r.audience)
	if err != nil {
		return "", err
	}
	name, ok := strings.CutPrefix(user.Username, userPrefix)
	if !ok {
		return "", fmt.Errorf("%w: only ServiceAccounts of the cluster are let in", ErrBadCredentials)
	}
	return strings.Replace(name, ":", "/", 1), nil
}
