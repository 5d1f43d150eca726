package lfsserver_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver/lfstest"
	"github.com/lfs-operator/lfs-operator/test/assets"
)

// conformanceTests is how many git-lfs-test-server-api 3.8.1 has.
const conformanceTests = 7

// TestConformance runs git-lfs's own test of servers against an empty repository.
// "make bars-transfers" counts by its last line.
func TestConformance(t *testing.T) {
	t.Parallel()
	store := assets.SharedStore(t)
	s := lfstest.Start(t, store)
	home := t.TempDir()
	cmd := exec.Command(assets.GitLFSTest(t), "--url="+withToken(t, s.Root(), lfstest.WriteToken))
	cmd.Dir = home
	cmd.Env = []string{
		"HOME=" + home, "TMPDIR=" + home, "PATH=" + os.Getenv("PATH"),
		"GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0", "LC_ALL=C",
	}
	out, err := cmd.CombinedOutput()
	passed := strings.Count(string(out), " OK\n")
	t.Logf("store=%s conformance-failed=%d", store.Kind(), conformanceTests-passed)
	if err != nil || passed != conformanceTests {
		t.Errorf("%d of %d tests passed: %v\n%s", passed, conformanceTests, err, out)
	}
}
