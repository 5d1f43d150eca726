// Package assets finds and starts the real programs that tests run against: an
// S3 store, a Git server, git-lfs, kube-apiserver and etcd. "make test-tools"
// builds them into bin/; an environment variable each puts another in its place:
//
//	TEST_STORE         kind of S3 store: versitygw (default) or minio
//	TEST_STORE_BIN     teststore, which is versitygw
//	MINIO_BIN          minio; only "make test-minio" builds it
//	GITSERVER_BIN      gitserver, Git over HTTP
//	GIT_LFS_BIN        git-lfs
//	GIT_LFS_TEST_BIN   git-lfs-test-server-api, git-lfs's test of servers
//	KUBEBUILDER_ASSETS folder with kube-apiserver, etcd and kubectl
//
// A missing program fails the test and names the command that builds it. No test
// is skipped for want of one: a suite that passes has run. Clients that others wrote
// and that not every machine has are the exception (clients.go): "make test-clients"
// installs them, and with TEST_CLIENTS=required nothing is skipped.
//
// The package uses the standard library only, so that every test can import it.
package assets

import (
	"bufio"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const module = "github.com/lfs-operator/lfs-operator"

// KubeAssets is the folder that holds kube-apiserver, etcd and kubectl, as
// envtest's BinaryAssetsDirectory wants it.
func KubeAssets(t testing.TB) string {
	t.Helper()
	return locate(t, "KUBEBUILDER_ASSETS", "kube")
}

// GitLFS is the path of git-lfs. Git finds it as a subcommand when its folder is
// on the PATH.
func GitLFS(t testing.TB) string {
	t.Helper()
	return locate(t, "GIT_LFS_BIN", "git-lfs")
}

// GitLFSTest is the path of git-lfs-test-server-api, with which git-lfs tests
// servers.
func GitLFSTest(t testing.TB) string {
	t.Helper()
	return locate(t, "GIT_LFS_TEST_BIN", "git-lfs-test-server-api")
}

// Root is the folder of this repository's go.mod.
func Root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if isRoot(dir) {
			return dir
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			t.Fatalf("no go.mod of %s above the working directory", module)
		}
		dir = parent
	}
}

// isRoot tells the repository's own module from the nested ones under hack/.
func isRoot(dir string) bool {
	f, err := os.Open(filepath.Join(dir, "go.mod"))
	if err != nil {
		return false
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if name, ok := strings.CutPrefix(s.Text(), "module "); ok {
			return strings.TrimSpace(name) == module
		}
	}
	return false
}

// locate resolves links: the folder of a program found in bin/ holds nothing
// else that could get onto a test's PATH with it.
func locate(t testing.TB, env, name string) string {
	t.Helper()
	path, source := os.Getenv(env), env
	if path == "" {
		path, source = filepath.Join(Root(t), "bin", name), "bin/"+name
	}
	path, err := filepath.Abs(path)
	if err == nil {
		path, err = filepath.EvalSymlinks(path)
	}
	if errors.Is(err, os.ErrNotExist) {
		t.Fatalf("%s is missing (looked for %s): run \"%s\"", name, source, makes(name))
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// makes is the command that builds a program.
func makes(name string) string {
	if name == "minio" {
		return "make minio"
	}
	return "make test-tools"
}
