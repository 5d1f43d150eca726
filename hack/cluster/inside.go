package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
)

// inside prepares the namespaces, starts the cluster in them and runs the
// command.
func inside(c *cluster, args []string) error {
	// The command's to act on; a mere "ignore" would be passed on to it.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGINT)
	if err := errors.Join(c.privateMounts(), privateNetwork()); err != nil {
		return fmt.Errorf("prepare the namespaces: %w", err)
	}
	if err := c.up(); err != nil {
		return err
	}
	cmd := exec.Command(args[0], args[1:]...)
	// Looked up on the PATH that it will have, which holds kubectl.
	for _, e := range c.environment() {
		name, value, _ := strings.Cut(e, "=")
		os.Setenv(name, value)
	}
	if path, err := exec.LookPath(args[0]); err == nil {
		cmd = exec.Command(path, args[1:]...)
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	return cmd.Run()
}

// privateMounts gives the namespace a /proc, a /run and writable copies of the
// folders in which kubelet and others insist to write, and hides the kernel
// settings that kubelet would change for the whole machine.
func (c *cluster) privateMounts() error {
	resolver, _ := filepath.EvalSymlinks("/etc/resolv.conf")
	layers := c.path("namespace")
	err := errors.Join(
		syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""),
		syscall.Mount("proc", "/proc", "proc", 0, ""),
		syscall.Mount("tmpfs", "/run", "tmpfs", 0, "mode=755"),
		os.MkdirAll(layers, 0o755),
		syscall.Mount("tmpfs", layers, "tmpfs", 0, "mode=755"),
	)
	if err != nil {
		return err
	}
	for _, dir := range []string{"/var/lib", "/var/log"} {
		own := filepath.Join(layers, strings.ReplaceAll(dir, "/", "_"))
		err := errors.Join(
			os.MkdirAll(own+"/upper", 0o755),
			os.MkdirAll(own+"/work", 0o755),
			syscall.Mount("overlay", dir, "overlay", 0, fmt.Sprintf("lowerdir=%s,upperdir=%[2]s/upper,workdir=%[2]s/work", dir, own)),
		)
		if err != nil {
			return fmt.Errorf("overlay %s: %w", dir, err)
		}
	}
	for name, value := range sysctls {
		if strings.HasPrefix(name, "net/") {
			continue // these belong to the network namespace
		}
		if err := cover("/proc/sys/"+name, filepath.Join(layers, strings.ReplaceAll(name, "/", ".")), value+"\n"); err != nil {
			return err
		}
	}
	// No name server of the outside can be reached, but the cluster's own can.
	content := fmt.Sprintf("nameserver %s\nsearch svc.%s %[2]s\n", dnsService, dnsDomain)
	if strings.HasPrefix(resolver, "/run/") { // which is empty now
		return errors.Join(os.MkdirAll(filepath.Dir(resolver), 0o755), os.WriteFile(resolver, []byte(content), 0o644))
	}
	return cover(resolver, filepath.Join(layers, "resolv.conf"), content)
}

// cover lets a file of ours appear in place of another, if there is one.
func cover(target, file, content string) error {
	if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
		return err
	}
	if _, err := os.Stat(target); err != nil {
		return nil
	}
	if err := syscall.Mount(file, target, "", syscall.MS_BIND, ""); err != nil {
		return &os.PathError{Op: "cover", Path: target, Err: err}
	}
	return nil
}

// privateNetwork: the namespace has an interface with an address for the node,
// and a default route, without which some daemons find no address at all.
func privateNetwork() error {
	return errors.Join(
		ip("link", "set", "lo", "up"),
		addBridge("eth0", spareAddress+"/24"),
		ip("route", "add", "default", "dev", "eth0"),
	)
}
