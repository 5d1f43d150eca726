package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

const (
	nodeName   = "node1"
	podCIDR    = "10.213.0.0/24"
	serviceNet = "10.214.0.0/16"
	apiService = "10.214.0.1" // the first of serviceNet, by convention
	dnsService = "10.214.0.10"
	dnsDomain  = "cluster.local"
)

// cluster is where things are. Its methods start, stop and look at them.
type cluster struct {
	Dir    string // state folder
	Bin    string // folder of the built programs: kube/, images/
	NodeIP string // empty until "up" has settled it

	imagesLoaded chan error // what became of loading the images, in the background
}

func newCluster() (*cluster, error) {
	dir := os.Getenv("LFS_OPERATOR_CLUSTER_DIR")
	if dir == "" {
		dir = "/var/tmp/lfs-operator-cluster"
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	// Shims and kubelet make sockets below it, and the kernel takes no longer
	// socket paths than 107 bytes.
	if len(dir) > 60 {
		return nil, fmt.Errorf("LFS_OPERATOR_CLUSTER_DIR is too long for the sockets below it: %s", dir)
	}
	bin, err := binFolder()
	if err != nil {
		return nil, err
	}
	c := &cluster{Dir: dir, Bin: bin}
	if ip, err := os.ReadFile(c.path("node-ip")); err == nil {
		c.NodeIP = strings.TrimSpace(string(ip))
	}
	return c, nil
}

// binFolder is the folder this program was called from, which is a link into
// the build cache: the other programs lie beside the link.
func binFolder() (string, error) {
	if dir := os.Getenv("LFS_OPERATOR_BIN"); dir != "" {
		return filepath.Abs(dir)
	}
	self, err := exec.LookPath(os.Args[0])
	if err != nil {
		return "", err
	}
	self, err = filepath.Abs(self)
	return filepath.Dir(self), err
}

// path is a path below the state folder.
func (c *cluster) path(elem ...string) string {
	return filepath.Join(append([]string{c.Dir}, elem...)...)
}

func (c *cluster) kubeconfig() string { return c.path("admin.kubeconfig") }
func (c *cluster) apiServer() string  { return "https://" + c.NodeIP + ":6443" }
func (c *cluster) criSocket() string  { return c.path("containerd.sock") }

// component is the path of a program out of the Kubernetes build.
func (c *cluster) component(name string) string { return filepath.Join(c.Bin, "kube", name) }

// environment is what a command needs to talk to the cluster.
func (c *cluster) environment() []string {
	return []string{
		"KUBECONFIG=" + c.kubeconfig(),
		"NODE_IP=" + c.NodeIP,
		"LFS_OPERATOR_CLUSTER_DIR=" + c.Dir,
		"LFS_OPERATOR_BIN=" + c.Bin,
		"PATH=" + filepath.Join(c.Bin, "kube") + ":" + os.Getenv("PATH"),
	}
}

func (c *cluster) printEnv(w io.Writer) error {
	if c.NodeIP == "" {
		return errors.New("no cluster is up: run \"make cluster-up\"")
	}
	for _, e := range c.environment() {
		name, value, _ := strings.Cut(e, "=")
		fmt.Fprintf(w, "export %s='%s'\n", name, strings.ReplaceAll(value, "'", `'\''`))
	}
	return nil
}

// kubectl runs kubectl as the administrator. Its error holds what it said.
func (c *cluster) kubectl(args ...string) (string, error) {
	cmd := exec.Command(c.component("kubectl"), args...)
	cmd.Env = append(os.Environ(), c.environment()...)
	return output(cmd)
}

// output runs a command and returns what it printed; the error holds the rest.
func output(cmd *exec.Cmd) (string, error) {
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return string(out), fmt.Errorf("%s: %w: %s", filepath.Base(cmd.Path), err, strings.TrimSpace(stderr.String()))
	}
	return string(out), nil
}

// say prints a line of progress.
func say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "cluster: "+format+"\n", args...)
}
