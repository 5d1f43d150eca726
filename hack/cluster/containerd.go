package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

const (
	pauseImage = "localhost/lfs-operator-pause:dev"
	dnsImage   = "localhost/lfs-operator-coredns:dev"
)

// cniFolder is where the distribution, or the upstream archive, puts plugins.
func cniFolder() (string, error) {
	for _, dir := range []string{"/usr/lib/cni", "/opt/cni/bin", "/usr/libexec/cni"} {
		if _, err := os.Stat(filepath.Join(dir, "ptp")); err == nil {
			return dir, nil
		}
	}
	return "", errors.New("the CNI plugins are not installed: run \"hack/apt.sh cluster\"")
}

// startContainerd starts the container runtime and puts the built images on it.
func (c *cluster) startContainerd() error {
	cni, err := cniFolder()
	if err != nil {
		return err
	}
	version, err := output(exec.Command("containerd", "--version"))
	if err != nil {
		return err
	}
	config := "containerd-3.toml"
	if strings.Contains(version, " 1.") || strings.Contains(version, " v1.") {
		config = "containerd-2.toml"
	}
	err = errors.Join(
		c.write(config, "containerd.toml", map[string]any{
			"PauseImage": pauseImage, "CNIBin": cni, "Snapshotter": c.snapshotter(),
		}),
		c.write("cni.conflist", "cni/10-lfs-operator.conflist", nil),
	)
	if err != nil {
		return err
	}
	if err := c.start("containerd", "containerd", "--config", c.path("containerd.toml")); err != nil {
		return err
	}
	err = c.await("containerd answers", "containerd", 30*time.Second, func() error {
		_, err := c.ctr("version")
		return err
	})
	if err != nil {
		return err
	}
	images, err := filepath.Glob(filepath.Join(c.Bin, "images", "*.tar"))
	if err != nil {
		return err
	}
	c.imagesLoaded = make(chan error, 1)
	go func() { c.imagesLoaded <- c.loadImages(images) }()
	return nil
}

// snapshotter is overlayfs wherever it works. On some file systems, another
// overlay for one, it does not, and every container gets a copy of its image.
func (c *cluster) snapshotter() string {
	probe := c.path("overlay-probe")
	defer os.RemoveAll(probe)
	for _, dir := range []string{"lower", "upper", "work", "merged"} {
		if err := os.MkdirAll(filepath.Join(probe, dir), 0o755); err != nil {
			return "native"
		}
	}
	merged := filepath.Join(probe, "merged")
	options := fmt.Sprintf("lowerdir=%[1]s/lower,upperdir=%[1]s/upper,workdir=%[1]s/work", probe)
	if err := syscall.Mount("overlay", merged, "overlay", 0, options); err != nil {
		return "native"
	}
	_ = syscall.Unmount(merged, 0)
	return "overlayfs"
}

// loadImages imports docker-archive files under the names they hold.
func (c *cluster) loadImages(archives []string) error {
	if !c.running("containerd") {
		return errors.New("no cluster is up: run \"make cluster-up\"")
	}
	for _, archive := range archives {
		if _, err := c.ctr("images", "import", "--snapshotter", c.snapshotter(), archive); err != nil {
			return fmt.Errorf("load %s: %w (log: %s)", archive, err, c.logFile("containerd"))
		}
	}
	return nil
}

// ctr runs containerd's client in the namespace that kubelet uses.
func (c *cluster) ctr(args ...string) (string, error) {
	return output(exec.Command("ctr", slices.Concat([]string{"--address", c.criSocket(), "--namespace", "k8s.io"}, args)...))
}
