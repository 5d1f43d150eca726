package scan

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/skeema/knownhosts"
	"golang.org/x/crypto/ssh"

	"github.com/lfs-operator/lfs-operator/internal/gc/uploadpack"
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

// http prefers the Secret to a user in the URL; without both nothing is sent.
func (d secretDir) http(u *url.URL) (uploadpack.Session, error) {
	client, err := d.httpClient()
	if err != nil {
		return nil, err
	}
	s := &uploadpack.HTTP{Client: client, User: d.line(keyUsername), Password: d.line(keyPassword)}
	if s.User == "" {
		s.User = u.User.Username()
	}
	if password, ok := u.User.Password(); ok && s.Password == "" {
		s.Password = password
	}
	if s.User == "" && s.Password != "" {
		s.User = defaultUser
	}
	// From here on nothing that prints the URL can print a secret.
	plain := *u
	plain.User = nil
	s.URL = &plain
	return s, nil
}

// ssh needs a key and the host's keys: an unknown host is never accepted.
func (d secretDir) ssh(u *url.URL) (uploadpack.Session, error) {
	key := d.read(keySSHKey)
	if key == "" {
		return nil, fmt.Errorf("%w: an ssh URL needs the key %s", errSecret, keySSHKey)
	}
	if d.read(keyKnownHosts) == "" {
		return nil, fmt.Errorf("%w: an ssh URL needs the key %s (the output of ssh-keyscan, compared with what the host publishes)",
			errSecret, keyKnownHosts)
	}
	signer, err := parseKey([]byte(strings.TrimRight(key, "\r\n")+"\n"), d.line(keyPassword))
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", errSecret, keySSHKey, err)
	}
	hosts, err := knownhosts.NewDB(filepath.Join(string(d), keyKnownHosts))
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", errSecret, keyKnownHosts, err)
	}
	address := uploadpack.AddressOf(u.Hostname(), u.Port())
	config := &ssh.ClientConfig{
		User: defaultUser, Auth: []ssh.AuthMethod{ssh.PublicKeys(signer)}, Timeout: connectTimeout,
		HostKeyCallback: hosts.HostKeyCallback(), HostKeyAlgorithms: hosts.HostKeyAlgorithms(address),
	}
	if user := u.User.Username(); user != "" {
		config.User = user
	}
	return &uploadpack.SSH{Address: address, Path: u.Path, Config: config}, nil
}

func parseKey(pem []byte, password string) (ssh.Signer, error) {
	signer, err := ssh.ParsePrivateKey(pem)
	var locked *ssh.PassphraseMissingError
	if errors.As(err, &locked) && password != "" {
		return ssh.ParsePrivateKeyWithPassphrase(pem, []byte(password))
	}
	return signer, err
}
