package uploadpack

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/net/proxy"
)

// SSH is a repository behind an ssh server.
type SSH struct {
	// Address is host:port.
	Address string
	// Path of the repository, as the server takes it.
	Path   string
	Config *ssh.ClientConfig

	client *ssh.Client
	stop   func() bool
	in     io.WriteCloser
	out    *bufio.Reader
	said   tail
}

// tail keeps the beginning of what a server says on standard error.
type tail struct {
	mu   sync.Mutex
	text []byte // guarded by mu
}

const maxSaid = 4 << 10

// Write never fails.
func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, b[:min(len(b), maxSaid-len(t.text))]...)
	return len(b), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.text)
}

// Close implements Session.
func (s *SSH) Close() error {
	if s.client == nil {
		return nil
	}
	s.stop()
	return s.client.Close()
}

// Refs implements Session. The connection lives until Close, or until ctx ends.
func (s *SSH) Refs(ctx context.Context) (*Advert, error) {
	if err := s.connect(ctx); err != nil {
		return nil, err
	}
	session, err := s.client.NewSession()
	if err != nil {
		return nil, err
	}
	if s.in, err = session.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := session.StdoutPipe()
	if err != nil {
		return nil, err
	}
	session.Stderr = &s.said
	s.out = bufio.NewReaderSize(out, 64<<10)
	if err := session.Start("git-upload-pack " + quote(s.Path)); err != nil {
		return nil, err
	}
	a, err := readAdvert(s.out)
	if errors.Is(err, io.EOF) {
		_ = session.Wait()
		return nil, s.refusal(err)
	}
	return a, err
}

func (s *SSH) connect(ctx context.Context) error {
	limited, cancel := context.WithTimeout(ctx, s.Config.Timeout)
	defer cancel()
	conn, err := proxy.Dial(limited, "tcp", s.Address)
	if err != nil {
		return err
	}
	// The handshake has a limit too; what follows may take long.
	_ = conn.SetDeadline(time.Now().Add(s.Config.Timeout))
	c, channels, requests, err := ssh.NewClientConn(conn, s.Address, s.Config)
	if err != nil {
		_ = conn.Close()
		return err
	}
	_ = conn.SetDeadline(time.Time{})
	s.client = ssh.NewClient(c, channels, requests)
	s.stop = context.AfterFunc(ctx, func() { _ = conn.Close() })
	return nil
}

// refusal explains why a server ended before it said anything of the protocol.
func (s *SSH) refusal(err error) error {
	said := strings.ToLower(s.said.String())
	for _, words := range []string{
		"not found", "does not exist", "does not appear to be a git repository", "no such repository",
		"could not be found", "access denied", "do not have access",
	} {
		if strings.Contains(said, words) {
			return ErrNotFound
		}
	}
	if said == "" {
		return err
	}
	return remoteError(bytes.TrimSpace([]byte(s.said.String())))
}

// Fetch implements Session.
func (s *SSH) Fetch(_ context.Context, a *Advert, limit int64) (io.ReadCloser, error) {
	if _, err := s.in.Write(request(a, limit)); err != nil {
		return nil, err
	}
	pack, err := answer(a, s.out)
	if err != nil {
		return nil, s.refusal(err)
	}
	return io.NopCloser(pack), nil
}

// quote for a shell (git, quote.c).
func quote(path string) string {
	return "'" + strings.NewReplacer("'", `'\''`, "!", `'\!'`).Replace(path) + "'"
}

// AddressOf adds the standard port to a host without one.
func AddressOf(host, port string) string {
	if port == "" {
		port = "22"
	}
	return net.JoinHostPort(host, port)
}
