package main

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// down stops the cluster and removes all that it left on the machine. It asks
// no daemon to help, since it must work when none of them does: it may be called
// after a failed "up", and twice.
func (c *cluster) down() error {
	if _, err := os.Stat(c.Dir); errors.Is(err, os.ErrNotExist) {
		say("there is none in %s", c.Dir)
		return nil
	}
	unlock, err := c.lock()
	if err != nil {
		return err
	}
	defer unlock()
	begin := time.Now()
	// Later steps are taken even when one fails: they depend on the first only,
	// and the state folder, which says what to clean, goes last.
	err = errors.Join(
		c.killAll(),
		c.unmount(),
		c.removeRules(),
		c.restoreSysctls(),
		c.removeStrays(),
		c.removeCgroups(),
	)
	if err != nil {
		return err
	}
	if err := os.RemoveAll(c.Dir); err != nil {
		return err
	}
	say("is down after %.1f s", time.Since(begin).Seconds())
	return nil
}

// unmount detaches everything below the state folder: roots of containers,
// volumes, network namespaces.
func (c *cluster) unmount() error {
	mounts, err := mountsBelow(c.Dir)
	if err != nil {
		return err
	}
	var errs []error
	for _, m := range mounts {
		if err := syscall.Unmount(m, syscall.MNT_DETACH); err != nil && !errors.Is(err, syscall.EINVAL) {
			errs = append(errs, &os.PathError{Op: "unmount", Path: m, Err: err})
		}
	}
	return errors.Join(errs...)
}

// removeStrays removes what kubelet, containerd and the CNI library write
// outside of the folders they are given. Another runtime on the machine may use
// the same folders, so only what is ours goes, and then what is empty.
func (c *cluster) removeStrays() error {
	logs, _ := filepath.Glob("/var/log/containers/*.log")
	for _, link := range logs {
		if target, err := os.Readlink(link); err == nil && strings.HasPrefix(target, c.Dir+"/") {
			_ = os.Remove(link)
		}
	}
	// Results are named NETWORK-CONTAINER-INTERFACE; loopback is a network too.
	results, _ := filepath.Glob("/var/lib/cni/results/lfs-operator-*")
	for _, result := range results {
		_ = os.Remove(result)
		id := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(result), "lfs-operator-"), "-eth0")
		_ = os.Remove("/var/lib/cni/results/cni-loopback-" + id + "-lo")
	}
	removeShimSockets()
	if _, err := os.Stat(c.pidFile("kubelet")); err == nil {
		_ = os.Remove("/var/lib/kubelet/device-plugins/kubelet.sock")
	}
	for _, dir := range []string{
		"/var/log/containers",
		"/var/lib/cni/results", "/var/lib/cni",
		"/var/lib/kubelet/device-plugins", "/var/lib/kubelet",
		"/run/containerd/s", "/run/containerd/runc", "/run/containerd",
		"/run/mount",
	} {
		_ = syscall.Rmdir(dir) // fails where it is not empty
	}
	// Fails where the machine had an address of its own.
	_ = exec.Command("ip", "link", "delete", spareInterface).Run()
	return nil
}

// removeShimSockets removes the sockets of shims that are no more. They lie in a
// folder that all containerds share; in those of others somebody listens.
func removeShimSockets() {
	sockets, _ := filepath.Glob("/run/containerd/s/*")
	for _, socket := range sockets {
		conn, err := net.Dial("unix", socket)
		if err == nil {
			conn.Close()
		} else if errors.Is(err, syscall.ECONNREFUSED) {
			_ = os.Remove(socket)
		}
	}
}
