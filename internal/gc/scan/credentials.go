package scan

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing/transport"
	githttp "github.com/go-git/go-git/v5/plumbing/transport/http"
	gitssh "github.com/go-git/go-git/v5/plumbing/transport/ssh"
	"golang.org/x/crypto/ssh"
)

// Keys of a history entry's Secret, one file each.
const (
	keyUsername   = "username"
	keyPassword   = "password"
	keySSHKey     = "ssh-privatekey"
	keyKnownHosts = "known_hosts"
	keyCA         = "ca.crt"
)

// defaultUser for a Secret that holds only a password: forges take any name
// beside a token.
const defaultUser = "git"

// secretDir is the folder where the Secret of an entry is mounted; a missing one
// is a Secret without keys.
type secretDir string

func (d secretDir) read(key string) string {
	b, err := os.ReadFile(filepath.Join(string(d), key))
	if err != nil {
		return ""
	}
	return string(b)
}

// line is a value without the newline that editors and echo leave behind.
func (d secretDir) line(key string) string { return strings.TrimRight(d.read(key), "\r\n") }

// scrub takes what the Secret holds out of a text.
func (d secretDir) scrub(text string) string {
	for _, key := range []string{keyPassword, keySSHKey} {
		if secret := d.line(key); len(secret) > 3 {
			text = strings.ReplaceAll(text, secret, "***")
		}
	}
	return text
}

// errSecret means that the Secret lacks what the URL needs.
var errSecret = errors.New("secret is incomplete")

// httpClient trusts the Secret's ca.crt beside the system's roots.
func (d secretDir) httpClient() (*http.Client, error) {
	tr := &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: connectTimeout}).DialContext,
		TLSHandshakeTimeout:   connectTimeout,
		ResponseHeaderTimeout: answerTimeout,
		ForceAttemptHTTP2:     true,
	}
	if ca := d.read(keyCA); ca != "" {
		roots, err := x509.SystemCertPool()
		if err != nil {
			roots = x509.NewCertPool()
		}
		if !roots.AppendCertsFromPEM([]byte(ca)) {
			return nil, fmt.Errorf("%w: %s holds no certificate in PEM form", errSecret, keyCA)
		}
		tr.TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	}
	return &http.Client{Transport: tr}, nil
}

const (
	connectTimeout = 30 * time.Second
	// answerTimeout is long: a server may count objects before it answers.
	answerTimeout = 10 * time.Minute
)

// httpAuth prefers the Secret to a user in the URL; without both it is nil.
func (d secretDir) httpAuth(ep *transport.Endpoint) transport.AuthMethod {
	user, password := d.line(keyUsername), d.line(keyPassword)
	if user == "" {
		user = ep.User
	}
	if password == "" {
		password = ep.Password
	}
	if user == "" && password == "" {
		return nil
	}
	if user == "" {
		user = defaultUser
	}
	return &githttp.BasicAuth{Username: user, Password: password}
}

// sshAuth needs a key and the host's keys: an unknown host is never accepted.
func (d secretDir) sshAuth(ep *transport.Endpoint) (transport.AuthMethod, error) {
	key := d.read(keySSHKey)
	if key == "" {
		return nil, fmt.Errorf("%w: an ssh URL needs the key %s", errSecret, keySSHKey)
	}
	if d.read(keyKnownHosts) == "" {
		return nil, fmt.Errorf("%w: an ssh URL needs the key %s (the output of ssh-keyscan, compared with what the host publishes)",
			errSecret, keyKnownHosts)
	}
	user := ep.User
	if user == "" {
		user = defaultUser
	}
	auth, err := gitssh.NewPublicKeys(user, []byte(strings.TrimRight(key, "\r\n")+"\n"), d.line(keyPassword))
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", errSecret, keySSHKey, err)
	}
	hosts, err := gitssh.NewKnownHostsDb(filepath.Join(string(d), keyKnownHosts))
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", errSecret, keyKnownHosts, err)
	}
	port := ep.Port
	if port <= 0 {
		port = gitssh.DefaultPort
	}
	auth.HostKeyCallback = hosts.HostKeyCallback()
	auth.HostKeyAlgorithms = hosts.HostKeyAlgorithms(net.JoinHostPort(ep.Host, fmt.Sprint(port)))
	return boundedKeys{auth}, nil
}

// boundedKeys is PublicKeys with a time limit for connecting. (The configuration
// that go-git's client takes would replace user, keys and host keys as well.)
type boundedKeys struct{ *gitssh.PublicKeys }

// ClientConfig implements go-git's AuthMethod.
func (b boundedKeys) ClientConfig() (*ssh.ClientConfig, error) {
	config, err := b.PublicKeys.ClientConfig()
	if err == nil {
		config.Timeout = connectTimeout
	}
	return config, err
}
