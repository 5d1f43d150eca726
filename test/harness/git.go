package harness

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// WorkTree is a Git work tree with a home directory of its own, so that no
// setting of this machine's user changes what is measured.
type WorkTree struct {
	Dir  string
	home string
	env  []string
}

// NewWorkTree makes an empty repository on branch main that uses git-lfs, with
// the line for git's credential store that the access Secret holds.
func NewWorkTree(ctx context.Context, dir, credentials string) (*WorkTree, error) {
	w, err := prepare(ctx, dir, credentials)
	if err != nil {
		return nil, err
	}
	_, err = w.Git(ctx, "init", "-q", "-b", "main", ".")
	return w, err
}

// Clone clones a repository with everything that git-lfs checks out.
func Clone(ctx context.Context, url, dir, credentials string) (*WorkTree, error) {
	w, err := prepare(ctx, dir, credentials)
	if err != nil {
		return nil, err
	}
	_, err = w.Git(ctx, "clone", "-q", url, ".")
	return w, err
}

func prepare(ctx context.Context, dir, credentials string) (*WorkTree, error) {
	home := dir + ".home"
	for _, d := range []string{dir, home} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return nil, err
		}
	}
	w := &WorkTree{Dir: dir, home: home, env: append(os.Environ(), "HOME="+home, "XDG_CONFIG_HOME="+home,
		"GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0", "GIT_AUTHOR_NAME=Ada", "GIT_AUTHOR_EMAIL=ada@example.com",
		"GIT_COMMITTER_NAME=Ada", "GIT_COMMITTER_EMAIL=ada@example.com")}
	if err := w.SetCredentials(credentials); err != nil {
		return nil, err
	}
	for _, args := range [][]string{
		{"config", "--global", "credential.helper", "store --file=" + w.credentialsFile()},
		{"config", "--global", "advice.detachedHead", "false"},
		{"lfs", "install", "--skip-repo"},
	} {
		if _, err := w.Git(ctx, args...); err != nil {
			return nil, err
		}
	}
	return w, nil
}

func (w *WorkTree) credentialsFile() string { return filepath.Join(w.home, "credentials") }

// SetCredentials writes the file that git's credential store reads.
func (w *WorkTree) SetCredentials(line string) error {
	return os.WriteFile(w.credentialsFile(), []byte(line+"\n"), 0o600)
}

// UseGitLFS makes Git find this git-lfs before any other.
func (w *WorkTree) UseGitLFS(path string) {
	w.env = append(w.env, "PATH="+filepath.Dir(path)+string(os.PathListSeparator)+os.Getenv("PATH"))
}

// Git runs git in the work tree.
func (w *WorkTree) Git(ctx context.Context, args ...string) (string, error) {
	return runIn(ctx, w.Dir, w.env, "", "git", args...)
}

// All runs several git commands and stops at the first that fails.
func (w *WorkTree) All(ctx context.Context, commands ...[]string) error {
	for _, c := range commands {
		if _, err := w.Git(ctx, c...); err != nil {
			return err
		}
	}
	return nil
}

// Commit adds everything and commits it.
func (w *WorkTree) Commit(ctx context.Context, message string) (hash string, err error) {
	if err := w.All(ctx, []string{"add", "-A"}, []string{"commit", "-q", "-m", message}); err != nil {
		return "", err
	}
	out, err := w.Git(ctx, "rev-parse", "HEAD")
	return strings.TrimSpace(out), err
}

// WriteFile writes a text file into the work tree.
func (w *WorkTree) WriteFile(name, content string) error {
	path := filepath.Join(w.Dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(content), 0o644)
}

// WriteRandom writes size bytes that no compression makes smaller and returns
// their SHA-256, which is the OID. The same seed gives the same bytes.
func (w *WorkTree) WriteRandom(name string, size int64, seed uint64) (oid string, err error) {
	path := filepath.Join(w.Dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return "", err
	}
	f, err := os.Create(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	var key [32]byte
	for i := range 8 {
		key[i] = byte(seed >> (8 * i))
	}
	h := sha256.New()
	if _, err := io.CopyN(io.MultiWriter(f, h), rand.NewChaCha8(key), size); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), f.Close()
}

// Hashes returns the SHA-256 of every file in the work tree, by path.
func (w *WorkTree) Hashes() (map[string]string, error) {
	sums := map[string]string{}
	err := filepath.WalkDir(w.Dir, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if d.Name() == ".git" {
				return filepath.SkipDir
			}
			return nil
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		h := sha256.New()
		if _, err := io.Copy(h, f); err != nil {
			return err
		}
		rel, err := filepath.Rel(w.Dir, path)
		sums[rel] = hex.EncodeToString(h.Sum(nil))
		return err
	})
	return sums, err
}

// SameFiles says how two work trees differ, or nothing.
func SameFiles(a, b map[string]string) error {
	for path, sum := range a {
		if b[path] != sum {
			return fmt.Errorf("%s: SHA-256 %s there, %s here", path, sum, b[path])
		}
	}
	if len(a) != len(b) {
		return fmt.Errorf("%d files there, %d here", len(a), len(b))
	}
	return nil
}

// GitWithin is Git with a limit, after which git and all that it has started are
// killed: hooks go on otherwise.
func (w *WorkTree) GitWithin(ctx context.Context, limit time.Duration, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir, cmd.Env = w.Dir, w.env
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	out, err := cmd.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("git %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return string(out), err
}
