package lfsserver

import (
	"crypto/sha256"
	"crypto/x509"
	"net/http"
	"sync"
	"sync/atomic"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver/batch"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/gate"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/upload"
)

const (
	// lookups at the store at once, over all batches.
	lookups = 64
	// proofs at once: each keeps a core busy, or the line to the store.
	proofs = 4
)

// process is what all servers of a process share: what bounds the work that is done
// at a time, and the connections to the store. Nothing in it knows of a repository.
type process struct {
	lookups *batch.Limiter
	proofs  *upload.Proofs
	gate    *gate.Gate
	bodies  chan struct{} // a place for each large body
	// requests of clients, since the start.
	requests atomic.Int64

	mu sync.Mutex
	// transports to stores, by the hash of their certificate authority; guarded by mu.
	transports map[[sha256.Size]byte]*http.Transport
}

func newProcess(o *Options) *process {
	return &process{
		lookups: batch.NewLimiter(lookups), proofs: upload.NewProofs(proofs), gate: gate.New(o.AtOnce),
		bodies: make(chan struct{}, largeBodies), transports: map[[sha256.Size]byte]*http.Transport{},
	}
}

// transport is the pool of connections to stores that are verified by a certificate
// authority in PEM form; nil: by the system's.
func (p *process) transport(ca []byte) *http.Transport {
	p.mu.Lock()
	defer p.mu.Unlock()
	key := sha256.Sum256(ca)
	if t := p.transports[key]; t != nil {
		return t
	}
	var roots *x509.CertPool
	if ca != nil {
		var err error
		if roots, err = x509.SystemCertPool(); err != nil {
			roots = x509.NewCertPool()
		}
		roots.AppendCertsFromPEM(ca)
	}
	t := objectstore.NewTransport(roots)
	p.transports[key] = t
	return t
}

// closeIdle closes the connections that nobody uses right now.
func (p *process) closeIdle() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, t := range p.transports {
		t.CloseIdleConnections()
	}
}
