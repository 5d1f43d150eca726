package sessions

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
	"github.com/lfs-operator/lfs-operator/internal/storesession"
)

// FromIssuer asks the issuer of a store's sessions.
func FromIssuer(from serverconfig.Sessions, tokenFile string) Source {
	return &fromIssuer{from: from, token: TokenFile(tokenFile)}
}

type fromIssuer struct {
	from  serverconfig.Sessions
	token func() (string, error)
}

// Name implements Source.
func (f *fromIssuer) Name() string { return f.from.URL + " " + f.from.Grant }

// toIssuers keeps no connection: an issuer is asked twice a day.
var toIssuers = &http.Client{Timeout: 3 * askWithin, Transport: &http.Transport{
	DialContext:       (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
	DisableKeepAlives: true,
}}

// maxAnswer bounds an answer in bytes; three session tokens have some thousand.
const maxAnswer = 256 << 10

// Ask implements Source.
func (f *fromIssuer) Ask(ctx context.Context) (*storesession.Answer, error) {
	token, err := f.token()
	if err != nil {
		return nil, err
	}
	body, err := json.Marshal(storesession.Request{Grant: f.from.Grant})
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, f.from.URL+storesession.Path, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("the address of the session issuer: %s", objectstore.PlainCause(err))
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	resp, err := toIssuers.Do(req)
	if err != nil {
		return nil, fmt.Errorf("the session issuer cannot be reached: %s", objectstore.PlainCause(err))
	}
	defer resp.Body.Close()
	in := json.NewDecoder(io.LimitReader(resp.Body, maxAnswer))
	if resp.StatusCode != http.StatusOK {
		var p storesession.Problem
		_ = in.Decode(&p)
		return nil, fmt.Errorf("the session issuer answers %d: %s", resp.StatusCode, p.Message)
	}
	answer := &storesession.Answer{}
	if err := in.Decode(answer); err != nil || answer.ExpiresIn <= 0 || answer.Own.AccessKeyID == "" {
		return nil, errors.New("the session issuer's answer holds no session")
	}
	return answer, nil
}

// TokenFile reads the token of the pod's own ServiceAccount anew each time, since it
// rotates.
func TokenFile(path string) func() (string, error) {
	return func() (string, error) {
		token, err := os.ReadFile(path)
		if err != nil {
			return "", errors.New("the token of the pod's own ServiceAccount is not mounted (yet)")
		}
		return strings.TrimSpace(string(token)), nil
	}
}
