// Command lfs-server is everything that runs beside a repository's data: the
// server for Git LFS clients and the two halves of garbage collection. Each
// subcommand is a file of its own.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
)

// version is stamped by -ldflags "-X main.version=…".
var version = "dev"

// command is a subcommand. run parses its own flags, prints to stdout, and returns when
// it is done or ctx ends.
type command struct {
	name, short string
	run         func(ctx context.Context, args []string, stdout io.Writer) error
}

// commands in the order of the usage text.
func commands() []command {
	return []command{
		{"serve", "serve a repository, or many, to Git LFS clients", serve},
		{"scan", "read the Git history and report which objects it names", scanHistory},
		{"sweep", "condemn and delete what the scan did not name", sweepStore},
		{"gc", "ask about garbage collection: explain, undelete, report", askGC},
		{"sessions", "make sessions with an object store for its servers", issueSessions},
		{"probe", "try what an object store can do", probeStore},
		{"adopt", "take over objects that lie in the bucket already", adoptObjects},
		{"purge", "delete everything that a deleted repository left", purgeData},
		{"version", "print the version", printVersion},
	}
}

// usageError is a mistake on the command line: exit code 2 instead of 1.
type usageError struct{ error }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	context.AfterFunc(ctx, stop) // a second signal ends it at once
	err := dispatch(ctx, os.Args[1:], os.Stdout)
	stop()
	if code := exitCode(err); code != 0 {
		fmt.Fprintln(os.Stderr, "lfs-server:", err)
		leaveWords(serverconfig.TerminationMessageFile, err)
		os.Exit(code)
	}
}

// exitCode is 1 for errors that know no better.
func exitCode(err error) int {
	var usage usageError
	var coded interface{ ExitCode() int }
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return 0
	case errors.As(err, &usage):
		return 2
	case errors.As(err, &coded):
		return coded.ExitCode()
	default:
		return 1
	}
}

// leaveWords writes why the program ends into file, for the operator to pass on.
// The end of the log, which the kubelet takes of containers that leave nothing,
// may lack the last lines at the time it is read. Outside of a pod there is no such
// file, and none is made.
func leaveWords(file string, err error) {
	f, missing := os.OpenFile(file, os.O_WRONLY|os.O_TRUNC, 0)
	if missing != nil {
		return
	}
	fmt.Fprintln(f, "lfs-server:", err)
	if err := f.Close(); err != nil {
		fmt.Fprintln(os.Stderr, "lfs-server: writing the termination message:", err)
	}
}

func dispatch(ctx context.Context, args []string, stdout io.Writer) error {
	if len(args) == 0 {
		printUsage(os.Stderr)
		return usageError{errors.New("a subcommand is required")}
	}
	for _, c := range commands() {
		if c.name == args[0] {
			return c.run(ctx, args[1:], stdout)
		}
	}
	printUsage(os.Stderr)
	switch args[0] {
	case "help", "-h", "-help", "--help":
		return nil
	}
	return usageError{fmt.Errorf("unknown subcommand %q", args[0])}
}

func printUsage(w io.Writer) {
	fmt.Fprintln(w, "usage: lfs-server SUBCOMMAND [flags]")
	for _, c := range commands() {
		fmt.Fprintf(w, "  %-8s %s\n", c.name, c.short)
	}
}

func printVersion(_ context.Context, _ []string, stdout io.Writer) error {
	_, err := fmt.Fprintln(stdout, version)
	return err
}
