package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
	"time"
)

// isolate runs a command beside a cluster in mount, network and PID namespaces
// of its own. When the command ends, or anything here is killed, the kernel ends
// every process inside and drops every mount, interface and packet filter rule.
// Cgroups and the state folder are left, and removed here; should even this
// process be killed, the next call does it.
func isolate(c *cluster, args []string) error {
	base := filepath.Dir(c.Dir)
	removeAbandoned(base)
	dir, err := os.MkdirTemp(base, isolatedPrefix)
	if err != nil {
		return err
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		return err
	}
	own := &cluster{Dir: dir, Bin: c.Bin}
	release, err := own.claim()
	if err != nil {
		return err
	}
	defer release()

	// The kernel sends the death signal when the thread that forked ends.
	runtime.LockOSThread()
	cmd := self(own, initCommand, args)
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWNET | syscall.CLONE_NEWPID,
		Pdeathsig:  syscall.SIGKILL,
	}
	if err := cmd.Start(); err != nil {
		return errors.Join(err, own.discard())
	}
	stop := endOnSignal(cmd.Process)
	err = cmd.Wait()
	stop()
	if err != nil {
		own.keepLogs()
	}
	return errors.Join(err, own.discard())
}

const (
	isolatedPrefix = "lfs-isolated-"
	initCommand    = "isolated-init"
	insideCommand  = "isolated-inside"
)

// self is this program again, with another command.
func self(c *cluster, command string, args []string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe", append([]string{command}, args...)...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), "LFS_OPERATOR_CLUSTER_DIR="+c.Dir, "LFS_OPERATOR_BIN="+c.Bin, "NODE_IP="+spareAddress)
	return cmd
}

// endOnSignal ends the namespaces when we are told to end. An interrupt from the
// terminal reaches the command as well, which is given time to act on it.
func endOnSignal(init *os.Process) (stop func()) {
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	go func() {
		for s := range signals {
			if s == syscall.SIGINT {
				time.Sleep(10 * time.Second)
			}
			_ = init.Kill()
		}
	}()
	return func() { signal.Stop(signals) }
}

// claim marks the state folder as in use for as long as this process lives.
func (c *cluster) claim() (release func(), err error) {
	f, err := os.Create(c.path("owner"))
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		return nil, err
	}
	return func() { f.Close() }, nil
}

// discard removes what the kernel does not.
func (c *cluster) discard() error {
	return errors.Join(c.killAll(), c.removeCgroups(), os.RemoveAll(c.Dir))
}

// removeAbandoned discards the clusters of calls that were killed.
func removeAbandoned(base string) {
	dirs, _ := filepath.Glob(filepath.Join(base, isolatedPrefix+"*"))
	for _, dir := range dirs {
		c := &cluster{Dir: dir}
		release, err := c.claim()
		if err != nil {
			continue // alive
		}
		if err := c.discard(); err != nil {
			say("left over from an earlier run: %v", err)
		}
		release()
	}
}

// keepLogs copies the logs away, where somebody has asked for them.
func (c *cluster) keepLogs() {
	to := os.Getenv("LFS_OPERATOR_KEEP_LOGS")
	if to == "" {
		return
	}
	for _, name := range []string{"log", "pod-logs"} {
		if err := os.CopyFS(filepath.Join(to, name), os.DirFS(c.path(name))); err != nil {
			say("keep logs: %v", err)
		}
	}
	say("logs are in %s", to)
}

// exitCode is a shell's: 128 and the signal for a command that was killed.
func exitCode(err *exec.ExitError) int {
	if status, ok := err.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal())
	}
	return err.ExitCode()
}

// initProcess is process 1 of the PID namespace. All it does is to reap: every
// orphan inside falls to it.
func initProcess(c *cluster, args []string) error {
	signal.Notify(make(chan os.Signal, 1), syscall.SIGINT)
	cmd := self(c, insideCommand, args)
	if err := cmd.Start(); err != nil {
		return err
	}
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, 0, nil)
		switch {
		case errors.Is(err, syscall.EINTR):
		case err != nil:
			return fmt.Errorf("wait: %w", err)
		case pid == cmd.Process.Pid && status.Signaled():
			os.Exit(128 + int(status.Signal()))
		case pid == cmd.Process.Pid && status.Exited():
			os.Exit(status.ExitStatus())
		}
	}
}
