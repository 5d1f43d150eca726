package main

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
)

// spareInterface gives the node an address where the machine has none but
// loopback, which pods cannot reach. The address is one of those set aside for
// documentation.
const (
	spareInterface = "lfs-node0"
	spareAddress   = "198.51.100.1"
)

// settleNodeIP decides on the node's address once and for all: certificates and
// stored objects hold it.
func (c *cluster) settleNodeIP() error {
	ip := os.Getenv("NODE_IP")
	if ip == "" {
		ip = defaultAddress()
	}
	if ip == "" {
		if err := c.addSpareInterface(); err != nil {
			return err
		}
		ip = spareAddress
	}
	if c.NodeIP != "" && c.NodeIP != ip {
		return fmt.Errorf("this machine's address was %s and is %s now: run \"make cluster-down\" and start anew", c.NodeIP, ip)
	}
	c.NodeIP = ip
	return os.WriteFile(c.path("node-ip"), []byte(ip+"\n"), 0o644)
}

// defaultAddress is the machine's address on the interface of its default
// route, else on any other than loopback, else "".
func defaultAddress() string {
	if name := defaultInterface(); name != "" {
		if i, err := net.InterfaceByName(name); err == nil {
			if ip := firstIPv4(*i); ip != "" {
				return ip
			}
		}
	}
	interfaces, err := net.Interfaces()
	if err != nil {
		return ""
	}
	for _, i := range interfaces {
		if i.Flags&net.FlagUp != 0 && i.Flags&net.FlagLoopback == 0 {
			if ip := firstIPv4(i); ip != "" {
				return ip
			}
		}
	}
	return ""
}

func defaultInterface() string {
	routes, err := os.Open("/proc/net/route")
	if err != nil {
		return ""
	}
	defer routes.Close()
	for s := bufio.NewScanner(routes); s.Scan(); {
		if f := strings.Fields(s.Text()); len(f) > 7 && f[1] == "00000000" && f[7] == "00000000" {
			return f[0]
		}
	}
	return ""
}

func firstIPv4(i net.Interface) string {
	addresses, err := i.Addrs()
	if err != nil {
		return ""
	}
	for _, a := range addresses {
		if n, ok := a.(*net.IPNet); ok && n.IP.To4() != nil && n.IP.IsGlobalUnicast() {
			return n.IP.String()
		}
	}
	return ""
}

// addSpareInterface uses a bridge, which every kernel that runs containers can
// make; not all have the dummy driver.
func (c *cluster) addSpareInterface() error {
	if _, err := net.InterfaceByName(spareInterface); err == nil {
		return nil
	}
	return addBridge(spareInterface, spareAddress+"/24")
}

func addBridge(name, address string) error {
	return errors.Join(
		ip("link", "add", name, "type", "bridge"),
		ip("address", "add", address, "dev", name),
		ip("link", "set", name, "up"),
	)
}

func ip(args ...string) error {
	_, err := output(exec.Command("ip", args...))
	return err
}
