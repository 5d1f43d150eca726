package main

import (
	"fmt"
	"io"
)

// status prints what runs, and fails unless all does.
func (c *cluster) status(w io.Writer) error {
	if c.NodeIP == "" {
		return fmt.Errorf("no cluster is up in %s: run \"make cluster-up\"", c.Dir)
	}
	fmt.Fprintf(w, "state %s, node address %s, KUBECONFIG=%s\n", c.Dir, c.NodeIP, c.kubeconfig())
	for _, name := range daemonNames {
		state := "runs"
		if !c.running(name) {
			state = "DOES NOT RUN"
		}
		fmt.Fprintf(w, "%-26s %-14s %s\n", name, state, c.logFile(name))
	}
	if err := c.healthy(); err != nil {
		return err
	}
	out, err := c.kubectl("get", "pods", "--all-namespaces", "--output", "wide")
	fmt.Fprint(w, out)
	return err
}
