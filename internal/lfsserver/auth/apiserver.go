package auth

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
)

// apiServerName is what clients are told of it.
const apiServerName = "the Kubernetes API server"

// errMayNotReview: the server's own ServiceAccount is not allowed to ask.
var errMayNotReview = errors.New("this server may not ask for reviews; the operator grants it that, look at its log")

// apiServer asks for reviews. Two small requests need no client library, which
// would weigh more than all of this server.
type apiServer struct {
	url string
	// dir holds the server's own token and the API server's CA. Both are read
	// anew for each request, since they rotate.
	dir string

	mu     sync.Mutex
	ca     []byte
	client *http.Client
}

// userInfo is whose a token is (authentication.k8s.io/v1, UserInfo).
type userInfo struct {
	Username string              `json:"username"`
	UID      string              `json:"uid,omitempty"`
	Groups   []string            `json:"groups,omitempty"`
	Extra    map[string][]string `json:"extra,omitempty"`
}

// tokenReview asks whose a token is that was made for an audience
// (authentication.k8s.io/v1, TokenReview). A token that is no good is
// ErrBadCredentials.
func (a *apiServer) tokenReview(ctx context.Context, token, audience string) (*userInfo, error) {
	type spec struct {
		Token     string   `json:"token"`
		Audiences []string `json:"audiences,omitempty"`
	}
	var answer struct {
		Status struct {
			Authenticated bool     `json:"authenticated"`
			User          userInfo `json:"user"`
			Audiences     []string `json:"audiences"`
		} `json:"status"`
	}
	var audiences []string
	if audience != "" {
		audiences = []string{audience}
	}
	err := a.post(ctx, "/apis/authentication.k8s.io/v1/tokenreviews", review{
		APIVersion: "authentication.k8s.io/v1", Kind: "TokenReview", Spec: spec{token, audiences},
	}, &answer)
	switch {
	case err != nil:
		return nil, err
	case !answer.Status.Authenticated:
		return nil, fmt.Errorf("%w: the API server does not know this ServiceAccount token, or not for audience %q", ErrBadCredentials, audience)
	case audience != "" && !slices.Contains(answer.Status.Audiences, audience):
		// One that knows nothing of audiences has not looked at them.
		return nil, &UnavailableError{Who: apiServerName, Err: errors.New("it does not look at audiences")}
	}
	return &answer.Status.User, nil
}

// accessReview asks whether a user may do something with the LFSRepository
// (authorization.k8s.io/v1, LocalSubjectAccessReview). The local one needs a
// permission in this namespace alone.
func (a *apiServer) accessReview(ctx context.Context, user *userInfo, verb string, repo serverconfig.Repository) (bool, error) {
	type attributes struct {
		Namespace string `json:"namespace"`
		Verb      string `json:"verb"`
		Group     string `json:"group"`
		Resource  string `json:"resource"`
		Name      string `json:"name"`
	}
	type spec struct {
		ResourceAttributes attributes          `json:"resourceAttributes"`
		User               string              `json:"user"`
		UID                string              `json:"uid,omitempty"`
		Groups             []string            `json:"groups,omitempty"`
		Extra              map[string][]string `json:"extra,omitempty"`
	}
	var answer struct {
		Status struct {
			Allowed bool `json:"allowed"`
			Denied  bool `json:"denied"`
		} `json:"status"`
	}
	err := a.post(ctx, "/apis/authorization.k8s.io/v1/namespaces/"+repo.Namespace+"/localsubjectaccessreviews", review{
		APIVersion: "authorization.k8s.io/v1", Kind: "LocalSubjectAccessReview",
		Metadata: &metadata{Namespace: repo.Namespace},
		Spec: spec{
			attributes{repo.Namespace, verb, "lfs-operator.dev", "lfsrepositories", repo.Name},
			user.Username, user.UID, user.Groups, user.Extra,
		},
	}, &answer)
	return answer.Status.Allowed && !answer.Status.Denied, err
}

// check finds out whether both reviews may be asked for, with the server's own
// token as the subject.
func (a *apiServer) check(ctx context.Context, repo serverconfig.Repository) error {
	token, err := a.ownToken()
	if err != nil {
		return err
	}
	user, err := a.tokenReview(ctx, token, "")
	if err != nil {
		return err
	}
	_, err = a.accessReview(ctx, user, verbs[0].verb, repo)
	return err
}

// review is an object that the API server fills in and does not keep.
type review struct {
	APIVersion string    `json:"apiVersion"`
	Kind       string    `json:"kind"`
	Metadata   *metadata `json:"metadata,omitempty"`
	Spec       any       `json:"spec"`
}

type metadata struct {
	Namespace string `json:"namespace"`
}

// post sends a review. Every failure is an *UnavailableError: none says anything
// about the token in question.
func (a *apiServer) post(ctx context.Context, path string, r review, answer any) error {
	if err := a.try(ctx, path, r, answer); err != nil {
		return &UnavailableError{Who: apiServerName, Err: err}
	}
	return nil
}

func (a *apiServer) try(ctx context.Context, path string, r review, answer any) error {
	token, err := a.ownToken()
	if err != nil {
		return err
	}
	client, err := a.httpClient()
	if err != nil {
		return err
	}
	body, err := json.Marshal(r)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, a.url+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "lfs-server")
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusOK, http.StatusCreated:
		return json.NewDecoder(io.LimitReader(resp.Body, maxDocument)).Decode(answer)
	case http.StatusUnauthorized, http.StatusForbidden:
		return fmt.Errorf("%s: %w", r.Kind, errMayNotReview)
	}
	return fmt.Errorf("%s: status %d", r.Kind, resp.StatusCode)
}

func (a *apiServer) ownToken() (string, error) {
	b, err := os.ReadFile(filepath.Join(a.dir, serverconfig.KubernetesToken))
	if err != nil {
		return "", errors.New("the server's own ServiceAccount token is not mounted (yet)")
	}
	return strings.TrimSpace(string(b)), nil
}

// httpClient trusts the mounted CA and nobody else. A new CA makes a new client.
func (a *apiServer) httpClient() (*http.Client, error) {
	ca, err := os.ReadFile(filepath.Join(a.dir, serverconfig.KubernetesCA))
	if err != nil {
		return nil, errors.New("the certificate authority of the API server is not mounted (yet)")
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.client == nil || !bytes.Equal(ca, a.ca) {
		if a.client != nil {
			a.client.CloseIdleConnections()
		}
		a.ca, a.client = ca, httpsClient(ca, false)
	}
	return a.client, nil
}
