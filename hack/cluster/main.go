// Command cluster runs a real single-node Kubernetes on this machine, from the
// components that hack/build-tool.sh builds and a container runtime from the
// distribution's packages. Nothing is pulled from a registry.
//
// All of its state lies in one folder, and every process, cgroup, mount, network
// namespace and packet filter rule it makes bears a mark by which "down" finds
// it, whether or not the command that made it got to its end.
package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
)

const usage = `usage: cluster COMMAND

  up                   start the cluster, or what of it is not running
  down                 stop it and remove everything it left
  status               say what runs; fails unless all does
  env                  print KUBECONFIG, NODE_IP and PATH for the shell to eval
  load-image TAR...    put images (docker-archive) on the node
  isolated -- CMD...   run CMD beside a cluster of its own, in namespaces that the
                       kernel cleans up even when all this is killed

  LFS_OPERATOR_CLUSTER_DIR   the state folder (default /var/tmp/lfs-operator-cluster)
  NODE_IP                    the node's address (default: that of the default route)
  LFS_OPERATOR_KEEP_LOGS     folder to copy the logs to when CMD fails
`

func main() {
	// Not on the PATH of everybody who may become root.
	os.Setenv("PATH", os.Getenv("PATH")+":/usr/sbin:/sbin")
	err := run(os.Args[1:])
	var exit *exec.ExitError
	switch {
	case err == nil:
	case errors.As(err, &exit):
		// The command of "isolated" has spoken for itself.
		os.Exit(exitCode(exit))
	default:
		fmt.Fprintln(os.Stderr, "cluster:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) == 0 {
		fmt.Fprint(os.Stderr, usage)
		return errors.New("no command given")
	}
	c, err := newCluster()
	if err != nil {
		return err
	}
	switch command, rest := args[0], args[1:]; command {
	case "up":
		return withRoot(c.up)
	case "down":
		return withRoot(c.down)
	case "status":
		return c.status(os.Stdout)
	case "env":
		return c.printEnv(os.Stdout)
	case "load-image":
		return withRoot(func() error { return c.loadImages(rest) })
	case "isolated":
		if len(rest) > 0 && rest[0] == "--" {
			rest = rest[1:]
		}
		if len(rest) == 0 {
			return errors.New("isolated: no command given")
		}
		return withRoot(func() error { return isolate(c, rest) })
	case initCommand:
		return initProcess(c, rest)
	case insideCommand:
		return inside(c, rest)
	case "help", "-h", "--help":
		fmt.Print(usage)
		return nil
	default:
		fmt.Fprint(os.Stderr, usage)
		return fmt.Errorf("no command %q", command)
	}
}

func withRoot(f func() error) error {
	if os.Geteuid() != 0 {
		return errors.New("needs root, for namespaces, mounts and the container runtime; nothing was changed")
	}
	return f()
}
