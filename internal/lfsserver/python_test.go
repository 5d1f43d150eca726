package lfsserver_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver/lfstest"
	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
	"github.com/lfs-operator/lfs-operator/test/assets"
)

// pythonDir is a folder with the scripts of testdata.
func pythonDir(t *testing.T) string {
	t.Helper()
	assets.Client(t, "python3")
	dir := t.TempDir()
	for from, to := range map[string]string{"http.py": "http_as_requests.py", "kohakuhub.py": "kohakuhub.py", "agent.py": "agent.py"} {
		script, err := os.ReadFile(filepath.Join("testdata", from))
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, to), script, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestKohakuHubScript: a script as KohakuHub documents it, for a large object and
// for a small one.
func TestKohakuHubScript(t *testing.T) {
	dir := pythonDir(t)
	s := lfstest.Start(t, assets.SharedStore(t), lfstest.WithConfig(func(c *serverconfig.Config) {
		c.Repository.Namespace, c.Repository.Name = "username", "repo"
		c.Multipart = serverconfig.Multipart{ThresholdBytes: 1 << 20, PartSizeBytes: partSize, Dialect: "KohakuHub"}
	}))
	for name, size := range map[string]int{"large": 2*partSize + 12, "small": 1000} {
		t.Run(name, func(t *testing.T) {
			c := content(size)
			if err := os.WriteFile(filepath.Join(dir, name), []byte(c), 0o600); err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command("python3", "kohakuhub.py", s.URL, lfstest.WriteToken, name)
			cmd.Dir = dir
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			if s.Download(lfstest.ObjectOf(c)) != c {
				t.Error("not what was uploaded")
			}
		})
	}
}

// TestGitWithAgent: git-lfs itself with a transfer agent of the name "multipart".
func TestGitWithAgent(t *testing.T) {
	dir := pythonDir(t)
	s := startSplitting(t, "Auto")
	b := newGitBox(t)
	work, _ := b.repository(s, lfstest.WriteToken)
	b.git(work, "config", "lfs.customtransfer.multipart.path", "python3")
	b.git(work, "config", "lfs.customtransfer.multipart.args", filepath.Join(dir, "agent.py"))
	large, small := content(2*partSize+12), content(1000)
	for name, c := range map[string]string{"large.bin": large, "small.bin": small} {
		if err := os.WriteFile(filepath.Join(work, name), []byte(c), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	b.git(work, "add", ".")
	b.git(work, "commit", "-m", "large and small")
	b.git(work, "push", "origin", "main")
	for _, c := range []string{large, small} {
		if s.Download(lfstest.ObjectOf(c)) != c {
			t.Error("not what was pushed")
		}
	}
}
