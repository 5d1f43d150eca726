package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver"
)

// serve runs the server until it is told to stop: of one repository, or of all
// whose configurations lie in a folder.
func serve(ctx context.Context, args []string, _ io.Writer) error {
	o := lfsserver.DefaultOptions()
	o.Version = version
	fs := flag.NewFlagSet("lfs-server serve", flag.ContinueOnError)
	fs.StringVar(&o.ConfigFile, "config", env("LFS_CONFIG", o.ConfigFile), "configuration `file`")
	fs.StringVar(&o.RepositoriesDir, "repositories-dir", env("LFS_REPOSITORIES_DIR", ""), "`folder` with the configurations of many repositories, one file each, instead of --config")
	fs.StringVar(&o.CredentialsDir, "credentials-dir", env("LFS_CREDENTIALS_DIR", o.CredentialsDir), "`folder` with the object store's credentials")
	fs.StringVar(&o.KeysDir, "keys-dir", env("LFS_KEYS_DIR", o.KeysDir), "`folder` with the signing keys")
	fs.StringVar(&o.CAFile, "ca-file", env("LFS_CA_FILE", o.CAFile), "certificate authority of the object store")
	fs.StringVar(&o.StoreTokenFile, "store-token-file", env("LFS_STORE_TOKEN_FILE", o.StoreTokenFile), "`file` with the ServiceAccount token that sessions with the store are asked for with")
	fs.DurationVar(&o.MaxSession, "max-session", o.MaxSession, "what a session with the store counts for at most; 0: as long as the store says")
	fs.StringVar(&o.JWTDir, "jwt-dir", env("LFS_JWT_DIR", o.JWTDir), "`folder` with a folder of keys for each issuer of JSON Web Tokens")
	fs.StringVar(&o.KubernetesDir, "kubernetes-dir", env("LFS_KUBERNETES_DIR", o.KubernetesDir), "`folder` with the token and certificate authority for the Kubernetes API server")
	fs.StringVar(&o.APIServer, "api-server", env("LFS_API_SERVER", o.APIServer), "`URL` of the Kubernetes API server")
	fs.StringVar(&o.Listen, "listen", env("LFS_LISTEN", o.Listen), "`address` for Git LFS clients; port 0 takes a free one")
	fs.StringVar(&o.AdminListen, "admin-listen", env("LFS_ADMIN_LISTEN", o.AdminListen), "`address` for probes, metrics and status")
	fs.StringVar(&o.MetricsListen, "metrics-listen", o.MetricsListen, "`address` for the metrics of many repositories")
	fs.DurationVar(&o.DrainDelay, "drain-delay", o.DrainDelay, "how long to go on answering after SIGTERM")
	fs.DurationVar(&o.DrainTimeout, "drain-timeout", o.DrainTimeout, "how long requests that run may take after that")
	level := fs.String("log-level", env("LFS_LOG_LEVEL", "info"), "debug, info, warn or error")
	if err := parse(fs, args); err != nil {
		return err
	}
	logger, err := newLogger(os.Stderr, *level)
	if err != nil {
		return usageError{err}
	}
	o.Logger = logger
	o.AuditLogger = slog.New(slog.NewJSONHandler(os.Stderr, nil))
	if o.DrainDelay == 0 {
		o.DrainDelay = -1 // it was asked for; the zero value means the default
	}
	s, err := newServer(o)
	if err != nil {
		return err
	}
	return s.Run(ctx)
}

func newServer(o lfsserver.Options) (interface{ Run(context.Context) error }, error) {
	if o.RepositoriesDir != "" {
		return lfsserver.NewShared(o)
	}
	return lfsserver.New(o)
}

// parse reads the flags; anything left over is a mistake.
func parse(fs *flag.FlagSet, args []string) error {
	if err := parseFlags(fs, args); err != nil {
		return err
	}
	if fs.NArg() > 0 {
		return usageError{fmt.Errorf("unexpected argument %q", fs.Arg(0))}
	}
	return nil
}

// parseFlags parses flags before arguments.
func parseFlags(fs *flag.FlagSet, args []string) error {
	err := fs.Parse(args)
	if err == nil || errors.Is(err, flag.ErrHelp) {
		return err
	}
	return usageError{err}
}

// newLogger writes one JSON object per line.
func newLogger(w io.Writer, level string) (*slog.Logger, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, fmt.Errorf("--log-level: %w", err)
	}
	return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: l})), nil
}

// env is an environment variable, or the fallback where it is not set.
func env(name, fallback string) string {
	if v, ok := os.LookupEnv(name); ok {
		return v
	}
	return fallback
}
