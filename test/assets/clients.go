package assets

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// envClients, set to "required", makes a test fail that would be skipped for want
// of a client: "make test-clients" installs them all.
const envClients = "TEST_CLIENTS"

// Client is the path of a program that not every machine has.
func Client(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		withoutClient(t, name)
	}
	return path
}

// NodeModules is the folder of the Node.js libraries that hack/npm pins. It needs
// Node.js itself.
func NodeModules(t testing.TB) string {
	t.Helper()
	Client(t, "node")
	return clientFile(t, "node_modules")
}

// DebianGitLFS is the path of git-lfs as Debian packages it, years older than the
// other.
func DebianGitLFS(t testing.TB) string {
	t.Helper()
	return clientFile(t, "git-lfs")
}

func clientFile(t testing.TB, name string) string {
	t.Helper()
	path, err := filepath.EvalSymlinks(filepath.Join(Root(t), "bin", "clients", name))
	if errors.Is(err, os.ErrNotExist) {
		withoutClient(t, "bin/clients/"+name)
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func withoutClient(t testing.TB, name string) {
	t.Helper()
	if os.Getenv(envClients) == "required" {
		t.Fatalf("%s is missing: run \"make test-clients\"", name)
	}
	t.Skipf("%s is missing; \"make test-clients\" installs it and runs this", name)
}
