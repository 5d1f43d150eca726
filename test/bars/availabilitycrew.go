package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lfs-operator/lfs-operator/test/harness"
)

// crewSize is how many work at once, half of them pushing.
const crewSize = 8

// crew is people with git-lfs. Each works on a branch of their own, so that only what
// serves the objects can make a command fail.
type crew struct {
	repo      *harness.Repository
	dir       string
	onlyPulls bool
	trees     []*harness.WorkTree

	pushes, pulls, failed atomic.Int64
	group                 sync.WaitGroup
}

// Files of each push.
const (
	crewFiles    = 4
	crewFileSize = 256 << 10
)

func newCrew(ctx context.Context, repo *harness.Repository, dir string, onlyPulls bool) (*crew, error) {
	c := &crew{repo: repo, dir: dir, onlyPulls: onlyPulls}
	for i := range crewSize / 2 {
		w, err := repo.WorkTree(ctx, filepath.Join(dir, fmt.Sprintf("push-%d", i)))
		if err != nil {
			return nil, err
		}
		c.trees = append(c.trees, w)
	}
	// Something to pull from the first moment on.
	if err := c.write(c.trees[0], 0, 0); err != nil {
		return nil, err
	}
	return c, repo.Push(ctx, c.trees[0])
}

func (c *crew) write(w *harness.WorkTree, client, round int) error {
	for f := range crewFiles {
		seed := uint64(client)<<40 | uint64(round)<<20 | uint64(f)
		if _, err := w.WriteRandom(fmt.Sprintf("file-%d.bin", f), crewFileSize, seed); err != nil {
			return err
		}
	}
	return nil
}

// start sets all of them to work until it is over; wait ends it.
func (c *crew) start(ctx context.Context, over time.Time) {
	for i := range crewSize {
		work := c.pull
		if !c.onlyPulls && i < len(c.trees) {
			work = c.push
		}
		c.group.Go(func() {
			for round := 1; time.Now().Before(over) && ctx.Err() == nil; round++ {
				if err := work(ctx, i, round); err != nil && ctx.Err() == nil {
					c.failed.Add(1)
					fmt.Fprintf(os.Stderr, "client %d, round %d: %v\n", i, round, err)
				}
			}
		})
	}
}

func (c *crew) wait() { c.group.Wait() }

// credentials as the client's helper would have them by now; while a rotation changes
// the Secret it keeps what it has.
func (c *crew) credentials(ctx context.Context) string {
	line, err := c.repo.Credentials(ctx)
	if err != nil {
		return ""
	}
	return line
}

func (c *crew) push(ctx context.Context, client, round int) error {
	w := c.trees[client]
	if err := c.write(w, client, round); err != nil {
		return err
	}
	if _, err := w.Commit(ctx, "More"); err != nil {
		return err
	}
	if line := c.credentials(ctx); line != "" {
		if err := w.SetCredentials(line); err != nil {
			return err
		}
	}
	c.pushes.Add(1)
	_, err := w.Git(ctx, "push", "-q", "origin", fmt.Sprintf("HEAD:refs/heads/client-%d", client))
	return err
}

func (c *crew) pull(ctx context.Context, client, round int) error {
	line := c.credentials(ctx)
	if line == "" {
		return pauseFor(ctx, time.Second)
	}
	dir := filepath.Join(c.dir, fmt.Sprintf("pull-%d-%d", client, round))
	defer os.RemoveAll(dir)
	defer os.RemoveAll(dir + ".home")
	c.pulls.Add(1)
	_, err := harness.Clone(ctx, c.repo.GitURL(), dir, line)
	return err
}
