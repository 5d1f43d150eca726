package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// up starts whatever of the cluster is not running. It is the same for a first
// start, for a second call (nothing to do) and after the machine was restarted.
func (c *cluster) up() error {
	begin := time.Now()
	if err := c.requirements(); err != nil {
		return err
	}
	if err := os.MkdirAll(c.Dir, 0o755); err != nil {
		return err
	}
	unlock, err := c.lock()
	if err != nil {
		return err
	}
	defer unlock()
	if c.healthy() == nil {
		say("is up already; KUBECONFIG=%s", c.kubeconfig())
		return nil
	}
	if err := errors.Join(c.settleNodeIP(), c.checkPorts()); err != nil {
		return err
	}
	steps := []func() error{
		c.makePKI,
		c.prepareKernel,
		// Its images load while the control plane starts.
		c.startContainerd,
		c.startControlPlane,
		c.startNode,
		c.startDNS,
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return fmt.Errorf("%w\nwhat was started still runs, to look into; remove it with \"make cluster-down\"", err)
		}
	}
	say("is up after %.1f s; KUBECONFIG=%s", time.Since(begin).Seconds(), c.kubeconfig())
	return nil
}

// lock keeps a second "up" or "down" of the same cluster waiting.
func (c *cluster) lock() (unlock func(), err error) {
	dir, err := os.Open(c.Dir)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(dir.Fd()), syscall.LOCK_EX); err != nil {
		dir.Close()
		return nil, err
	}
	return func() { dir.Close() }, nil
}

// requirements says all that is missing at once, before anything is started.
func (c *cluster) requirements() error {
	var missing []error
	for _, name := range []string{"kube/kube-apiserver", "images/pause.tar", "images/coredns.tar"} {
		if _, err := os.Stat(filepath.Join(c.Bin, name)); err != nil {
			missing = append(missing, fmt.Errorf("%s is not built: run \"make cluster-tools\"", filepath.Join(c.Bin, name)))
		}
	}
	for _, name := range []string{"containerd", "ctr", "runc", "nft", "ip"} {
		if _, err := exec.LookPath(name); err != nil {
			missing = append(missing, fmt.Errorf("%s is not installed: run \"hack/apt.sh cluster\"", name))
		}
	}
	if _, err := cniFolder(); err != nil {
		missing = append(missing, err)
	}
	return errors.Join(missing...)
}

// healthy is nil when everything runs, and else says what does not.
func (c *cluster) healthy() error {
	if c.NodeIP == "" {
		return errors.New("no cluster is up")
	}
	for _, name := range daemonNames {
		if !c.running(name) {
			return fmt.Errorf("%s does not run (log: %s)", name, c.logFile(name))
		}
	}
	if err := c.apiReady(); err != nil {
		return fmt.Errorf("kube-apiserver is not ready: %w (log: %s)", err, c.logFile("kube-apiserver"))
	}
	return c.nodeReady()
}
