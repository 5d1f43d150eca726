package scan

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/go-git/go-git/v5/plumbing/transport"
	githttp "github.com/go-git/go-git/v5/plumbing/transport/http"
	gitssh "github.com/go-git/go-git/v5/plumbing/transport/ssh"
)

// Entry is a Git repository to read.
type Entry struct {
	// Name in the history list.
	Name string
	// URL: https, http, ssh (also user@host:path), file or an absolute path.
	URL string
	// SecretDir holds the files of its Secret, empty for none.
	SecretDir string
	// SecretName is for messages.
	SecretName string
}

// errURL means that the URL is not one that can be read.
var errURL = errors.New("URL is not supported: https, http, ssh and file are")

// source is an entry that is ready to be read.
type source struct {
	entry  Entry
	secret secretDir
	// path of a repository on disk, or the session of a remote one.
	path    string
	session transport.UploadPackSession
}

// open prepares reading; it does not connect yet, except over ssh.
func open(e Entry) (*source, error) {
	s := &source{entry: e, secret: secretDir(e.SecretDir)}
	if path, ok := localPath(e.URL); ok {
		s.path = path
		return s, nil
	}
	ep, err := transport.NewEndpoint(e.URL)
	if err != nil {
		return nil, errURL
	}
	switch ep.Protocol {
	case "http", "https":
		err = s.openHTTP(ep)
	case "ssh":
		err = s.openSSH(ep)
	default:
		err = errURL
	}
	if err != nil {
		return nil, err
	}
	return s, nil
}

func (s *source) openHTTP(ep *transport.Endpoint) error {
	client, err := s.secret.httpClient()
	if err != nil {
		return err
	}
	auth := s.secret.httpAuth(ep)
	// From here on nothing that prints the endpoint can print a secret.
	ep.User, ep.Password = "", ""
	s.session, err = githttp.NewClient(client).NewUploadPackSession(ep, auth)
	return err
}

func (s *source) openSSH(ep *transport.Endpoint) error {
	auth, err := s.secret.sshAuth(ep)
	if err != nil {
		return err
	}
	ep.Password = ""
	s.session, err = gitssh.NewClient(nil).NewUploadPackSession(ep, auth)
	return err
}

func (s *source) close() {
	if s.session != nil {
		_ = s.session.Close()
	}
}

// localPath returns the path of a file URL or an absolute path.
func localPath(raw string) (string, bool) {
	if filepath.IsAbs(raw) {
		return raw, true
	}
	if u, err := url.Parse(raw); err == nil && u.Scheme == "file" {
		return u.Path, true
	}
	return "", false
}

// SafeURL is a URL without user and password, for messages.
func SafeURL(raw string) string {
	if u, err := url.Parse(raw); err == nil && u.Host != "" {
		u.User = nil
		return u.String()
	}
	if _, rest, ok := strings.Cut(raw, "@"); ok {
		return rest
	}
	return raw
}

// wrap says of which entry an error is, without secrets.
func (e Entry) wrap(err error) error {
	if err == nil {
		return nil
	}
	return &EntryError{Entry: e, Err: err}
}

// EntryError is a failure to read one entry.
type EntryError struct {
	Entry Entry
	Err   error
}

// Error is free of secrets.
func (e *EntryError) Error() string {
	text := secretDir(e.Entry.SecretDir).scrub(e.Err.Error())
	if u, err := url.Parse(e.Entry.URL); err == nil && u.User != nil {
		if password, ok := u.User.Password(); ok && password != "" {
			text = strings.ReplaceAll(text, password, "***")
		}
	}
	return fmt.Sprintf("history entry %q (%s): %s", e.Entry.Name, SafeURL(e.Entry.URL), text)
}

// Unwrap returns the cause.
func (e *EntryError) Unwrap() error { return e.Err }

// ended says whether the context, not the remote, was the cause.
func ended(ctx context.Context) bool { return ctx.Err() != nil }
