package main

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// daemonNames are all daemons, in the order in which they start.
var daemonNames = []string{
	"containerd", "etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy",
}

// ports are what each daemon listens on.
func (c *cluster) ports() map[string][]string {
	return map[string][]string{
		"etcd":                    {"127.0.0.1:2379"},
		"kube-apiserver":          {c.NodeIP + ":6443"},
		"kube-controller-manager": {"127.0.0.1:10257"},
		"kube-scheduler":          {"127.0.0.1:10259"},
		"kubelet":                 {c.NodeIP + ":10250", "127.0.0.1:10248"},
		"kube-proxy":              {"127.0.0.1:10249", "127.0.0.1:10256"},
	}
}

// checkPorts tells of other programs that have a port we need, before anything
// is started; a daemon would say so less clearly, in its log.
func (c *cluster) checkPorts() error {
	var errs []error
	for name, addresses := range c.ports() {
		if c.running(name) {
			continue
		}
		for _, address := range addresses {
			l, err := net.Listen("tcp", address)
			if err != nil {
				errs = append(errs, fmt.Errorf("%s needs %s, which is taken (by another cluster on this machine?): %w", name, address, err))
				continue
			}
			l.Close()
		}
	}
	return errors.Join(errs...)
}

func (c *cluster) logFile(name string) string { return c.path("log", name+".log") }
func (c *cluster) pidFile(name string) string { return c.path("pid", name) }

// start runs a daemon in the background unless it runs already. It gets a
// session of its own, so that it outlives this command and its terminal.
func (c *cluster) start(name, bin string, args ...string) error {
	if c.running(name) {
		return nil
	}
	for _, dir := range []string{"log", "pid"} {
		if err := os.MkdirAll(c.path(dir), 0o755); err != nil {
			return err
		}
	}
	log, err := os.OpenFile(c.logFile(name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(bin, args...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return err
	}
	// "down" kills by this cgroup; what the daemon starts, it starts inside.
	if err := c.adopt(cmd.Process.Pid); err != nil {
		_ = cmd.Process.Kill()
		return fmt.Errorf("put %s into its cgroup: %w", name, err)
	}
	id, err := processID(cmd.Process.Pid)
	if err != nil {
		return fmt.Errorf("%s ended at once; its log is %s", name, c.logFile(name))
	}
	if err := os.WriteFile(c.pidFile(name), []byte(id), 0o644); err != nil {
		return err
	}
	go func() { _ = cmd.Wait() }() // no zombie while this command lives
	return nil
}

// running tells whether the daemon that was started under this name still runs.
func (c *cluster) running(name string) bool {
	want, err := os.ReadFile(c.pidFile(name))
	if err != nil {
		return false
	}
	number, _, _ := strings.Cut(string(want), " ")
	pid, err := strconv.Atoi(number)
	if err != nil {
		return false
	}
	got, err := processID(pid)
	return err == nil && got == string(want)
}

// processID is a process's number and start time: numbers are used again, and
// after a restart of the machine a file may name somebody else's process.
func processID(pid int) (string, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "", err
	}
	// The name, second of the fields, may hold spaces and parentheses.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	const state, startTime = 0, 19
	if len(fields) <= startTime || fields[state] == "Z" {
		return "", os.ErrProcessDone
	}
	return fmt.Sprintf("%d %s", pid, fields[startTime]), nil
}

// await waits until check passes. It says so when that takes more than a second,
// and gives up early when the daemon it waits for has ended.
func (c *cluster) await(what, daemon string, limit time.Duration, check func() error) error {
	begin, told := time.Now(), false
	for {
		err := check()
		if err == nil {
			if told {
				say("%s after %.1f s", what, time.Since(begin).Seconds())
			}
			return nil
		}
		if !c.running(daemon) {
			return fmt.Errorf("%s ended; the end of %s:\n%s", daemon, c.logFile(daemon), lastLines(c.logFile(daemon), 5))
		}
		if time.Since(begin) > limit {
			return fmt.Errorf("gave up after %s waiting for: %s: %w\nlook into %s", limit, what, err, c.logFile(daemon))
		}
		if !told && time.Since(begin) > time.Second {
			say("waiting for: %s", what)
			told = true
		}
		time.Sleep(100 * time.Millisecond)
	}
}

func lastLines(path string, n int) string {
	content, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(content)), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
