package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"
)

// startNode starts kubelet and kube-proxy, and waits until the node is Ready.
func (c *cluster) startNode() error {
	err := errors.Join(
		os.WriteFile(c.path("resolv.conf"), nil, 0o644),
		c.write("kubelet.yaml", "kubelet.yaml", map[string]any{"CgroupRoot": c.cgroup()}),
		c.write("kube-proxy.yaml", "kube-proxy.yaml", nil),
	)
	if err != nil {
		return err
	}
	err = c.start("kubelet", c.component("kubelet"),
		"--config="+c.path("kubelet.yaml"), "--kubeconfig="+c.path("kubelet.kubeconfig"),
		"--root-dir="+c.path("kubelet"), "--cert-dir="+c.path("kubelet", "pki"),
		"--hostname-override="+nodeName, "--node-ip="+c.NodeIP)
	if err != nil {
		return err
	}
	err = c.start("kube-proxy", c.component("kube-proxy"), "--config="+c.path("kube-proxy.yaml"))
	if err != nil {
		return err
	}
	return c.await("the node is Ready", "kubelet", 90*time.Second, c.nodeReady)
}

func (c *cluster) nodeReady() error {
	const condition = `jsonpath={range .status.conditions[?(@.type=="Ready")]}{.status} {.message}{end}`
	out, err := c.kubectl("get", "node", nodeName, "--output", condition)
	if err != nil {
		return err
	}
	if status, message, _ := strings.Cut(out, " "); status != "True" {
		return fmt.Errorf("node is not Ready: %s", message)
	}
	return nil
}

// startDNS deploys CoreDNS and waits until names can be looked up.
func (c *cluster) startDNS() error {
	if err := <-c.imagesLoaded; err != nil {
		return err
	}
	if err := c.write("dns.yaml", "dns.yaml", map[string]any{"Image": dnsImage}); err != nil {
		return err
	}
	if _, err := c.kubectl("apply", "--server-side", "--filename", c.path("dns.yaml")); err != nil {
		return err
	}
	return c.await("CoreDNS is available", "kubelet", 90*time.Second, func() error {
		_, err := c.kubectl("--namespace", "kube-system", "wait", "--for=condition=Available", "deployment/coredns", "--timeout=1s")
		return err
	})
}
