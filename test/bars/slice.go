package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/lfs-operator/lfs-operator/test/harness"
)

// rounds of every interleaved comparison; the median counts.
const rounds = 5

// repositories that are brought up one after the other, each pushed to at once.
const repositories = 20

// part is a figure, or several that are measured together.
type part struct {
	name    string
	measure func(context.Context, *harness.Env, string) error
}

// parts of the slice, in the order in which they are measured.
var parts = []part{
	{"image", imageSize},
	{"start", serverStart},
	{"ready", readyAndPush},
	{"idle", serverIdleRSS},
	{"push", pushRatio},
	{"steady", steadyWrites},
}

// slice measures the vertical slice in the cluster at hand: those parts that are
// named, or all. The servers of "idle" and the repositories of "steady" are those
// that "ready" has made.
func slice(ctx context.Context, only []string) error { return measureInCluster(ctx, parts, only) }

// measureInCluster measures those parts that are named, or all, in a cluster that it
// installs the operator into.
func measureInCluster(ctx context.Context, parts []part, only []string) error {
	for _, name := range only {
		if !slices.ContainsFunc(parts, func(p part) bool { return p.name == name }) {
			return fmt.Errorf("no part %q", name)
		}
	}
	env, err := harness.New()
	if err != nil {
		return err
	}
	env.Log = os.Stderr
	dir, err := os.MkdirTemp("", "bars-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := prepareCluster(ctx, env); err != nil {
		return err
	}
	for _, p := range parts {
		if len(only) > 0 && !slices.Contains(only, p.name) {
			continue
		}
		if err := p.measure(ctx, env, dir); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	return nil
}

func prepareCluster(ctx context.Context, env *harness.Env) error {
	env.Say("installing the operator, the S3 store and the Git server")
	if err := env.Install(ctx); err != nil {
		return err
	}
	return env.DevServices(ctx)
}

// readyAndPush applies manifests one after the other and pushes to each the
// moment it is Ready.
func readyAndPush(ctx context.Context, env *harness.Env, dir string) error {
	var seconds []float64
	pushed := 0
	for i := range repositories {
		name := fmt.Sprintf("bar-%d", i)
		repo, err := env.NewRepository(ctx, harness.Repository{Namespace: "bars", Name: name, NodePort: 31000 + i})
		if err != nil {
			return err
		}
		w, err := repo.WorkTree(ctx, filepath.Join(dir, name))
		if err != nil {
			return err
		}
		if _, err := w.WriteRandom("a.bin", 1<<20, uint64(time.Now().UnixNano())); err != nil {
			return err
		}
		start := time.Now()
		if err := repo.Apply(ctx); err != nil {
			return err
		}
		if _, err := env.Kubectl(ctx, "-n", "bars", "wait", "--for=condition=Ready", "lfsrepository/"+name, "--timeout=60s"); err != nil {
			return fmt.Errorf("%w\n%s", err, env.Describe(ctx, "bars"))
		}
		seconds = append(seconds, time.Since(start).Seconds())
		if err := repo.Push(ctx, w); err != nil {
			env.Say("push %d: %v", i, err)
			continue
		}
		pushed++
		env.Say("repository %d of %d: Ready after %.1f s, pushed", i+1, repositories, seconds[i])
	}
	bar("apply-to-ready-s", median(seconds))
	bar("ready-then-push-ok", pushed)
	return nil
}

// pushRatio compares git-lfs, which proves what it sends, with curl, which does not.
func pushRatio(ctx context.Context, env *harness.Env, dir string) error {
	repo, err := env.NewRepository(ctx, harness.Repository{Namespace: "bars", Name: "big", NodePort: 31100})
	if err != nil {
		return err
	}
	if err := repo.Apply(ctx); err != nil {
		return err
	}
	if _, err := env.WaitReady(ctx, "bars", "big", time.Minute); err != nil {
		return err
	}
	w, err := repo.WorkTree(ctx, filepath.Join(dir, "big"))
	if err != nil {
		return err
	}
	line, err := repo.Credentials(ctx)
	if err != nil {
		return err
	}
	if err := w.SetCredentials(line); err != nil {
		return err
	}
	var ratios []float64
	// One round more than counted: the first warms caches on both sides.
	for i := range rounds + 1 {
		if _, err := w.WriteRandom("big.bin", 1<<30, uint64(time.Now().UnixNano())); err != nil {
			return err
		}
		if _, err := w.Commit(ctx, "1 GiB"); err != nil {
			return err
		}
		url, err := repo.PresignedPut(ctx, fmt.Sprintf("bars/plain-%d", i))
		if err != nil {
			return err
		}
		file := filepath.Join(w.Dir, "big.bin")
		lfs := func() (float64, error) {
			return seconds(func() error { _, err := w.Git(ctx, "lfs", "push", "origin", "main"); return err })
		}
		curl := func() (float64, error) {
			return seconds(func() error { _, err := harness.Run(ctx, "curl", "-fsS", "-T", file, url); return err })
		}
		// Which goes first alternates, so that neither always finds the cache as
		// the other left it.
		first, second := lfs, curl
		if i%2 == 1 {
			first, second = curl, lfs
		}
		a, err := first()
		if err != nil {
			return err
		}
		b, err := second()
		if err != nil {
			return err
		}
		if i%2 == 1 {
			a, b = b, a
		}
		env.Say("1 GiB: git lfs push %.2f s, curl %.2f s", a, b)
		if i > 0 {
			ratios = append(ratios, a/b)
		}
	}
	bar("push-1gib-ratio", median(ratios))
	return nil
}

func seconds(f func() error) (float64, error) {
	start := time.Now()
	err := f()
	return time.Since(start).Seconds(), err
}
