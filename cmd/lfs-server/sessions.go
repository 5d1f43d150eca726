package main

import (
	"context"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/auth"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/sessions"
	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
	"github.com/lfs-operator/lfs-operator/internal/storesession"
)

// issueSessions makes sessions with one store for the servers of its repositories.
// It alone holds the store's key, or may assume its role. The configuration comes by an environment
// variable: it changes with the pod.
func issueSessions(ctx context.Context, args []string, _ io.Writer) error {
	o, d := storeOptions{}, lfsserver.DefaultOptions()
	var listen, admin, apiServer, kubernetesDir string
	fs := flag.NewFlagSet("lfs-server sessions", flag.ContinueOnError)
	o.registerSecrets(fs)
	fs.StringVar(&kubernetesDir, "kubernetes-dir", env("LFS_KUBERNETES_DIR", serverconfig.KubernetesDir), "`folder` with the token and certificate authority for the Kubernetes API server")
	fs.StringVar(&apiServer, "api-server", env("LFS_API_SERVER", d.APIServer), "`URL` of the Kubernetes API server")
	fs.StringVar(&listen, "listen", d.Listen, "`address` for servers")
	fs.StringVar(&admin, "admin-listen", d.AdminListen, "`address` for probes")
	if err := parse(fs, args); err != nil {
		return err
	}
	raw := os.Getenv(serverconfig.EnvSessionsConfig)
	if raw == "" {
		return usageError{errors.New(serverconfig.EnvSessionsConfig + " must hold the configuration; the operator sets it")}
	}
	cfg, err := serverconfig.ParseIssuer([]byte(raw))
	if err != nil {
		return err
	}
	roots, err := o.roots(cfg.Storage.CA)
	if err != nil {
		return err
	}
	logger, err := newLogger(os.Stderr, "info")
	if err != nil {
		return err
	}
	issuer := &sessions.Issuer{
		Store: cfg.Store, GrantKey: cfg.GrantKey, Key: o.credentials, Log: logger,
		STS:      o.newSTS(cfg, roots),
		Reviewer: auth.NewReviewer(apiServer, kubernetesDir, storesession.Audience),
	}
	if issuer.STS.Token != nil {
		issuer.Key = func() (objectstore.Credentials, bool) { return objectstore.Credentials{}, true }
	}
	go issuer.Try(ctx)
	return listenUntil(ctx, map[string]http.Handler{listen: issuer.Handler(), admin: issuer.AdminHandler()})
}

// newSTS asks the store, or who makes its sessions.
func (o storeOptions) newSTS(cfg *serverconfig.Issuer, roots *x509.CertPool) *sessions.STS {
	sts := &sessions.STS{
		Endpoint: cfg.STS, Region: cfg.Storage.Region, RoleARN: cfg.RoleARN,
		Duration: time.Duration(cfg.DurationSeconds) * time.Second, Transport: objectstore.NewTransport(roots),
	}
	if cfg.Storage.WebIdentity != nil {
		sts.Token = sessions.TokenFile(o.tokenFile)
	}
	return sts
}

// listenUntil serves each address until ctx ends, and then what has begun.
func listenUntil(ctx context.Context, handlers map[string]http.Handler) error {
	failed := make(chan error, len(handlers))
	var servers []*http.Server
	for addr, h := range handlers {
		s := &http.Server{
			Addr: addr, Handler: h, MaxHeaderBytes: 32 << 10,
			ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second, WriteTimeout: 2 * time.Minute, IdleTimeout: time.Minute,
		}
		servers = append(servers, s)
		go func() { failed <- s.ListenAndServe() }()
	}
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
		err = fmt.Errorf("serve: %w", err)
	}
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 20*time.Second)
	defer cancel()
	for _, s := range servers {
		err = errors.Join(err, s.Shutdown(end))
	}
	return err
}
