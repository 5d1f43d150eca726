// Command teststore is the S3 store of the tests and of the local cluster:
// versitygw with its POSIX backend, in one small process that keeps its objects
// in a folder.
//
// It is a process of its own and not a package that tests import, because the
// gateway allows one instance per process and changes the working directory,
// and because a test that takes the store away wants something to kill.
//
// When it can be used it prints one line on standard output:
//
//	listening on 127.0.0.1:9000
//
// Without --dir it keeps the objects in a temporary folder that goes with it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/versity/versitygw/embedgw"
	"github.com/versity/versitygw/s3api"
)

// config is what the command line and the environment say.
type config struct {
	dir, versioningDir   string
	listen               string
	accessKey, secretKey string
	certFile, keyFile    string
	region               string
	buckets              stringList
	withParent           bool
	verbose              bool
}

func main() {
	// versitygw prints notes on standard output; that stream is promised to
	// hold one line only.
	ready := os.Stdout
	os.Stdout = os.Stderr

	cfg, err := parse(os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "teststore:", err)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if cfg.withParent {
		go func() {
			_, _ = io.Copy(io.Discard, os.Stdin)
			stop()
		}()
	}
	err = serve(ctx, cfg, func(addr string) { fmt.Fprintln(ready, "listening on", addr) })
	if err != nil && ctx.Err() == nil {
		fmt.Fprintln(os.Stderr, "teststore:", err)
		os.Exit(1)
	}
}

func parse(args []string) (*config, error) {
	cfg := &config{}
	fs := flag.NewFlagSet("teststore", flag.ContinueOnError)
	fs.StringVar(&cfg.dir, "dir", "", "`folder` that holds the buckets (created if missing; left out: a temporary one)")
	fs.StringVar(&cfg.listen, "listen", "127.0.0.1:9000", "`address` to listen on; port 0 takes a free one")
	fs.StringVar(&cfg.accessKey, "access-key", os.Getenv("ROOT_ACCESS_KEY"), "access key (default $ROOT_ACCESS_KEY)")
	fs.StringVar(&cfg.secretKey, "secret-key", "", "secret key (default $ROOT_SECRET_KEY, which keeps it off the command line)")
	fs.StringVar(&cfg.region, "region", "us-east-1", "region that clients must sign for")
	fs.StringVar(&cfg.versioningDir, "versioning-dir", "", "`folder`, outside of --dir, for old versions of objects; makes buckets able to be versioned")
	fs.StringVar(&cfg.certFile, "tls-cert", "", "certificate `file`; with --tls-key the store speaks HTTPS")
	fs.StringVar(&cfg.keyFile, "tls-key", "", "private key `file`")
	fs.Var(&cfg.buckets, "create-bucket", "`bucket` to create unless it is there (may be repeated)")
	fs.BoolVar(&cfg.withParent, "with-parent", false, "stop when standard input is closed: when whoever started this ends, however it ends")
	fs.BoolVar(&cfg.verbose, "verbose", false, "log every request on standard error")
	if err := fs.Parse(args); err != nil {
		return nil, err
	}
	if cfg.secretKey == "" {
		cfg.secretKey = os.Getenv("ROOT_SECRET_KEY")
	}
	switch {
	case fs.NArg() > 0:
		return nil, fmt.Errorf("unexpected argument %q", fs.Arg(0))
	case cfg.accessKey == "" || cfg.secretKey == "":
		return nil, errors.New("--access-key and --secret-key, or ROOT_ACCESS_KEY and ROOT_SECRET_KEY, are required")
	case (cfg.certFile == "") != (cfg.keyFile == ""):
		return nil, errors.New("--tls-cert and --tls-key go together")
	}
	return cfg, nil
}

// serve runs the store until ctx ends, and calls ready with its address once
// it takes requests and the buckets are there.
func serve(ctx context.Context, cfg *config, ready func(addr string)) error {
	if cfg.dir == "" {
		dir, err := os.MkdirTemp("", "teststore-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		cfg.dir = filepath.Join(dir, "buckets")
	}
	addr, err := fixPort(cfg.listen)
	if err != nil {
		return err
	}
	// Before the backend is made: it changes the working directory.
	for _, file := range []*string{&cfg.certFile, &cfg.keyFile} {
		if *file, err = absolute(*file); err != nil {
			return err
		}
	}
	be, err := openBackend(ctx, cfg)
	if err != nil {
		return err
	}
	return embedgw.RunVersityGW(ctx, be, &embedgw.Config{
		RootUserAccess: cfg.accessKey,
		RootUserSecret: cfg.secretKey,
		Region:         cfg.region,
		Ports:          []string{addr},
		CertFile:       cfg.certFile,
		KeyFile:        cfg.keyFile,
		HealthPath:     "/healthz",
		KeepAlive:      true,
		Quiet:          !cfg.verbose,
		// None of these is a limit that a test should meet by accident.
		MaxConnections:    20000,
		MaxRequests:       10000,
		MultipartMaxParts: 10000,
		S3Options: []s3api.Option{
			s3api.WithMiddleware("/", refuseShortBodies),
			s3api.WithOnListen(func() { ready(addr) }),
		},
	})
}

// fixPort replaces port 0 by a free port. versitygw does not tell which port
// it was given, so the port is found here and let go again just before use;
// whoever needs certainty starts the store again when it fails to bind.
func fixPort(listen string) (string, error) {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return "", fmt.Errorf("--listen: %w", err)
	}
	if port != "0" {
		return listen, nil
	}
	l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		return "", err
	}
	defer l.Close()
	_, port, err = net.SplitHostPort(l.Addr().String())
	return net.JoinHostPort(host, port), err
}

// stringList is a flag that may be given several times.
type stringList []string

func (l *stringList) String() string     { return strings.Join(*l, ",") }
func (l *stringList) Set(s string) error { *l = append(*l, s); return nil }
