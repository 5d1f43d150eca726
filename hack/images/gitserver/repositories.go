package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// repositories is a folder of bare repositories.
type repositories struct {
	root    string
	backend string // path of git-http-backend
}

func openRepositories(ctx context.Context, root string) (*repositories, error) {
	if err := os.MkdirAll(root, 0o755); err != nil {
		return nil, err
	}
	out, err := exec.CommandContext(ctx, "git", "--exec-path").Output()
	if err != nil {
		return nil, fmt.Errorf("git is needed, and cannot be run: %w", err)
	}
	backend := filepath.Join(strings.TrimSpace(string(out)), "git-http-backend")
	if _, err := os.Stat(backend); err != nil {
		return nil, fmt.Errorf("this git has no http-backend: %w", err)
	}
	return &repositories{root: root, backend: backend}, nil
}

// settings of every repository that is served, as "git -c" would take them.
var settings = []string{
	"http.receivepack=true",
	"uploadpack.allowFilter=true",
	"uploadpack.allowAnySHA1InWant=true",
	// In a pod the folder belongs to whoever made the volume.
	"safe.directory=*",
}

// env hands the settings to git without writing to anybody's configuration.
func env() []string {
	e := []string{fmt.Sprintf("GIT_CONFIG_COUNT=%d", len(settings))}
	for i, s := range settings {
		key, value, _ := strings.Cut(s, "=")
		e = append(e, fmt.Sprintf("GIT_CONFIG_KEY_%d=%s", i, key), fmt.Sprintf("GIT_CONFIG_VALUE_%d=%s", i, value))
	}
	// No home in a pod, and on a developer's machine not the developer's own
	// configuration: a test must not depend on it.
	return append(e, "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1")
}

// create makes NAME.git unless it is there. Its HEAD is main.
func (r *repositories) create(ctx context.Context, name string) error {
	path := filepath.Join(r.root, name+".git")
	if !strings.HasPrefix(path, r.root+string(filepath.Separator)) {
		return fmt.Errorf("--create %s: outside of the folder", name)
	}
	if _, err := os.Stat(filepath.Join(path, "HEAD")); err == nil {
		return nil
	}
	// No templates: the image has none, and their sample hooks are of no use.
	cmd := exec.CommandContext(ctx, "git", "init", "--quiet", "--bare", "--template=", "--initial-branch=main", path)
	cmd.Env = append(os.Environ(), env()...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("create %s: %w: %s", name, err, out)
	}
	return nil
}
