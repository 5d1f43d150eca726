package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"regexp"
)

// gcChaos runs the end-to-end test of pushes against garbage collection in an isolated
// cluster, for 5 minutes or GC_CHAOS_FOR. It needs root, as every local cluster does.
func gcChaos(ctx context.Context, r *rig) error {
	length := os.Getenv("GC_CHAOS_FOR")
	if length == "" {
		length = "5m"
	}
	if err := prepareIsolated(ctx); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "hack/isolated.sh", "go", "test", "-tags", "e2e", "-count=1", "-timeout", "40m", "-v",
		"-run", "^TestChaos$", "./test/e2e")
	cmd.Env = append(os.Environ(), "CHAOS_FOR="+length)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	broken := ""
	for lines := bufio.NewScanner(io.TeeReader(out, os.Stderr)); lines.Scan(); {
		if found := chaosResult.FindStringSubmatch(lines.Text()); found != nil {
			broken = found[1]
		}
	}
	err = cmd.Wait()
	if broken == "" {
		return errors.Join(errors.New("the chaos did not come to its end"), err)
	}
	bar("chaos-unclonable-refs", broken)
	if broken == "0" {
		return err
	}
	return nil
}

var chaosResult = regexp.MustCompile(`chaos: (\d+) of \d+ refs cannot be cloned`)
