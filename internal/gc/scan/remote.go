package scan

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/lfs-operator/lfs-operator/internal/gc/uploadpack"
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
	session uploadpack.Session
}

// open prepares reading; it does not connect yet.
func open(e Entry) (s *source, err error) {
	s = &source{entry: e, secret: secretDir(e.SecretDir)}
	if path, ok := localPath(e.URL); ok {
		s.path = path
		return s, nil
	}
	u, err := remoteURL(e.URL)
	if err != nil {
		return nil, err
	}
	if u.Scheme == "ssh" {
		s.session, err = s.secret.ssh(u)
	} else {
		s.session, err = s.secret.http(u)
	}
	return s, err
}

// scpForm is user@host:path, without a scheme.
var scpForm = regexp.MustCompile(`^(?:([^@:/]+)@)?([^@:/]+):([^:].*)$`)

func remoteURL(raw string) (*url.URL, error) {
	if m := scpForm.FindStringSubmatch(raw); m != nil && !strings.Contains(raw, "://") {
		u := &url.URL{Scheme: "ssh", Host: m[2], Path: m[3]}
		if m[1] != "" {
			u.User = url.User(m[1])
		}
		return u, nil
	}
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || u.Path == "" {
		return nil, errURL
	}
	switch u.Scheme {
	case "http", "https":
		return u, nil
	case "ssh":
		// "/~user/x" is relative to that user's folder (git-clone, "Git URLs").
		if strings.HasPrefix(u.Path, "/~") {
			u.Path = u.Path[1:]
		}
		return u, nil
	}
	return nil, errURL
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
