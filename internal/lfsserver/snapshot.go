package lfsserver

import (
	"cmp"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"net/http"

	"github.com/lfs-operator/lfs-operator/internal/layout"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/auth"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/locks"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/monitor"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/policy"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/presence"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/token"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/transfer"
	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
	"github.com/lfs-operator/lfs-operator/internal/serverstatus"
)

// snapshot is everything that one state of the mounted files means. It is
// immutable: a request takes the one in force when it begins and keeps it.
type snapshot struct {
	config *serverconfig.Config
	// raw is the file that config was read from, hash its name.
	raw    []byte
	hash   string
	prefix layout.Prefix
	keys   *token.Keyring
	auth   *auth.Authenticator
	rules  policy.Rules
	hosts  hostTable
	// store is nil while its credentials are not there.
	store  *storeClient
	target *monitor.Target
}

// storeClient is the connection to the store, kept over reloads that do not
// concern it.
type storeClient struct {
	revision  string
	bucket    *objectstore.S3
	guard     *gcGuard
	locks     *locks.Cache
	signer    *objectstore.URLSigner
	transport *http.Transport
	// memory of objects that are there, and of those that are not.
	memory  *presence.Memory
	absence *presence.Absence
}

// build makes a snapshot of the files. It fails only for a configuration that
// cannot be used; problems with Secrets are the monitor's to report. prev may
// be nil.
func (s *Server) build(f *files, prev *snapshot) (*snapshot, error) {
	if f.configErr != nil {
		return nil, fmt.Errorf("server configuration: %w", f.configErr)
	}
	cfg, err := serverconfig.Parse(f.config)
	if err != nil {
		return nil, err
	}
	if err := validate(cfg); err != nil {
		return nil, fmt.Errorf("server configuration: %w", err)
	}
	snap := &snapshot{
		config: cfg, raw: f.config, hash: serverconfig.Hash(f.config), prefix: layout.Prefix(cfg.Storage.Prefix),
		rules: policy.Rules{Repository: cfg.Repository.UID, AnonymousRead: cfg.Access.AnonymousRead, Grantors: auth.Grantors(cfg.Access)},
	}
	keys, problem := signingKeys(cfg.SigningKeys, f.keysFor(cfg))
	snap.keys = keys
	snap.auth, err = auth.New(auth.Setup{
		Repository: cfg.Repository, Access: cfg.Access, Keys: keys, IssuerFiles: f.issuers,
		APIServer: s.options.APIServer, KubernetesDir: s.options.KubernetesDir, Memory: s.identities,
	})
	if err != nil {
		return nil, fmt.Errorf("server configuration: %w", err)
	}
	access, p := s.storeKeys(cfg, f)
	if p != nil {
		problem = p
	} else if snap.store, err = s.connect(cfg, f.ca, access, prev); err != nil {
		return nil, fmt.Errorf("server configuration: %w", err)
	}
	if snap.hosts, err = newHostTable(cfg, access.keys, s.now); err != nil {
		return nil, fmt.Errorf("server configuration: %w", err)
	}
	snap.target = newTarget(snap, problem)
	snap.target.Session = access.session
	return snap, nil
}

// proxied is true where clients cannot reach the store.
func (s *snapshot) proxied() bool { return s.config.Transfer == serverconfig.TransferProxy }

// relays is true for objects whose upload by one PUT goes through the server.
func (s *snapshot) relays(size int64) bool {
	return s.proxied() || size > cmp.Or(s.config.Storage.MaxPutBytes, transfer.MaxSinglePut)
}

// newTarget is what the monitor watches for this snapshot.
func newTarget(s *snapshot, problem *monitor.Problem) *monitor.Target {
	r, st := s.config.Repository, s.config.Storage
	t := &monitor.Target{
		Location: fmt.Sprintf("%s|%s|%s|%s", st.Endpoint, st.Bucket, st.Prefix, r.UID),
		Problem:  problem, Prefix: s.prefix, Storage: st,
		Owner: objectstore.Owner{UID: r.UID, Namespace: r.Namespace, Name: r.Name}, Adopts: s.config.AdoptFrom != nil,
	}
	if s.store != nil {
		t.Store, t.Signer, t.Revision = s.store.bucket, s.store.signer, s.store.revision+r.UID
	}
	return t
}

// storeAccess is what the server is let into its store with.
type storeAccess struct {
	keys objectstore.KeySource
	// revision changes with keys that are replaced as a whole. Sessions are renewed
	// in their source, and nothing about the connection changes.
	revision string
	// session says why there is none; nil where none is needed.
	session func() *monitor.Problem
}

// storeKeys are sessions, or the key in the Secret. The problem is what a Secret
// lacks.
func (s *Server) storeKeys(cfg *serverconfig.Config, f *files) (storeAccess, *monitor.Problem) {
	c, problem := storeCredentials(cfg, f)
	if s.holdsSessions(cfg, f.ca, problem == nil) {
		return storeAccess{keys: s.holder, revision: "sessions", session: s.sessionProblem}, caProblem(cfg, f)
	}
	if problem == nil {
		problem = caProblem(cfg, f)
	}
	return storeAccess{keys: objectstore.Static(c), revision: digest(c.AccessKeyID, c.SecretAccessKey, c.SessionToken)}, problem
}

// storeCredentials reads the Secret, or says what it lacks.
func storeCredentials(cfg *serverconfig.Config, f *files) (objectstore.Credentials, *monitor.Problem) {
	key, err := serverconfig.ParseStoreKey(f.credentials)
	if err != nil {
		return objectstore.Credentials{}, &monitor.Problem{Reason: serverstatus.ReasonCredentialsMissing, Message: fmt.Sprintf(
			"Secret %q in namespace %q %v. Create or correct it; the server sees it within a minute or two.",
			cfg.Storage.CredentialsName, cmp.Or(cfg.Storage.CredentialsNamespace, cfg.Repository.Namespace), err)}
	}
	return objectstore.Credentials(key), nil
}

// caProblem says whether the store's certificate authority is missing.
func caProblem(cfg *serverconfig.Config, f *files) *monitor.Problem {
	if cfg.Storage.CA && !x509.NewCertPool().AppendCertsFromPEM(f.ca) {
		return &monitor.Problem{Reason: serverstatus.ReasonCredentialsMissing, Message: fmt.Sprintf(
			"The Secret with the certificate authority of %s does not exist, or its key ca.crt holds no certificate in PEM form. Create it; the server sees it within a minute or two.",
			cfg.Storage.Endpoint)}
	}
	return nil
}

// connect returns the previous connection when nothing about it has changed.
func (s *Server) connect(cfg *serverconfig.Config, ca []byte, access storeAccess, prev *snapshot) (*storeClient, error) {
	st := cfg.Storage
	endpoint, err := objectstore.EndpointFor(st, st.Endpoint)
	if err != nil {
		return nil, err
	}
	revision := digest(st.Endpoint, st.Region, st.Bucket, st.Prefix, fmt.Sprint(st.VirtualHosted, st.CA, st.CreateBucket, endpoint.Encryption),
		string(ca), access.revision)
	if prev != nil && prev.store != nil && prev.store.revision == revision {
		return prev.store, nil
	}
	transport := s.toStore(cfg, ca)
	bucket, err := objectstore.NewS3From(endpoint, access.keys, transport, s.metrics.observeStore)
	if err != nil {
		return nil, err
	}
	prefix, share := layout.Prefix(st.Prefix), max(1, s.options.CacheShare)
	return &storeClient{
		revision: revision, bucket: bucket, guard: newGCGuard(bucket, prefix), transport: transport,
		signer: objectstore.NewURLSignerFrom(endpoint, access.keys, s.now), locks: locks.NewCache(locks.MaxCached / share),
		memory: &presence.Memory{Most: presence.MaxObjects / share}, absence: presence.NewAbsence(bucket, prefix, presence.MaxThere/share),
	}, nil
}

// toStore is the pool of connections to the store.
func (s *Server) toStore(cfg *serverconfig.Config, ca []byte) *http.Transport {
	if !cfg.Storage.CA {
		ca = nil
	}
	return s.transport(ca)
}

// digest names a list of strings.
func digest(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%d:%s", len(p), p)
	}
	return hex.EncodeToString(h.Sum(nil))
}
