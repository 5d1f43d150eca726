package main

import (
	"context"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/layout"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/monitor"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/sessions"
	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
)

// storeOptions are the flags of every subcommand that reaches the object store.
type storeOptions struct {
	config, credentialsDir, caFile string
	// tokenFile is for sessions, where there is no key.
	tokenFile string
	// adopts is what sessions may read beside the repository's own, nil for nothing.
	adopts *serverconfig.AdoptFrom
}

func (o *storeOptions) register(fs *flag.FlagSet) {
	fs.StringVar(&o.config, "config", env("LFS_CONFIG", serverconfig.File), "configuration `file`")
	o.registerSecrets(fs)
}

// registerSecrets is for those whose configuration comes by the environment.
func (o *storeOptions) registerSecrets(fs *flag.FlagSet) {
	fs.StringVar(&o.credentialsDir, "credentials-dir", env("LFS_CREDENTIALS_DIR", serverconfig.StoreCredentialsDir), "`folder` with the object store's credentials")
	fs.StringVar(&o.caFile, "ca-file", env("LFS_CA_FILE", serverconfig.StoreCAFile), "certificate authority of the object store")
	fs.StringVar(&o.tokenFile, "store-token-file", env("LFS_STORE_TOKEN_FILE", serverconfig.StoreTokenFile), "`file` with the ServiceAccount token that sessions with the store are asked for with")
}

// connection is a repository's part of the object store.
type connection struct {
	keys   objectstore.KeySource
	bucket *objectstore.S3
	signer *objectstore.URLSigner
	prefix layout.Prefix
}

// errCredentials: a Secret is missing, or a key in it.
var errCredentials = errors.New("the store cannot be reached")

// connectAs is connect for programs that may get sessions with the store instead of
// a key. They are renewed until ctx ends.
func (o storeOptions) connectAs(ctx context.Context, cfg *serverconfig.Config) (connection, error) {
	from, err := o.source(cfg)
	switch {
	case err != nil:
		return connection{}, err
	case from == nil:
		return o.connect(cfg)
	}
	arrived := make(chan struct{})
	holder := sessions.NewHolder(0, time.Now, slog.New(slog.NewTextHandler(os.Stderr, nil)), sync.OnceFunc(func() { close(arrived) }))
	holder.Use(from)
	go holder.Run(ctx)
	select {
	case <-arrived:
		return o.connectWith(cfg, holder)
	case <-ctx.Done():
		return connection{}, ctx.Err()
	case <-time.After(sessionPatience):
		return connection{}, fmt.Errorf("no session with the store within %s: %s: %w", sessionPatience, why(cfg.Storage, holder.State()), errCredentials)
	}
}

// source of sessions, nil where there is a key instead: a pod may be older than the
// configuration, and then have the key alone.
func (o storeOptions) source(cfg *serverconfig.Config) (sessions.Source, error) {
	st := cfg.Storage
	if st.Sessions == nil && st.WebIdentity == nil {
		return nil, nil
	}
	if _, err := os.Stat(o.tokenFile); err != nil {
		if _, ok := o.credentials(); ok {
			return nil, nil
		}
	}
	if from := st.Sessions; from != nil {
		return sessions.FromIssuer(serverconfig.Sessions{URL: from.URL, Grant: env(serverconfig.EnvStoreGrant, from.Grant)}, o.tokenFile), nil
	}
	roots, err := o.roots(st.CA)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errCredentials, err)
	}
	return sessions.FromWebIdentity(st, o.adopts, o.tokenFile, objectstore.NewTransport(roots), ""), nil
}

// why says what to do where no session came.
func why(st serverconfig.Storage, s sessions.State) string {
	if st.Sessions == nil {
		return monitor.NoWebIdentity(st, s.Refused, s.Error).Message
	}
	return s.Error
}

// sessionPatience is how long a job waits for the issuer of sessions.
const sessionPatience = 5 * time.Minute

// connect prepares everything that reaches the store with its key.
func (o storeOptions) connect(cfg *serverconfig.Config) (connection, error) {
	key, err := o.storeKey()
	if err != nil {
		return connection{}, fmt.Errorf("secret %q %w: %w", cfg.Storage.CredentialsName, err, errCredentials)
	}
	return o.connectWith(cfg, objectstore.Static(objectstore.Credentials(key)))
}

// storeKey is that of the mounted Secret.
func (o storeOptions) storeKey() (serverconfig.StoreKey, error) {
	secret := map[string]string{}
	for _, name := range serverconfig.StoreKeyFiles {
		if b, err := os.ReadFile(filepath.Join(o.credentialsDir, name)); err == nil {
			secret[name] = string(b)
		}
	}
	return serverconfig.ParseStoreKey(secret)
}

// credentials are storeKey; false where it is missing.
func (o storeOptions) credentials() (objectstore.Credentials, bool) {
	key, err := o.storeKey()
	return objectstore.Credentials(key), err == nil
}

func (o storeOptions) connectWith(cfg *serverconfig.Config, keys objectstore.KeySource) (connection, error) {
	st := cfg.Storage
	endpoint, err := objectstore.EndpointFor(st, st.Endpoint)
	if err != nil {
		return connection{}, err
	}
	roots, err := o.roots(st.CA)
	if err != nil {
		return connection{}, fmt.Errorf("%w: %w", errCredentials, err)
	}
	bucket, err := objectstore.NewS3From(endpoint, keys, objectstore.NewTransport(roots), nil)
	if err != nil {
		return connection{}, err
	}
	return connection{
		keys: keys, bucket: bucket, signer: objectstore.NewURLSignerFrom(endpoint, keys, time.Now), prefix: layout.Prefix(st.Prefix),
	}, nil
}

// roots are nil where the system's own certificate authorities do.
func (o storeOptions) roots(custom bool) (*x509.CertPool, error) {
	if !custom {
		return nil, nil
	}
	pem, err := os.ReadFile(o.caFile)
	if err != nil {
		return nil, fmt.Errorf("the store's certificate authority: %w", err)
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	if !roots.AppendCertsFromPEM(pem) {
		return nil, errors.New("the store's ca.crt holds no certificate in PEM form")
	}
	return roots, nil
}
