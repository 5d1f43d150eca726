package assets

import (
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestStoreComesBackWithItsContent(t *testing.T) {
	s := StartStore(t)
	bucket := s.NewBucket(t)
	for range 2 {
		s.Stop()
		if _, err := net.DialTimeout("tcp", s.Host(), time.Second); err == nil {
			t.Fatal("a stopped store takes connections")
		}
		s.Restart(t)
	}
	s.Kill()
	s.Restart(t)
	if got := head(t, s, bucket); got != http.StatusOK {
		t.Fatalf("bucket after restarts: %d", got)
	}
}

func TestSharedStoreIsOne(t *testing.T) {
	a, b := SharedStore(t), SharedStore(t)
	if a != b {
		t.Fatal("two shared stores")
	}
	if x, y := a.NewBucket(t), b.NewBucket(t); x == y {
		t.Fatal("the same bucket twice")
	}
	defer func() {
		if recover() == nil {
			t.Fatal("the shared store let itself be stopped")
		}
	}()
	a.Stop()
}

// A connection that ends in the middle of an upload must leave nothing: tests of
// the product rely on the store being sound here (see hack/store/guard.go).
func TestStoreRefusesShortUploads(t *testing.T) {
	s := SharedStore(t)
	bucket := s.NewBucket(t)
	for _, tc := range []struct {
		length, sent int
		want         int
	}{
		{length: 100, sent: 100, want: http.StatusOK},
		{length: 3 << 20, sent: 3 << 20, want: http.StatusOK},
		{length: 100, sent: 50, want: http.StatusNotFound},
		{length: 3 << 20, sent: 1 << 20, want: http.StatusNotFound},
		{length: 3 << 20, sent: 3<<20 - 1, want: http.StatusNotFound},
	} {
		t.Run(fmt.Sprintf("%d of %d", tc.sent, tc.length), func(t *testing.T) {
			path := fmt.Sprintf("%s/object-%d-%d", bucket, tc.length, tc.sent)
			putPart(t, s, path, tc.length, tc.sent)
			if got := head(t, s, path); got != tc.want {
				t.Errorf("HEAD: %d, want %d", got, tc.want)
			}
		})
	}
}

func TestGitServerTakesPushesAndFilters(t *testing.T) {
	g := GitServerWithPassword(t, "who", "secret", "repo")
	if resp, err := http.Get(g.URL("repo") + "/info/refs?service=git-upload-pack"); err != nil || resp.StatusCode != http.StatusUnauthorized {
		t.Fatalf("without a password: %v %v", resp, err)
	}
	u, err := url.Parse(g.URL("repo"))
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword("who", "secret")
	work := t.TempDir()
	git(t, work, "init", "--quiet", "--initial-branch=main")
	// Larger than http.postBuffer: git sends such a pack chunked.
	writeNoise(t, filepath.Join(work, "large"), 3<<20)
	git(t, work, "add", ".")
	git(t, work, "-c", "user.name=n", "-c", "user.email=e@example.invalid", "commit", "--quiet", "-m", "large")
	git(t, work, "push", "--quiet", u.String(), "main")

	clone := filepath.Join(t.TempDir(), "clone.git")
	git(t, work, "clone", "--quiet", "--bare", "--filter=blob:none", u.String(), clone)
	missing := git(t, clone, "rev-list", "--objects", "--all", "--missing=print")
	if !strings.Contains(missing, "\n?") {
		t.Errorf("the clone was not filtered:\n%s", missing)
	}
	if _, err := os.Stat(filepath.Join(g.Path("repo"), "HEAD")); err != nil {
		t.Error(err)
	}
}

func TestProgramsAreThere(t *testing.T) {
	for _, bin := range []string{"kube-apiserver", "etcd", "kubectl"} {
		if _, err := os.Stat(filepath.Join(KubeAssets(t), bin)); err != nil {
			t.Error(err)
		}
	}
	out, err := exec.Command(GitLFS(t), "version").Output()
	if err != nil || !strings.HasPrefix(string(out), "git-lfs/3.") {
		t.Errorf("git-lfs version: %q, %v", out, err)
	}
}

// putPart announces length bytes, sends sent of them and closes its side where
// that is too few.
func putPart(t *testing.T, s *Store, path string, length, sent int) {
	t.Helper()
	req, err := http.NewRequest(http.MethodPut, s.Endpoint+"/"+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	sign(req, s, "UNSIGNED-PAYLOAD")
	conn, err := net.Dial("tcp", s.Host())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "PUT /%s HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n", path, s.Host(), length)
	_ = req.Header.Write(conn)
	_, _ = io.WriteString(conn, "\r\n")
	_, _ = conn.Write(make([]byte, sent))
	if sent < length {
		_ = conn.(*net.TCPConn).CloseWrite()
	}
	// The answer is of no interest, but the store has finished when it comes.
	_ = conn.SetReadDeadline(time.Now().Add(time.Minute))
	_, _ = conn.Read(make([]byte, 1))
}

func head(t *testing.T, s *Store, path string) int {
	t.Helper()
	req, err := http.NewRequest(http.MethodHead, s.Endpoint+"/"+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	sign(req, s, emptyBody)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode
}

func sign(req *http.Request, s *Store, payload string) {
	signV4(req, payload, s.AccessKey, s.SecretKey, s.Region, time.Now())
}

func git(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// writeNoise writes bytes that do not compress, the same every time.
func writeNoise(t *testing.T, path string, size int) {
	t.Helper()
	var noise []byte
	for block := sha256.Sum256(nil); len(noise) < size; block = sha256.Sum256(block[:]) {
		noise = append(noise, block[:]...)
	}
	if err := os.WriteFile(path, noise[:size], 0o600); err != nil {
		t.Fatal(err)
	}
}
