package objectstore

import (
	"errors"
	"sync/atomic"
	"time"

	"github.com/minio/minio-go/v7/pkg/credentials"
)

// Keys sign what goes to a store. Where the store makes sessions, each link is
// signed by one that can do no more than the link says; else all three are the
// same key.
type Keys struct {
	// Own is what the server and its jobs work with.
	Own Credentials
	// Upload signs links that write, Download links that read.
	Upload, Download Credentials
	// EndsAt is when the first of them ends, by the clock of whoever holds them;
	// zero where none does. A link dies with its key, whatever its expiry says.
	EndsAt time.Time
}

// KeySource tells the keys in force. They may be replaced at any time, and are
// then another pointer. Implementations are safe for concurrent use.
type KeySource interface {
	Keys() *Keys
}

// Static are credentials that stay as they are.
func Static(c Credentials) KeySource { return (*staticKeys)(&Keys{Own: c, Upload: c, Download: c}) }

type staticKeys Keys

func (s *staticKeys) Keys() *Keys { return (*Keys)(s) }

// errLapsed: a link would be dead before anybody could use it.
var errLapsed = errors.New("presign: the session with the store has ended")

// keyring signs for one endpoint by whichever keys are in force.
type keyring struct {
	endpoint Endpoint
	source   KeySource
	last     atomic.Pointer[signers]
}

// signers of one set of keys.
type signers struct {
	keys                  *Keys
	own, upload, download *signer
}

func newKeyring(e Endpoint, source KeySource) *keyring { return &keyring{endpoint: e, source: source} }

// signers of the keys in force. Two goroutines may make the same ones at once;
// either will do.
func (k *keyring) signers() *signers {
	keys := k.source.Keys()
	if s := k.last.Load(); s != nil && s.keys == keys {
		return s
	}
	s := &signers{keys: keys, own: newSigner(k.endpoint, keys.Own)}
	s.upload, s.download = s.own, s.own
	if keys.Upload != keys.Own {
		s.upload = newSigner(k.endpoint, keys.Upload)
	}
	if keys.Download != keys.Own {
		s.download = newSigner(k.endpoint, keys.Download)
	}
	k.last.Store(s)
	return s
}

// by is the signer of links with that method.
func (s *signers) by(method string) *signer {
	switch method {
	case "GET":
		return s.download
	case "PUT":
		return s.upload
	}
	return s.own
}

// provider hands the keys in force to minio-go.
type provider struct {
	source KeySource
	given  atomic.Pointer[Keys]
}

// Retrieve implements credentials.Provider.
func (p *provider) Retrieve() (credentials.Value, error) {
	keys := p.source.Keys()
	p.given.Store(keys)
	return credentials.Value{
		AccessKeyID: keys.Own.AccessKeyID, SecretAccessKey: keys.Own.SecretAccessKey, SessionToken: keys.Own.SessionToken,
		SignerType: credentials.SignatureV4,
	}, nil
}

// RetrieveWithCredContext implements credentials.Provider.
func (p *provider) RetrieveWithCredContext(*credentials.CredContext) (credentials.Value, error) {
	return p.Retrieve()
}

// IsExpired implements credentials.Provider: minio-go asks before each request.
func (p *provider) IsExpired() bool { return p.given.Load() != p.source.Keys() }
