// Command gitserver serves a folder of bare Git repositories over HTTP, by
// handing requests to Git's own http-backend. Tests, the demo and pods use it as
// the Git host whose history the GC reads.
//
// It allows what Git hosts of today allow and plain http-backend does not:
// pushes, partial clones (which the history scan needs) and fetching any commit
// by its name.
//
// When it can be used it prints one line on standard output:
//
//	listening on 127.0.0.1:8080
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

func main() {
	if err := run(os.Args[1:]); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "gitserver:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	var create stringList
	fs := flag.NewFlagSet("gitserver", flag.ContinueOnError)
	dir := fs.String("dir", "", "`folder` of bare repositories (required; created if missing)")
	listen := fs.String("listen", "127.0.0.1:8080", "`address` to listen on; port 0 takes a free one")
	fs.Var(&create, "create", "`name` of a repository to create as NAME.git unless it is there (may be repeated)")
	withParent := fs.Bool("with-parent", false, "stop when standard input is closed: when whoever started this ends, however it ends")
	if err := fs.Parse(args); err != nil {
		return err
	}
	if *dir == "" {
		return errors.New("--dir is required")
	}
	root, err := filepath.Abs(*dir)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if *withParent {
		go func() {
			_, _ = io.Copy(io.Discard, os.Stdin)
			stop()
		}()
	}

	repos, err := openRepositories(ctx, root)
	if err != nil {
		return err
	}
	for _, name := range create {
		if err := repos.create(ctx, strings.TrimSuffix(name, ".git")); err != nil {
			return err
		}
	}
	listener, err := net.Listen("tcp", *listen)
	if err != nil {
		return err
	}
	fmt.Println("listening on", listener.Addr())
	return serve(ctx, listener, handler(repos, os.Getenv("GIT_USER"), os.Getenv("GIT_PASSWORD")))
}

// serve ends with ctx, after running requests have had a moment to finish.
func serve(ctx context.Context, listener net.Listener, h http.Handler) error {
	server := &http.Server{Handler: h, ReadHeaderTimeout: 30 * time.Second}
	stopped := make(chan error, 1)
	go func() {
		<-ctx.Done()
		grace, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		stopped <- server.Shutdown(grace)
	}()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return <-stopped
}

// stringList is a flag that may be given several times.
type stringList []string

func (l *stringList) String() string     { return strings.Join(*l, ",") }
func (l *stringList) Set(s string) error { *l = append(*l, s); return nil }
