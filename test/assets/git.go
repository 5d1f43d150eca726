package assets

import (
	"path/filepath"
	"strings"
	"testing"
)

// Git is a running Git server.
type Git struct {
	Endpoint string // http://127.0.0.1:PORT
	Dir      string // folder of the bare repositories
}

// GitServer serves bare repositories over HTTP until the test ends, and creates
// the named ones, empty, with HEAD on main. Anybody may push.
func GitServer(t testing.TB, repositories ...string) *Git {
	t.Helper()
	return startGit(t, nil, repositories)
}

// GitServerWithPassword is a GitServer that asks for this user and password.
func GitServerWithPassword(t testing.TB, user, password string, repositories ...string) *Git {
	t.Helper()
	return startGit(t, []string{"GIT_USER=" + user, "GIT_PASSWORD=" + password}, repositories)
}

func startGit(t testing.TB, env, repositories []string) *Git {
	t.Helper()
	dir := t.TempDir()
	args := []string{"--dir", dir, "--listen", "127.0.0.1:0"}
	for _, name := range repositories {
		args = append(args, "--create", name)
	}
	p, err := start(command{bin: locate(t, "GITSERVER_BIN", "gitserver"), env: env, args: append(args, "--with-parent")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.stop)
	return &Git{Endpoint: "http://" + p.addr, Dir: dir}
}

// URL of the repository created as name.
func (g *Git) URL(name string) string {
	return g.Endpoint + "/" + strings.TrimSuffix(name, ".git") + ".git"
}

// Path of the same repository on disk.
func (g *Git) Path(name string) string {
	return filepath.Join(g.Dir, strings.TrimSuffix(name, ".git")+".git")
}
