package main

import (
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/layout"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
)

// storeOptions are the flags of every subcommand that reaches the object store.
type storeOptions struct {
	config, credentialsDir, caFile string
}

func (o *storeOptions) register(fs *flag.FlagSet) {
	fs.StringVar(&o.config, "config", env("LFS_CONFIG", serverconfig.File), "configuration `file`")
	fs.StringVar(&o.credentialsDir, "credentials-dir", env("LFS_CREDENTIALS_DIR", serverconfig.StoreCredentialsDir), "`folder` with the object store's credentials")
	fs.StringVar(&o.caFile, "ca-file", env("LFS_CA_FILE", serverconfig.StoreCAFile), "certificate authority of the object store")
}

// connection is a repository's part of the object store.
type connection struct {
	bucket *objectstore.S3
	signer *objectstore.URLSigner
	prefix layout.Prefix
}

// errCredentials: a Secret is missing, or a key in it.
var errCredentials = errors.New("the store cannot be reached")

// connect prepares everything that reaches the store.
func (o storeOptions) connect(cfg *serverconfig.Config) (connection, error) {
	st := cfg.Storage
	endpoint, err := objectstore.ParseEndpoint(st.Endpoint, st.Region, st.Bucket, st.VirtualHosted)
	if err != nil {
		return connection{}, err
	}
	creds := objectstore.Credentials{
		AccessKeyID:     o.credential(serverconfig.KeyAccessKeyID),
		SecretAccessKey: o.credential(serverconfig.KeySecretAccessKey),
		SessionToken:    o.credential(serverconfig.KeySessionToken),
	}
	if creds.AccessKeyID == "" || creds.SecretAccessKey == "" {
		return connection{}, fmt.Errorf("secret %q lacks %s or %s: %w",
			st.CredentialsName, serverconfig.KeyAccessKeyID, serverconfig.KeySecretAccessKey, errCredentials)
	}
	roots, err := o.roots(st.CA)
	if err != nil {
		return connection{}, fmt.Errorf("%w: %w", errCredentials, err)
	}
	bucket, err := objectstore.NewS3(endpoint, creds, objectstore.NewTransport(roots), nil)
	if err != nil {
		return connection{}, err
	}
	return connection{
		bucket: bucket, signer: objectstore.NewURLSigner(endpoint, creds, time.Now), prefix: layout.Prefix(st.Prefix),
	}, nil
}

func (o storeOptions) credential(key string) string {
	b, err := os.ReadFile(filepath.Join(o.credentialsDir, key))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
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
