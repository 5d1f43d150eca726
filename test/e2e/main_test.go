//go:build e2e

// Package e2e tests the product through the doors that people take, and only
// through those: kubectl, git, git-lfs and HTTP, against real pods in a real
// cluster. "make e2e" brings up an isolated cluster and runs it there.
//
// Every test has a namespace, an LFSRepository and a NodePort of its own, so
// that tests run side by side. The few that take the operator away run alone.
package e2e

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"testing"

	"github.com/lfs-operator/lfs-operator/test/harness"
)

var env *harness.Env

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := prepare(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		return 1
	}
	code := m.Run()
	env.Say("Looking for secrets in the operator's log and events")
	if err := book.checkNamespace(ctx, harness.OperatorNamespace); err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		code = 1
	}
	if code != 0 {
		out, err := env.Kubectl(ctx, "-n", harness.OperatorNamespace, "logs", "deployment/lfs-operator-manager", "--tail=80")
		fmt.Fprintf(os.Stderr, "e2e: the end of the operator's log:\n%s%v\n", out, err)
	}
	return code
}

// prepare installs once what all tests share.
func prepare(ctx context.Context) error {
	// Tests wait for pods far more than they compute; one CPU each is too much.
	if f := flag.Lookup("test.parallel"); f.Value.String() == f.DefValue {
		if err := f.Value.Set("6"); err != nil {
			return err
		}
	}
	var err error
	if env, err = harness.New(); err != nil {
		return err
	}
	for _, step := range []struct {
		title string
		do    func(context.Context) error
	}{
		{"Starting an S3 store and a Git server in pods", env.DevServices},
		{"Installing the operator from one manifest, dist/install.yaml", env.Install},
		{"Having the operator, the servers and their jobs log all that they can", logEverything},
	} {
		env.Say("%s", step.title)
		if err := step.do(ctx); err != nil {
			return err
		}
	}
	env.Say("Running the tests")
	book.learn(harness.StoreSecretKey, "the store's secret key")
	return nil
}

// logEverything turns the logs up, so that the search for secrets in them finds
// what only a person who hunts an error would see.
func logEverything(ctx context.Context) error {
	const deployment = "deployment/lfs-operator-manager"
	_, err := env.Kubectl(ctx, "-n", harness.OperatorNamespace, "patch", deployment, "--type=json", "-p",
		`[{"op":"add","path":"/spec/template/spec/containers/0/args","value":["-v=10","--server-log-level=debug"]}]`)
	if err != nil {
		return err
	}
	_, err = env.Kubectl(ctx, "-n", harness.OperatorNamespace, "rollout", "status", deployment, "--timeout=120s")
	return err
}
