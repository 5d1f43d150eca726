package main

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// cgroup is the name of the cluster's own cgroup, the same in every hierarchy:
// pods lie below it, and so do the daemons (in "system"). Whatever is inside
// belongs to this cluster and nothing else does, so that "down" needs no list.
//
// The name is drawn once and noted in the state folder. It cannot be derived from
// the folder's path: that may be another folder in another mount namespace, while
// cgroups are the whole machine's.
func (c *cluster) cgroup() string {
	name, err := os.ReadFile(c.path("cgroup"))
	if err != nil || !cgroupName.Match(name) {
		// No cgroup has this name. An empty one would be the whole machine.
		return "/lfs-operator-none"
	}
	return string(name)
}

var cgroupName = regexp.MustCompile("^/lfs-operator-[0-9a-f]{8}$")

func (c *cluster) nameCgroup() error {
	if _, err := os.Stat(c.path("cgroup")); err == nil {
		return nil
	}
	name := fmt.Sprintf("/lfs-operator-%08x", rand.Uint32())
	return os.WriteFile(c.path("cgroup"), []byte(name), 0o644)
}

// hierarchies are the mount points of cgroup version 1, one for each controller,
// or the one of version 2.
func hierarchies() ([]string, error) {
	mounts, err := os.Open("/proc/self/mounts")
	if err != nil {
		return nil, err
	}
	defer mounts.Close()
	var found []string
	for s := bufio.NewScanner(mounts); s.Scan(); {
		f := strings.Fields(s.Text())
		if strings.HasPrefix(f[1], "/sys/fs/cgroup") && (f[2] == "cgroup" || f[2] == "cgroup2") {
			found = append(found, f[1])
		}
	}
	if len(found) == 0 {
		return nil, errors.New("no cgroups are mounted below /sys/fs/cgroup")
	}
	slices.Sort(found)
	return slices.Compact(found), nil
}

// prepareCgroups makes the cluster's cgroup; kubelet wants it to be there.
func (c *cluster) prepareCgroups() error {
	if err := c.nameCgroup(); err != nil {
		return err
	}
	all, err := hierarchies()
	if err != nil {
		return err
	}
	for _, h := range all {
		own := filepath.Join(h, c.cgroup())
		if err := os.MkdirAll(own, 0o755); err != nil {
			return err
		}
		// Version 2: a controller reaches a child only if its parent passes it on.
		passOn(h)
		passOn(own)
		// Version 1: a new cpuset has no processor until it is given some.
		for _, file := range []string{"cpuset.cpus", "cpuset.mems"} {
			if value, err := os.ReadFile(filepath.Join(h, file)); err == nil {
				_ = os.WriteFile(filepath.Join(own, file), value, 0)
			}
		}
	}
	home, err := c.daemonCgroup()
	if err != nil {
		return err
	}
	return os.MkdirAll(home, 0o755)
}

func passOn(cgroup string) {
	controllers, err := os.ReadFile(filepath.Join(cgroup, "cgroup.controllers"))
	if err != nil {
		return
	}
	for _, name := range strings.Fields(string(controllers)) {
		// One by one: those that cannot be passed on must not stop the others,
		// and kubelet names the ones that it misses.
		_ = os.WriteFile(filepath.Join(cgroup, "cgroup.subtree_control"), []byte("+"+name), 0)
	}
}

// daemonCgroup is where the daemons are: in one hierarchy, which is enough to
// find them and leaves the machine's accounting of the others as it is.
func (c *cluster) daemonCgroup() (string, error) {
	all, err := hierarchies()
	if err != nil {
		return "", err
	}
	home := all[0]
	if i := slices.Index(all, "/sys/fs/cgroup/pids"); i >= 0 {
		home = all[i]
	}
	return filepath.Join(home, c.cgroup(), "system"), nil
}

// adopt puts a process into the daemons' cgroup.
func (c *cluster) adopt(pid int) error {
	home, err := c.daemonCgroup()
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(home, "cgroup.procs"), []byte(strconv.Itoa(pid)), 0)
}

// killAll ends every process of the cluster, daemon or container, and waits
// until they are gone.
func (c *cluster) killAll() error {
	deadline := time.Now().Add(20 * time.Second)
	for {
		pids := c.processes()
		if len(pids) == 0 {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("processes do not end: %v", pids)
		}
		for _, pid := range pids {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func (c *cluster) processes() []int {
	var pids []int
	c.eachCgroup(func(path string) {
		procs, _ := os.ReadFile(filepath.Join(path, "cgroup.procs"))
		for _, f := range strings.Fields(string(procs)) {
			// 0 stands for a process that this PID namespace does not see; as an
			// argument of kill it would mean ourselves.
			if pid, err := strconv.Atoi(f); err == nil && pid > 0 {
				pids = append(pids, pid)
			}
		}
	})
	slices.Sort(pids)
	return slices.Compact(pids)
}

// removeCgroups removes the cluster's empty cgroups, children first. The kernel
// may need a moment after the last process has ended.
func (c *cluster) removeCgroups() error {
	var last error
	for range 100 {
		last = nil
		var paths []string
		c.eachCgroup(func(path string) { paths = append(paths, path) })
		for _, path := range slices.Backward(paths) {
			if err := syscall.Rmdir(path); err != nil && !errors.Is(err, syscall.ENOENT) {
				last = fmt.Errorf("remove %s: %w", path, err)
			}
		}
		if last == nil {
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	return last
}

// eachCgroup visits the cluster's cgroups, parents first.
func (c *cluster) eachCgroup(visit func(path string)) {
	all, _ := hierarchies()
	for _, h := range all {
		_ = filepath.WalkDir(filepath.Join(h, c.cgroup()), func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.IsDir() {
				visit(path)
			}
			return nil
		})
	}
}
