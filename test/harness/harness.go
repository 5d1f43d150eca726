// Package harness drives the product through the doors that people take:
// kubectl, git and git-lfs, against a real cluster and a real object store. The
// demo, the end-to-end tests and the measured bars are all built from its steps,
// so that what is shown is what is tested and what is measured.
package harness

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Names of what the steps make in the cluster.
const (
	// Image holds the manager and the LFS server.
	Image = "localhost/lfs-operator:dev"
	// OperatorNamespace is where config/default installs the operator.
	OperatorNamespace = "lfs-operator-system"
	// StoreNodePort and GitNodePort are where hack/dev exposes the S3 store and
	// the Git server on every node.
	StoreNodePort = 30900
	GitNodePort   = 30980
	// StoreInternal is the S3 store as pods reach it.
	StoreInternal = "http://store.store.svc:9000"
	// GitInternal is the Git server as pods reach it.
	GitInternal = "http://git.git.svc"
)

// Env is a cluster and the tools to work with it.
type Env struct {
	// Root of the source tree.
	Root string
	// StoreURL and GitURL are the dev services as this process reaches them; in
	// the local cluster pods reach them by the same URL.
	StoreURL, GitURL string
	// Host by which this process reaches node ports.
	Host string
	// Log takes a line for each thing that takes a while.
	Log io.Writer

	start time.Time
}

// New finds the source tree and the cluster (KUBECONFIG, NODE_IP; "hack/cluster
// isolated" and "hack/cluster env" set both).
func New() (*Env, error) {
	root, err := findRoot()
	if err != nil {
		return nil, err
	}
	host := os.Getenv("NODE_IP")
	if host == "" {
		return nil, errors.New("NODE_IP is not set: run this through make (make demo, make e2e)")
	}
	path := filepath.Join(root, "bin") + ":" + filepath.Join(root, "bin", "kube") + ":" + os.Getenv("PATH")
	if err := os.Setenv("PATH", path); err != nil {
		return nil, err
	}
	return &Env{
		Root:     root,
		Host:     host,
		StoreURL: fmt.Sprintf("http://%s:%d", host, StoreNodePort),
		GitURL:   fmt.Sprintf("http://%s:%d", host, GitNodePort),
		Log:      os.Stdout,
		start:    time.Now(),
	}, nil
}

func findRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "PROJECT")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", errors.New("not inside the source tree")
		}
		dir = filepath.Dir(dir)
	}
}

// Say prints a line with the time since the start.
func (e *Env) Say(format string, args ...any) {
	fmt.Fprintf(e.Log, "[%6.1fs] %s\n", time.Since(e.start).Seconds(), fmt.Sprintf(format, args...))
}

// Run runs a command and returns its standard output. The error holds what the
// command said on standard error.
func Run(ctx context.Context, name string, args ...string) (string, error) {
	return runIn(ctx, "", nil, "", name, args...)
}

func runIn(ctx context.Context, dir string, env []string, stdin, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	if env != nil {
		cmd.Env = env
	}
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	cmd.Stdin = strings.NewReader(stdin)
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("%s %s: %w\n%s%s", name, strings.Join(args, " "), err, out.String(), errs.String())
	}
	return out.String(), nil
}

// Until calls f until it returns true, more and more seldom, and fails with the
// last reason when the time is over.
func Until(ctx context.Context, limit time.Duration, what string, f func(context.Context) (done bool, why string)) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var why string
	for pause := 50 * time.Millisecond; ; pause = min(2*pause, 800*time.Millisecond) {
		done, w := f(ctx)
		if done {
			return nil
		}
		if w != "" && ctx.Err() == nil {
			why = w
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("not within %s: %s (last: %s)", limit, what, strings.TrimSpace(why))
		case <-time.After(pause):
		}
	}
}
