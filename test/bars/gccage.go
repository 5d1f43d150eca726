package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
)

// cageMiB is the memory limit of garbage collection's containers.
const cageMiB = 256

// cage is a memory cgroup with that limit: what the kernel does to a container. All
// children of what runs in it are in it too, and so is what they read from disk.
type cage struct{ dir string }

// newCage makes one where this machine allows it: cgroup v2, or the memory controller
// of v1.
func newCage() (*cage, error) {
	var err error
	for _, at := range []struct{ root, limit string }{
		{"/sys/fs/cgroup", "memory.max"},
		{"/sys/fs/cgroup/memory", "memory.limit_in_bytes"},
	} {
		if _, err = os.Stat(filepath.Join(at.root, "cgroup.procs")); err != nil {
			continue
		}
		var dir string
		if dir, err = os.MkdirTemp(at.root, "lfs-operator-bars-"); err != nil {
			continue
		}
		// The file is the controller's own: where the controller is off there is none.
		limit := filepath.Join(dir, at.limit)
		if _, err = os.Stat(limit); err == nil {
			err = os.WriteFile(limit, []byte(strconv.Itoa(cageMiB<<20)), 0)
		}
		if err == nil {
			return &cage{dir}, nil
		}
		_ = os.Remove(dir)
	}
	return nil, fmt.Errorf("no memory cgroup can be made here: %w", err)
}

// confine makes a command run in the cage from its first byte on.
func (c *cage) confine(cmd *exec.Cmd) {
	shell := []string{"/bin/sh", "-c", `echo $$ >"$0/cgroup.procs" && exec "$@"`, c.dir, cmd.Path}
	cmd.Path, cmd.Args = shell[0], append(shell, cmd.Args[1:]...)
}

func (c *cage) remove() { _ = os.Remove(c.dir) }
