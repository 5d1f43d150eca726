// Package gctest has what the tests of garbage collection share: repositories
// made with the git binary, and a bucket in memory that can be made to fail.
package gctest

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

var names sync.Map

// OID is the SHA-256 of a content that the test calls by a name.
func OID(name string) string {
	oid := Hash(name)
	names.Store(oid, name)
	return oid
}

// Hash is the SHA-256 of a content.
func Hash(content string) string {
	sum := sha256.Sum256([]byte(content))
	return hex.EncodeToString(sum[:])
}

// NameOf is the name that OID was called with, or the OID itself.
func NameOf(oid string) string {
	if name, ok := names.Load(oid); ok {
		return name.(string)
	}
	return oid
}

// PointerFile is the pointer to the content of that name.
func PointerFile(name string) string { return pointerTo(OID(name), len(name)) }

func pointerTo(oid string, size int) string {
	return fmt.Sprintf("version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize %d\n", oid, size)
}

// Git is a repository with a working copy. Its methods fail the test.
type Git struct {
	// Dir is the working copy.
	Dir string
	t   testing.TB
	at  int64
}

// NewGit creates an empty repository on branch main.
func NewGit(t testing.TB) *Git {
	t.Helper()
	return NewGitOf(t, "sha1")
}

// NewGitOf creates one with that object format.
func NewGitOf(t testing.TB, format string) *Git {
	t.Helper()
	g := &Git{Dir: t.TempDir(), t: t, at: 1_000_000}
	g.Run("init", "-q", "-b", "main", "--object-format="+format)
	return g
}

// Clone is a clone of it.
func (g *Git) Clone() *Git {
	g.t.Helper()
	c := &Git{Dir: g.t.TempDir(), t: g.t, at: g.at}
	g.Run("clone", "-q", g.Dir, c.Dir)
	return c
}

// At sets the time of the commits that follow, in Unix seconds.
func (g *Git) At(unix int64) *Git { g.at = unix; return g }

// File writes a file.
func (g *Git) File(path, content string) *Git {
	g.t.Helper()
	full := filepath.Join(g.Dir, path)
	if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
		g.t.Fatal(err)
	}
	if err := os.WriteFile(full, []byte(content), 0o644); err != nil {
		g.t.Fatal(err)
	}
	return g
}

// Pointer writes a pointer to the content of that name.
func (g *Git) Pointer(path, name string) *Git {
	g.t.Helper()
	return g.File(path, PointerFile(name))
}

// Symlink makes a symbolic link.
func (g *Git) Symlink(path, target string) *Git {
	g.t.Helper()
	if err := os.Symlink(target, filepath.Join(g.Dir, path)); err != nil {
		g.t.Fatal(err)
	}
	return g
}

// Commit commits everything.
func (g *Git) Commit(message string) *Git {
	g.t.Helper()
	g.Run("add", "-A")
	g.Run("commit", "-q", "-m", message)
	return g
}

// Run runs git in the working copy.
func (g *Git) Run(args ...string) string {
	g.t.Helper()
	cmd := exec.Command("git", append([]string{"-c", "protocol.file.allow=always", "-c", "gc.auto=0"}, args...)...)
	cmd.Dir = g.Dir
	date := fmt.Sprintf("@%d +0000", g.at)
	cmd.Env = append(os.Environ(),
		"GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null",
		"GIT_AUTHOR_NAME=t", "GIT_AUTHOR_EMAIL=t@example.com", "GIT_AUTHOR_DATE="+date,
		"GIT_COMMITTER_NAME=t", "GIT_COMMITTER_EMAIL=t@example.com", "GIT_COMMITTER_DATE="+date)
	out, err := cmd.CombinedOutput()
	if err != nil {
		g.t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return string(out)
}
