package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// sysctls are the settings that kubelet changes (to these values), and routing,
// which pods need. None of them belongs to a namespace, but for the last.
var sysctls = map[string]string{
	"vm/overcommit_memory":      "1",
	"vm/panic_on_oom":           "0",
	"kernel/panic":              "10",
	"kernel/panic_on_oops":      "1",
	"kernel/keys/root_maxkeys":  "1000000",
	"kernel/keys/root_maxbytes": "25000000",
	"net/ipv4/ip_forward":       "1",
}

// prepareKernel readies cgroups, routing and packet filter. "down" puts back
// what it and kubelet change.
func (c *cluster) prepareKernel() error {
	return errors.Join(c.prepareCgroups(), c.changeSysctls(), c.masquerade(), c.allowForwarding())
}

func (c *cluster) changeSysctls() error {
	if err := os.MkdirAll(c.path("sysctl"), 0o755); err != nil {
		return err
	}
	for name := range sysctls {
		saved := c.path("sysctl", strings.ReplaceAll(name, "/", "."))
		if _, err := os.Stat(saved); err == nil {
			continue
		}
		value, err := os.ReadFile("/proc/sys/" + name)
		if errors.Is(err, os.ErrNotExist) {
			continue // not in this kernel
		}
		if err != nil {
			return err
		}
		if err := os.WriteFile(saved, value, 0o644); err != nil {
			return err
		}
	}
	const routing = "net/ipv4/ip_forward"
	return os.WriteFile("/proc/sys/"+routing, []byte(sysctls[routing]), 0)
}

func (c *cluster) restoreSysctls() error {
	var errs []error
	for name := range sysctls {
		value, err := os.ReadFile(c.path("sysctl", strings.ReplaceAll(name, "/", ".")))
		if err == nil {
			errs = append(errs, os.WriteFile("/proc/sys/"+name, value, 0))
		}
	}
	return errors.Join(errs...)
}

// masquerade lets pods reach what lies beyond the machine. The rule is in a
// table of its own, which is dropped as a whole.
func (c *cluster) masquerade() error {
	table := strings.TrimPrefix(c.cgroup(), "/")
	// Adding first makes the deletion succeed when there is none yet.
	return nft("add table ip " + table + "\ndelete table ip " + table + "\ntable ip " + table + ` {
	chain postrouting {
		type nat hook postrouting priority srcnat
		ip saddr ` + podCIDR + ` ip daddr != { ` + podCIDR + `, ` + serviceNet + ` } masquerade
	}
}`)
}

// allowForwarding: Docker and some firewalls drop whatever is routed that they
// do not know, and pods reach each other by routing. Where that is not so,
// nothing is added.
func (c *cluster) allowForwarding() error {
	out, err := exec.Command("iptables", "-S", "FORWARD").Output()
	if err != nil || !strings.Contains(string(out), "-P FORWARD DROP") || strings.Contains(string(out), forwardComment) {
		return nil
	}
	var errs []error
	for _, rule := range forwardRules {
		_, err := output(exec.Command("iptables", slices.Concat([]string{"-I", "FORWARD"}, rule)...))
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

const forwardComment = "lfs-operator-cluster"

var forwardRules = [][]string{
	{"-s", podCIDR, "-m", "comment", "--comment", forwardComment, "-j", "ACCEPT"},
	{"-d", podCIDR, "-m", "comment", "--comment", forwardComment, "-j", "ACCEPT"},
}

// removeRules removes our packet filter rules and those of kube-proxy.
func (c *cluster) removeRules() error {
	tables := []string{"ip " + strings.TrimPrefix(c.cgroup(), "/")}
	if _, err := os.Stat(c.pidFile("kube-proxy")); err == nil {
		tables = append(tables, "ip kube-proxy", "ip6 kube-proxy")
	}
	var errs []error
	for _, table := range tables {
		errs = append(errs, nft("add table "+table+"\ndelete table "+table))
	}
	for _, rule := range forwardRules {
		// Fails, as it should, where the rule was never added.
		_ = exec.Command("iptables", slices.Concat([]string{"-D", "FORWARD"}, rule)...).Run()
	}
	return errors.Join(errs...)
}

func nft(rules string) error {
	cmd := exec.Command("nft", "-f", "-")
	cmd.Stdin = strings.NewReader(rules)
	_, err := output(cmd)
	return err
}

// mountsBelow are the mount points in a folder, the innermost first.
func mountsBelow(dir string) ([]string, error) {
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return nil, err
	}
	var found []string
	for line := range strings.Lines(string(mounts)) {
		path := strings.ReplaceAll(strings.Fields(line)[1], `\040`, " ")
		if rel, err := filepath.Rel(dir, path); err == nil && !strings.HasPrefix(rel, "..") {
			found = append(found, path)
		}
	}
	slices.Sort(found)
	slices.Reverse(found)
	return found, nil
}
