//go:build e2e

package e2e

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/lfs-operator/lfs-operator/test/assets"
	"github.com/lfs-operator/lfs-operator/test/harness"
)

// TestDebianGitLFS: git-lfs as Debian packages it, years older than the one of all
// other tests, pushes to a pod and pulls from it.
func TestDebianGitLFS(t *testing.T) {
	t.Parallel()
	lfs := assets.DebianGitLFS(t)
	r := readyRepository(t, harness.Repository{Name: "debian"})
	w := workTree(t, r)
	w.UseGitLFS(lfs)
	version, err := w.Git(t.Context(), "lfs", "version")
	noError(t, err)
	env.Say("  pushing and pulling with %s", strings.TrimSpace(version))
	random(t, w, "small.bin", 1e5)
	random(t, w, "folder/large.bin", 12e6)
	noError(t, r.Push(t.Context(), w))

	line, err := r.Credentials(t.Context())
	noError(t, err)
	pulled, err := harness.NewWorkTree(t.Context(), filepath.Join(t.TempDir(), "pulled"), line)
	noError(t, err)
	pulled.UseGitLFS(lfs)
	_, err = pulled.Git(t.Context(), "pull", "-q", r.GitURL(), "main")
	noError(t, err)
	want, err := w.Hashes()
	noError(t, err)
	got, err := pulled.Hashes()
	noError(t, err)
	if err := harness.SameFiles(want, got); err != nil {
		t.Errorf("what was pulled differs from what was pushed: %v", err)
	}
}
