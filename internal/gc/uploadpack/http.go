package uploadpack

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// HTTP is a repository behind a web server.
type HTTP struct {
	Client *http.Client
	// URL without user and password.
	URL *url.URL
	// User and Password are sent where one of them is set, to URL's host only.
	User, Password string
	// base is where Refs was answered from, after redirects.
	base *url.URL
}

// Close implements Session.
func (h *HTTP) Close() error {
	h.Client.CloseIdleConnections()
	return nil
}

const (
	refsPath  = "/info/refs"
	fetchPath = "/git-upload-pack"
)

// Refs implements Session.
func (h *HTTP) Refs(ctx context.Context) (*Advert, error) {
	u := *h.URL
	u.Path = strings.TrimRight(u.Path, "/") + refsPath
	u.RawQuery = "service=git-upload-pack"
	resp, err := h.do(ctx, http.MethodGet, &u, nil)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.Header.Get("Content-Type") != "application/x-git-upload-pack-advertisement" {
		return nil, ErrNotGit
	}
	at := resp.Request.URL
	if !strings.HasSuffix(at.Path, refsPath) || h.URL.Scheme == "https" && at.Scheme != "https" {
		return nil, errors.New("the server redirects to another kind of page; use the URL that it redirects to")
	}
	base := *at
	base.Path, base.RawQuery = strings.TrimSuffix(at.Path, refsPath), ""
	h.base = &base
	r := bufio.NewReaderSize(resp.Body, 64<<10)
	p := packets{r: r}
	if line, _, err := p.next(); err != nil || !bytes.HasPrefix(line, []byte("# service=git-upload-pack")) {
		return nil, errors.Join(errProtocol, err)
	}
	if _, flush, err := p.next(); err != nil || !flush {
		return nil, errors.Join(errProtocol, err)
	}
	return readAdvert(r)
}

// body is a pack and the connection that it comes from.
type body struct {
	io.Reader
	io.Closer
}

// Fetch implements Session.
func (h *HTTP) Fetch(ctx context.Context, a *Advert, limit int64) (io.ReadCloser, error) {
	u := *h.base
	u.Path += fetchPath
	resp, err := h.do(ctx, http.MethodPost, &u, request(a, limit))
	if err != nil {
		return nil, err
	}
	pack, err := answer(a, bufio.NewReaderSize(resp.Body, 64<<10))
	if err != nil {
		_ = resp.Body.Close()
		return nil, err
	}
	return body{pack, resp.Body}, nil
}

func (h *HTTP) do(ctx context.Context, method string, u *url.URL, content []byte) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, u.String(), bytes.NewReader(content))
	if err != nil {
		return nil, err
	}
	req.Header.Set("User-Agent", agent)
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/x-git-upload-pack-request")
		req.Header.Set("Accept", "application/x-git-upload-pack-result")
	}
	// A redirect to another host gets none of it: Go's client takes the header
	// off, and a later request to that host never had it.
	if (h.User != "" || h.Password != "") && u.Host == h.URL.Host && (u.Scheme == h.URL.Scheme || u.Scheme == "https") {
		req.SetBasicAuth(h.User, h.Password)
	}
	resp, err := h.Client.Do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode == http.StatusOK {
		return resp, nil
	}
	_ = resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusProxyAuthRequired:
		return nil, fmt.Errorf("%w (%s)", ErrRefused, resp.Status)
	case http.StatusNotFound, http.StatusGone:
		return nil, ErrNotFound
	}
	return nil, &StatusError{Code: resp.StatusCode}
}

// StatusError is an answer with another HTTP status.
type StatusError struct{ Code int }

// Error names the status.
func (e *StatusError) Error() string {
	return fmt.Sprintf("the server answers %d %s", e.Code, http.StatusText(e.Code))
}
