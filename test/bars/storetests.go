package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"time"
)

// storeKinds are the stores that the tests of promises run on (test/assets,
// TEST_STORE).
var storeKinds = []string{"versitygw", "minio"}

// conformance counts what git-lfs's own test of servers finds, over both stores.
func conformance(ctx context.Context, r *rig) error {
	failed, err := r.overStores(ctx, "./internal/lfsserver", "^TestConformance$", "conformance-failed")
	if err != nil {
		return err
	}
	bar("conformance-failed", failed)
	return nil
}

// content counts the cases in which wrong content could be read under an object's
// name or was called present, over both stores. What kills a server at each of its
// calls has no count: where it fails there is no figure.
func content(ctx context.Context, r *rig) error {
	wrong, err := r.overStores(ctx, "./internal/lfsserver", "^TestWrongContent$", "wrong-content-served")
	if err != nil {
		return err
	}
	for _, kind := range storeKinds {
		if out, err := r.goTest(ctx, kind, "./internal/lfsserver/upload", "^(TestKilledBetweenSteps|TestFinishersTogether)$"); err != nil {
			return fmt.Errorf("servers killed, on %s: %w\n%s", kind, err, out)
		}
	}
	bar("wrong-content-served", wrong)
	return nil
}

// overStores runs a test on each store and adds up what it logs as "name=N". A test
// that logs no such line has not come to its end, and there is no figure.
func (r *rig) overStores(ctx context.Context, pkg, test, name string) (sum int, err error) {
	line := regexp.MustCompile(`\b` + name + `=(\d+)\b`)
	for _, kind := range storeKinds {
		out, failed := r.goTest(ctx, kind, pkg, test)
		found := line.FindSubmatch(out)
		if found == nil {
			return 0, fmt.Errorf("%s on %s says nothing of %s: %w\n%s", test, kind, name, failed, out)
		}
		n, err := strconv.Atoi(string(found[1]))
		if err != nil {
			return 0, err
		}
		if failed != nil && n == 0 {
			return 0, fmt.Errorf("%s on %s: %w\n%s", test, kind, failed, out)
		}
		r.say("%s on %s: %d", name, kind, n)
		sum += n
	}
	return sum, nil
}

func (r *rig) goTest(ctx context.Context, kind, pkg, test string) ([]byte, error) {
	args := []string{"test", "-count=1", "-v", "-run", test, pkg}
	if deadline, bounded := ctx.Deadline(); bounded {
		// The test ends itself a little earlier: to kill "go test" alone would leave it running.
		args = append(args, "-timeout", max(time.Second, time.Until(deadline)-10*time.Second).String())
	}
	name := fmt.Sprintf("%s of %s on %s", test, pkg, kind)
	r.say("running %s", name)
	stop := r.sayStill(name)
	defer stop()
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Env = append(os.Environ(), "TEST_STORE="+kind, "CGO_ENABLED=0")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = &out, &out, 10*time.Second
	err := cmd.Run()
	return out.Bytes(), err
}

// sayStill tells every half a minute that something goes on, until it is stopped.
func (r *rig) sayStill(name string) (stop func()) {
	done, tick := make(chan struct{}), time.NewTicker(30*time.Second)
	go func() {
		for {
			select {
			case <-tick.C:
				r.say("still running %s", name)
			case <-done:
				return
			}
		}
	}()
	return func() { tick.Stop(); close(done) }
}
