package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
)

// gcSchedules plays random schedules with the code as it is.
func gcSchedules(ctx context.Context, r *rig) error {
	program := filepath.Join(r.dir, "schedules.test")
	if out, err := exec.CommandContext(ctx, "go", "test", "-c", "-o", program, "./internal/gc/sweep").CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	out, err := r.schedules(ctx, program, envNumber("GC_SCHEDULES", 100_000), r.say)
	lost, left := strings.Count(out, ": lost: "), strings.Count(out, ": garbage left: ")
	if err != nil && lost+left == 0 {
		return fmt.Errorf("%w\n%s", err, out)
	}
	r.say("%s", out)
	bar("schedules-lost", lost)
	bar("schedules-garbage-left", left)
	return nil
}

// schedules plays so many random schedules, on every core its share of the seeds,
// until one of them fails, and returns what failed. progress may be nil.
func (r *rig) schedules(ctx context.Context, program string, n int, progress func(string, ...any)) (string, error) {
	cores := runtime.NumCPU()
	share := (n + cores - 1) / cores
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	outs, errs := make([]string, cores), make([]error, cores)
	var group sync.WaitGroup
	for i := range cores {
		group.Go(func() {
			outs[i], errs[i] = r.play(ctx, program, share, envNumber("GC_SEED", 1)+i*share, progress)
			if errs[i] != nil {
				stop()
			}
		})
	}
	group.Wait()
	out := strings.Join(outs, "")
	if strings.Contains(out, "seed ") {
		return out, errors.Join(errs...)
	}
	return out, errors.Join(append(errs, ctx.Err())...)
}

// play plays schedules in one process, which needs no more than one core: they are
// one thing after the other.
func (r *rig) play(ctx context.Context, program string, n, seed int, progress func(string, ...any)) (string, error) {
	cmd := exec.CommandContext(ctx, program, "-test.run", "^TestSchedules$", "-test.timeout", "0", "-test.v")
	cmd.Env = append(os.Environ(), "GC_SCHEDULES="+strconv.Itoa(n), "GC_SEED="+strconv.Itoa(seed), "GOMAXPROCS=1", "GOGC=400")
	cmd.Dir = filepath.Join(r.root, "internal/gc/sweep")
	out, in := io.Pipe()
	cmd.Stdout, cmd.Stderr = in, in
	if err := cmd.Start(); err != nil {
		return "", err
	}
	ended := make(chan error, 1)
	go func() {
		ended <- cmd.Wait()
		in.Close()
	}()
	var said strings.Builder
	for lines := bufio.NewScanner(out); lines.Scan(); {
		line := lines.Text()
		if _, played, ok := strings.Cut(line, "progress: "); ok {
			if progress != nil {
				progress("from seed %d: %s", seed, played)
			}
			continue
		}
		said.WriteString(line + "\n")
	}
	return said.String(), <-ended
}

func envNumber(name string, fallback int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
		return n
	}
	return fallback
}
