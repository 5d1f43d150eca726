package lfsserver_test

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver/lfstest"
	"github.com/lfs-operator/lfs-operator/internal/serverstatus"
	"github.com/lfs-operator/lfs-operator/test/assets"
)

// gitBox runs git and git-lfs with nothing of the machine's own configuration.
type gitBox struct {
	t    *testing.T
	home string
	env  []string
}

func newGitBox(t *testing.T) *gitBox {
	t.Helper()
	return newGitBoxWith(t, assets.GitLFS(t))
}

// newGitBoxWith runs another git-lfs.
func newGitBoxWith(t *testing.T, lfs string) *gitBox {
	t.Helper()
	home := t.TempDir()
	b := &gitBox{t: t, home: home, env: []string{
		"HOME=" + home, "GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0", "GIT_ASKPASS=true", "LC_ALL=C",
		"PATH=" + filepath.Dir(lfs) + ":" + os.Getenv("PATH"),
	}}
	for _, args := range [][]string{
		{"config", "--global", "user.name", "Test"}, {"config", "--global", "user.email", "test@example.com"},
		{"config", "--global", "init.defaultBranch", "main"}, {"config", "--global", "protocol.file.allow", "always"},
		{"lfs", "install"},
	} {
		b.git(home, args...)
	}
	return b
}

// try runs git in a folder and returns all that it printed.
func (b *gitBox) try(dir string, args ...string) (string, error) {
	cmd := exec.Command("git", args...)
	cmd.Dir, cmd.Env = dir, b.env
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (b *gitBox) git(dir string, args ...string) string {
	b.t.Helper()
	out, err := b.try(dir, args...)
	if err != nil {
		b.t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// repository makes a working copy whose LFS objects go to the server, with
// the token in the URL, and a bare repository to push to.
func (b *gitBox) repository(s *lfstest.Server, token string) (work, bare string) {
	b.t.Helper()
	work, bare = filepath.Join(b.home, "work"), filepath.Join(b.home, "bare.git")
	b.git(b.home, "init", "--bare", bare)
	b.git(b.home, "init", work)
	b.git(work, "remote", "add", "origin", bare)
	b.git(work, "config", "lfs.url", withToken(b.t, s.Root(), token))
	b.git(work, "lfs", "track", "*.bin")
	return work, bare
}

func withToken(t *testing.T, root, token string) string {
	t.Helper()
	u, err := url.Parse(root)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword("git", token)
	return u.String()
}

// byEachGitLFS runs a test by the newest git-lfs, and by Debian's, which is years older.
func byEachGitLFS(t *testing.T, test func(*testing.T, *gitBox)) {
	for name, lfs := range map[string]func(testing.TB) string{"newest": assets.GitLFS, "Debian's": assets.DebianGitLFS} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			box := newGitBoxWith(t, lfs(t))
			t.Log(box.git(box.home, "lfs", "version"))
			test(t, box)
		})
	}
}

func TestGitPushAndClone(t *testing.T) { byEachGitLFS(t, pushAndClone) }

func pushAndClone(t *testing.T, b *gitBox) {
	s := lfstest.Start(t, assets.SharedStore(t))
	work, bare := b.repository(s, lfstest.WriteToken)
	b.git(work, "config", "lfs.locksverify", "true")
	contents := map[string][]byte{"empty.bin": {}}
	for i := range 120 { // more than one of git-lfs's batches of 100
		contents[fmt.Sprintf("f%03d.bin", i)] = random(t, 1000+i)
	}
	contents["large.bin"] = random(t, 20<<20)
	for name, content := range contents {
		if err := os.WriteFile(filepath.Join(work, name), content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b.git(work, "add", ".")
	b.git(work, "commit", "-m", "files")
	out := b.git(work, "push", "origin", "main")
	for _, line := range strings.Split(out, "\n") {
		if strings.Contains(strings.ToLower(line), "lock") || strings.Contains(line, "error") {
			t.Errorf("push complains: %s", line)
		}
	}

	b.git(work, "lfs", "push", "--all", "origin")
	granted := 0
	for _, l := range auditLog(t, s) {
		if l.Action == "upload.granted" {
			granted += l.Objects
		}
	}
	if granted != len(contents)-1 { // git-lfs skips empty files
		t.Errorf("%d uploads over two pushes, want %d", granted, len(contents)-1)
	}

	clone := filepath.Join(b.home, "clone")
	b.git(b.home, "clone", "-c", "lfs.url="+withToken(t, s.Root(), lfstest.ReadToken), bare, clone)
	for name, want := range contents {
		got, err := os.ReadFile(filepath.Join(clone, name))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s differs after the clone (%d bytes, want %d)", name, len(got), len(want))
		}
	}
}

func TestGitWithoutPermission(t *testing.T) {
	t.Parallel()
	s := lfstest.Start(t, assets.SharedStore(t))
	for name, tc := range map[string]struct{ token, want string }{
		"a read token":  {lfstest.ReadToken, "do not allow"},
		"a wrong token": {"nonsense", "credentials"},
		"expired":       {lfstest.ExpiredToken, "credentials"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newGitBox(t)
			work, _ := b.repository(s, tc.token)
			if err := os.WriteFile(filepath.Join(work, "a.bin"), random(t, 100), 0o644); err != nil {
				t.Fatal(err)
			}
			b.git(work, "add", ".")
			b.git(work, "commit", "-m", "file")
			out, err := b.try(work, "push", "origin", "main")
			if err == nil || !strings.Contains(strings.ToLower(out), tc.want) {
				t.Errorf("push: %v, want a message with %q:\n%s", err, tc.want, out)
			}
		})
	}
}

// TestGitWaits: a push that meets a store that is away ends well once it is back.
func TestGitWaits(t *testing.T) {
	t.Parallel()
	store := assets.StartStore(t)
	s := lfstest.Start(t, store)
	b := newGitBox(t)
	work, _ := b.repository(s, lfstest.WriteToken)
	if err := os.WriteFile(filepath.Join(work, "a.bin"), random(t, 100_000), 0o644); err != nil {
		t.Fatal(err)
	}
	b.git(work, "add", ".")
	b.git(work, "commit", "-m", "file")
	store.Kill()
	s.WaitReason(serverstatus.ReasonStoreUnreachable)
	done := make(chan error, 1)
	var out string
	go func() {
		var err error
		out, err = b.try(work, "push", "origin", "main")
		done <- err
	}()
	s.Eventually("the push has been told to wait", func() (bool, string) {
		return strings.Contains(s.Log.String(), `"status":429`), ""
	})
	store.Restart(t)
	if err := <-done; err != nil {
		t.Fatalf("push: %v\n%s", err, out)
	}
	if !strings.Contains(s.Log.String(), `"operation":"verify"`) {
		t.Errorf("nothing was uploaded:\n%s", out)
	}
}

func random(t *testing.T, n int) []byte {
	t.Helper()
	b := make([]byte, n)
	if _, err := rand.Read(b); err != nil {
		t.Fatal(err)
	}
	return b
}
