package scan

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"fmt"
	"net"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"github.com/lfs-operator/lfs-operator/internal/gc/gctest"
	"github.com/lfs-operator/lfs-operator/internal/gc/liveset"
	"github.com/lfs-operator/lfs-operator/internal/serverstatus"
)

// remote is a repository with two versions of a file and a large plain one.
func remote(t *testing.T, filter bool) *gctest.Git {
	t.Helper()
	g := gctest.NewGit(t)
	g.At(100).Pointer("a", "x").File("plain", incompressible()).Commit("c")
	g.At(200).Pointer("a", "y").Commit("c").Run("tag", "-a", "-m", "t", "v1")
	g.Run("config", "uploadpack.allowFilter", fmt.Sprint(filter))
	return g
}

// incompressible is 128 KiB of text.
func incompressible() string {
	var b strings.Builder
	for i := range 2048 {
		b.WriteString(gctest.OID(fmt.Sprint(i)))
	}
	return b.String()
}

// secret writes the files of a Secret.
func secret(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// gitOverHTTP serves a repository with git's own server program.
func gitOverHTTP(t *testing.T, g *gctest.Git, user, password string) *httptest.Server {
	t.Helper()
	path, err := exec.Command("git", "--exec-path").Output()
	if err != nil {
		t.Fatal(err)
	}
	backend := &cgi.Handler{
		Path: filepath.Join(strings.TrimSpace(string(path)), "git-http-backend"),
		Env: []string{"GIT_PROJECT_ROOT=" + g.Dir, "GIT_HTTP_EXPORT_ALL=1", "GIT_CONFIG_COUNT=1",
			"GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*"},
	}
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if u, p, _ := r.BasicAuth(); u != user || p != password {
			w.Header().Set("WWW-Authenticate", "Basic")
			http.Error(w, "no", http.StatusUnauthorized)
			return
		}
		backend.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func caOf(s *httptest.Server) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}))
}

// Over https, with a private authority and a password, from a server that can
// filter and from one that cannot.
func TestHTTPS(t *testing.T) {
	for _, filter := range []bool{true, false} {
		t.Run(fmt.Sprint("filter ", filter), func(t *testing.T) {
			g := remote(t, filter)
			s := gitOverHTTP(t, g, "reader", "s3cret-word")
			e := Entry{Name: "main", URL: s.URL + "/.git",
				SecretDir: secret(t, map[string]string{"username": "reader\n", "password": "s3cret-word\n", "ca.crt": caOf(s)})}
			f := scanned(t, e)
			f.want(t, "main:a", "y x")
			f.wantPins(t, "y")
			if size := fetchedSize(t, e); (size < 50_000) != filter {
				t.Errorf("fetched %d bytes", size)
			}
		})
	}
}

// SHA-256 repositories are read like others: on disk, over https and over ssh.
func TestSHA256(t *testing.T) {
	g := gctest.NewGitOf(t, "sha256")
	for i := range 30 {
		g.At(int64(100+i)).Pointer("deep/er/a", fmt.Sprint("v", i)).File("text", strings.Repeat("line\n", i)).Commit("c")
	}
	g.Run("tag", "-a", "-m", "t", "v1", "HEAD~3")
	g.Run("gc", "-q", "--aggressive", "--prune=now")
	g.At(200).Pointer("b", "loose").Commit("c")
	s := gitOverHTTP(t, g, "", "")
	client, clientKey := sshKey(t)
	host, _ := sshKey(t)
	addr := sshd(t, g, client.PublicKey(), host)
	for name, e := range map[string]Entry{
		"path":  {Name: "main", URL: g.Dir},
		"https": {Name: "main", URL: s.URL + "/.git", SecretDir: secret(t, map[string]string{"ca.crt": caOf(s)})},
		"ssh": {Name: "main", URL: "ssh://git@" + addr + "/x", SecretDir: secret(t, map[string]string{
			"ssh-privatekey": clientKey, "known_hosts": knownhosts.Line([]string{addr}, host.PublicKey()) + "\n"})},
	} {
		t.Run(name, func(t *testing.T) {
			f := scanned(t, e)
			if n := len(strings.Fields(f.versions["main:deep/er/a"])); n != 30 {
				t.Errorf("%d versions, want 30", n)
			}
			f.wantPins(t, "v29 v26 loose")
		})
	}
}

// A ref that vanishes between the list and the fetch makes the fetch fail, and
// the second attempt succeed.
func TestRefVanishes(t *testing.T) {
	g := remote(t, true)
	g.Run("checkout", "-q", "-b", "gone")
	g.At(300).Pointer("a", "z").Commit("c")
	g.Run("checkout", "-q", "main")
	s := gitOverHTTP(t, g, "", "")
	inner, fetches := s.Config.Handler, 0
	s.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			if fetches++; fetches == 1 {
				g.Run("branch", "-q", "-D", "gone")
				g.Run("reflog", "expire", "--expire=now", "--all")
				g.Run("gc", "-q", "--prune=now")
			}
		}
		inner.ServeHTTP(w, r)
	})
	f := scanned(t, Entry{Name: "main", URL: s.URL + "/.git", SecretDir: secret(t, map[string]string{"ca.crt": caOf(s)})})
	f.want(t, "main:a", "y x")
	if fetches != 2 {
		t.Errorf("fetched %d times", fetches)
	}
}

// fetchedSize is how large the packs of a fetched repository are.
func fetchedSize(t *testing.T, e Entry) (total int64) {
	t.Helper()
	s, _, r, err := Options{WorkDir: t.TempDir(), Log: t.Logf}.fetchAgain(t.Context(), e)
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	packs, err := filepath.Glob(filepath.Join(r.discard, "objects/pack/*.pack"))
	if err != nil || len(packs) == 0 {
		t.Fatal(packs, err)
	}
	for _, pack := range packs {
		st, err := os.Stat(pack)
		if err != nil {
			t.Fatal(err)
		}
		total += st.Size()
	}
	return total
}

func TestCredentialFaults(t *testing.T) {
	s := gitOverHTTP(t, remote(t, true), "reader", "s3cret-word")
	ca := caOf(s)
	tests := map[string]struct {
		url    string
		files  map[string]string
		reason string
		says   string
	}{
		"unknown authority": {s.URL + "/.git", map[string]string{"username": "reader", "password": "s3cret-word"},
			serverstatus.ReasonHistoryUnreachable, "certificate"},
		"wrong password": {s.URL + "/.git", map[string]string{"username": "reader", "password": "not-the-word", "ca.crt": ca},
			serverstatus.ReasonHistoryRefused, `Secret "git-read"`},
		"no password": {s.URL + "/.git", map[string]string{"ca.crt": ca}, serverstatus.ReasonHistoryRefused, "git-read"},
		"ca is no certificate": {s.URL + "/.git", map[string]string{"ca.crt": "hello"},
			serverstatus.ReasonHistoryRefused, "PEM"},
		"no such repository": {s.URL + "/other/.git", map[string]string{"username": "reader", "password": "s3cret-word", "ca.crt": ca},
			serverstatus.ReasonHistoryNotFound, "URL"},
		"ssh without key": {"ssh://git@127.0.0.1:1/x", nil, serverstatus.ReasonHistoryRefused, "ssh-privatekey"},
		"user and password in the URL": {strings.Replace(s.URL, "https://", "https://bob:hunter2-x@", 1) + "/.git",
			map[string]string{"ca.crt": ca}, serverstatus.ReasonHistoryRefused, ""},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			e := Entry{Name: "main", URL: tc.url, SecretName: "git-read", SecretDir: secret(t, tc.files)}
			got := Check(t.Context(), []Entry{e})[0]
			if got.OK || got.Reason != tc.reason || !strings.Contains(got.Message, tc.says) {
				t.Errorf("%+v, want %s with %q", got, tc.reason, tc.says)
			}
			for _, word := range []string{"s3cret-word", "not-the-word", "hunter2-x"} {
				if strings.Contains(got.Message, word) {
					t.Errorf("the message holds a secret: %s", got.Message)
				}
			}
		})
	}
}

// sshd serves upload-pack of one repository to one key.
func sshd(t *testing.T, g *gctest.Git, client ssh.PublicKey, host ssh.Signer) string {
	t.Helper()
	config := &ssh.ServerConfig{PublicKeyCallback: func(_ ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
		if !bytes.Equal(key.Marshal(), client.Marshal()) {
			return nil, fmt.Errorf("unknown key")
		}
		return nil, nil
	}}
	config.AddHostKey(host)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go serveSSH(conn, config, g.Dir)
		}
	}()
	return l.Addr().String()
}

func serveSSH(conn net.Conn, config *ssh.ServerConfig, dir string) {
	c, channels, requests, err := ssh.NewServerConn(conn, config)
	if err != nil {
		return
	}
	defer func() { _ = c.Close() }()
	go ssh.DiscardRequests(requests)
	for nc := range channels {
		ch, reqs, err := nc.Accept()
		if err != nil {
			return
		}
		go func() {
			for r := range reqs {
				_ = r.Reply(r.Type == "exec", nil)
				if r.Type == "exec" {
					cmd := exec.Command("git", "-c", "safe.directory=*", "upload-pack", dir)
					cmd.Stdin, cmd.Stdout = ch, ch
					_ = cmd.Run()
					_, _ = ch.SendRequest("exit-status", false, []byte{0, 0, 0, 0})
					_ = ch.Close()
				}
			}
		}()
	}
}

func sshKey(t *testing.T) (ssh.Signer, string) {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return signer, string(pem.EncodeToMemory(block))
}

// Over ssh with a key, from a host whose key is known. An unknown host, or one
// with another key, is never accepted.
func TestSSH(t *testing.T) {
	client, clientKey := sshKey(t)
	host, _ := sshKey(t)
	stranger, _ := sshKey(t)
	_, wrongKey := sshKey(t)
	addr := sshd(t, remote(t, true), client.PublicKey(), host)
	known := knownhosts.Line([]string{addr}, host.PublicKey()) + "\n"
	for name, tc := range map[string]struct {
		files  map[string]string
		reason string
	}{
		"good":           {map[string]string{"ssh-privatekey": clientKey, "known_hosts": known}, serverstatus.ReasonHistoryReadable},
		"no known_hosts": {map[string]string{"ssh-privatekey": clientKey}, serverstatus.ReasonHistoryRefused},
		"unknown host": {map[string]string{"ssh-privatekey": clientKey,
			"known_hosts": knownhosts.Line([]string{"other.example"}, host.PublicKey()) + "\n"}, serverstatus.ReasonHistoryRefused},
		"another host key": {map[string]string{"ssh-privatekey": clientKey,
			"known_hosts": knownhosts.Line([]string{addr}, stranger.PublicKey()) + "\n"}, serverstatus.ReasonHistoryRefused},
		"key not accepted": {map[string]string{"ssh-privatekey": wrongKey, "known_hosts": known}, serverstatus.ReasonHistoryRefused},
		"key unreadable":   {map[string]string{"ssh-privatekey": "nonsense", "known_hosts": known}, serverstatus.ReasonHistoryRefused},
	} {
		t.Run(name, func(t *testing.T) {
			e := Entry{Name: "main", URL: "ssh://git@" + addr + "/models.git", SecretDir: secret(t, tc.files)}
			got := Check(t.Context(), []Entry{e})[0]
			if got.Reason != tc.reason || strings.Contains(got.Message, "PRIVATE") {
				t.Fatalf("%+v, want %s", got, tc.reason)
			}
			if got.OK {
				scanned(t, e).want(t, "main:a", "y x")
			}
		})
	}
}

// What cannot be read completely is an error, and the live set has no trailer.
func TestIncompleteHistory(t *testing.T) {
	tests := map[string]func(t *testing.T) (Entry, string){
		"shallow": func(t *testing.T) (Entry, string) {
			g := remote(t, true)
			dir := filepath.Join(t.TempDir(), "shallow")
			g.Run("clone", "-q", "--depth", "1", "file://"+g.Dir, dir)
			return Entry{Name: "main", URL: dir}, "shallow"
		},
		"shallow over https": func(t *testing.T) (Entry, string) {
			g := remote(t, true)
			dir := filepath.Join(t.TempDir(), "shallow")
			g.Run("clone", "-q", "--depth", "1", "file://"+g.Dir, dir)
			shallow := *g
			shallow.Dir = dir
			s := gitOverHTTP(t, &shallow, "", "")
			return Entry{Name: "main", URL: s.URL + "/.git", SecretDir: secret(t, map[string]string{"ca.crt": caOf(s)})}, "shallow"
		},
		"missing blob": func(t *testing.T) (Entry, string) {
			g := remote(t, true)
			oid := strings.TrimSpace(g.Run("rev-parse", "HEAD~1:a"))
			if err := os.Remove(filepath.Join(g.Dir, ".git/objects", oid[:2], oid[2:])); err != nil {
				t.Fatal(err)
			}
			return Entry{Name: "main", URL: g.Dir}, "lacks an object"
		},
		"corrupt pack": func(t *testing.T) (Entry, string) {
			g := remote(t, true)
			g.Run("gc", "-q")
			packs, err := filepath.Glob(filepath.Join(g.Dir, ".git/objects/pack/*.pack"))
			if err != nil || len(packs) != 1 {
				t.Fatal(packs, err)
			}
			b, err := os.ReadFile(packs[0])
			if err != nil {
				t.Fatal(err)
			}
			for i := 20; i < len(b)-20; i += 3 {
				b[i] ^= 0xff
			}
			if err := os.Chmod(packs[0], 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(packs[0], b, 0o600); err != nil {
				t.Fatal(err)
			}
			return Entry{Name: "main", URL: g.Dir}, ""
		},
		"not a repository": func(t *testing.T) (Entry, string) { return Entry{Name: "main", URL: t.TempDir()}, "not found" },
		"unknown object format": func(t *testing.T) (Entry, string) {
			g := remote(t, true)
			g.Run("config", "core.repositoryformatversion", "1")
			g.Run("config", "extensions.objectformat", "sha3")
			return Entry{Name: "main", URL: g.Dir}, "sha3"
		},
		"refs in tables": func(t *testing.T) (Entry, string) {
			g := remote(t, true)
			g.Run("config", "extensions.refstorage", "reftable")
			return Entry{Name: "main", URL: g.Dir}, "reftable"
		},
		"malformed ref": func(t *testing.T) (Entry, string) {
			g := remote(t, true)
			if err := os.WriteFile(filepath.Join(g.Dir, ".git/refs/heads/bad"), []byte("0123\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			return Entry{Name: "main", URL: g.Dir}, "refs/heads/bad"
		},
		"ref to an object that is not there": func(t *testing.T) (Entry, string) {
			g := remote(t, true)
			if err := os.WriteFile(filepath.Join(g.Dir, ".git/refs/heads/bad"), []byte(strings.Repeat("1", 40)+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			return Entry{Name: "main", URL: g.Dir}, "lacks an object"
		},
	}
	for name, make := range tests {
		t.Run(name, func(t *testing.T) {
			e, says := make(t)
			good := remote(t, true)
			var out bytes.Buffer
			res, err := Run(t.Context(), Options{Entries: []Entry{{Name: "good", URL: good.Dir}, e}, WorkDir: t.TempDir(), pause: time.Millisecond},
				liveset.Header{Run: "r"}, &out)
			if err == nil || !strings.Contains(err.Error(), says) {
				t.Fatalf("error %v", err)
			}
			if out.Len() > 0 || !res.Checks[0].OK || res.Checks[1].OK {
				t.Errorf("wrote %d bytes, checks %+v", out.Len(), res.Checks)
			}
		})
	}
}

// An empty repository is readable and names nothing.
func TestEmptyRepository(t *testing.T) {
	g := gctest.NewGit(t)
	s := gitOverHTTP(t, g, "", "")
	for _, e := range []Entry{
		{Name: "main", URL: g.Dir},
		{Name: "main", URL: s.URL + "/.git", SecretDir: secret(t, map[string]string{"ca.crt": caOf(s)})},
	} {
		f := scanned(t, e)
		if len(f.versions)+len(f.pins) > 0 || !f.trailer.Complete {
			t.Errorf("%+v", f)
		}
		if c := Check(t.Context(), []Entry{e})[0]; !c.OK || c.Reason != serverstatus.ReasonHistoryEmpty {
			t.Errorf("%+v", c)
		}
	}
}
