package poll

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"reflect"
	"sync"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/serverstatus"
)

// maxAnswer bounds what is read of an answer, in bytes.
const maxAnswer = 1 << 20

// ErrRefused: the server knows another token, as in a configuration from before
// the operator's key was replaced.
var ErrRefused = errors.New("the server does not accept the operator's token; it has not loaded its new configuration yet")

// Ask asks servers now, beside any schedule and all at once.
func (p *Poller) Ask(targets []Target, token string) []Answer {
	answers := make([]Answer, len(targets))
	var group sync.WaitGroup
	for i, target := range targets {
		group.Go(func() {
			status, err := p.ask(target, token)
			answers[i] = Answer{Target: target, Status: status, Err: err}
		})
	}
	group.Wait()
	return answers
}

// ask gets the status of one server. Its errors are fit for a condition: they
// name no address that changes with every pod, and no token.
func (p *Poller) ask(target Target, token string) (*serverstatus.Status, error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target.URL+serverstatus.Path, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := p.client.Do(req)
	if err != nil {
		return nil, explain(err)
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusOK:
	case http.StatusUnauthorized, http.StatusForbidden:
		return nil, ErrRefused
	default:
		return nil, fmt.Errorf("the server's status endpoint answered %s", resp.Status)
	}
	status := &serverstatus.Status{}
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(status); err != nil {
		return nil, fmt.Errorf("the server's status endpoint answered something else than a status: %w", err)
	}
	return status, nil
}

// explain drops the URL, and says what a timeout usually means.
func explain(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	var op *net.OpError
	if ne := net.Error(nil); errors.As(err, &ne) && ne.Timeout() {
		return fmt.Errorf("no answer within %s; look whether a NetworkPolicy keeps the operator from the server's admin port", timeout)
	}
	if errors.As(err, &op) {
		err = op.Err
	}
	return fmt.Errorf("asking the server: %w", err)
}

// same is true when nothing of interest differs: times of checks and counts
// change with every answer.
func same(a, b []Answer) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].Target != b[i].Target || text(a[i].Err) != text(b[i].Err) || !reflect.DeepEqual(timeless(a[i].Status), timeless(b[i].Status)) {
			return false
		}
	}
	return true
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func timeless(s *serverstatus.Status) *serverstatus.Status {
	if s == nil {
		return nil
	}
	c := *s
	c.Store.CheckedAt = time.Time{}
	if c.Usage != nil {
		u := *c.Usage
		u.CountedAt = time.Time{}
		c.Usage = &u
	}
	return &c
}
