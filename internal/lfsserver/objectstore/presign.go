package objectstore

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"time"
)

// MaxPresignExpiry is the longest life that Signature Version 4 allows a URL.
const MaxPresignExpiry = 7 * 24 * time.Hour

// HeaderChecksum carries the base64 SHA-256 of an upload's body. Signed, it
// makes the store refuse any other body.
const HeaderChecksum = "x-amz-checksum-sha256"

var errNoKey = errors.New("presign: empty key")

// URLSigner presigns URLs for one endpoint. It never connects to it, so it can
// sign for hosts that only clients reach. Safe for concurrent use.
type URLSigner struct {
	ring    *keyring
	now     func() time.Time
	guarded bool // see Guarded
}

var _ UploadPresigner = (*URLSigner)(nil)

// NewURLSigner signs with these credentials, by the clock now.
func NewURLSigner(e Endpoint, c Credentials, now func() time.Time) *URLSigner {
	return NewURLSignerFrom(e, Static(c), now)
}

// NewURLSignerFrom signs with keys that may be replaced. No link outlives its key:
// one that is asked for longer ends with it.
func NewURLSignerFrom(e Endpoint, keys KeySource, now func() time.Time) *URLSigner {
	return &URLSigner{ring: newKeyring(e, keys), now: now}
}

// Left is how long links can live that are signed now; false where nothing but
// the store's own rules limits them.
func (s *URLSigner) Left() (time.Duration, bool) {
	ends := s.ring.source.Keys().EndsAt
	return ends.Sub(s.now()), !ends.IsZero()
}

// PresignGet implements Presigner.
func (s *URLSigner) PresignGet(key string, expires time.Duration, name string) (string, error) {
	r := presignRequest{method: "GET", key: key, at: s.now(), expires: expires}
	if name != "" {
		r.query = "response-content-disposition=" + escape("attachment; filename*=UTF-8''"+escape(name))
	}
	return s.presign(&r)
}

// PresignPut implements Presigner. Content-Length is signed too: HTTP clients
// send it by themselves, so it is not among the headers returned.
func (s *URLSigner) PresignPut(key string, sha256 []byte, size int64, expires time.Duration) (string, map[string]string, error) {
	if len(sha256) != 32 || size < 0 {
		return "", nil, fmt.Errorf("presign: bad checksum (%d bytes) or size %d", len(sha256), size)
	}
	sum := base64.StdEncoding.EncodeToString(sha256)
	u, err := s.presign(&presignRequest{
		method: "PUT", key: key, at: s.now(), expires: expires,
		length: strconv.FormatInt(size, 10), checksum: sum, guarded: s.guarded,
	})
	if err != nil {
		return "", nil, err
	}
	header := map[string]string{HeaderChecksum: sum}
	s.ring.endpoint.Encryption.addTo(header)
	return u, header, nil
}

// PresignPutQuery implements UploadPresigner.
func (s *URLSigner) PresignPutQuery(key string, sha256 []byte, expires time.Duration) (string, error) {
	if len(sha256) != 32 {
		return "", fmt.Errorf("presign: bad checksum (%d bytes)", len(sha256))
	}
	if s.ring.endpoint.Encryption.Algorithm != "" {
		return "", errors.New("presign: a link whose client sends no headers cannot ask for encryption")
	}
	return s.presign(&presignRequest{method: "PUT", key: key, at: s.now(), expires: expires,
		payload: hex.EncodeToString(sha256), guarded: s.guarded})
}

// PresignDelete implements Presigner.
func (s *URLSigner) PresignDelete(key, versionID string, at time.Time, expires time.Duration) (string, error) {
	r := presignRequest{method: "DELETE", key: key, at: at, expires: expires}
	if versionID != "" {
		r.query = "versionId=" + escape(versionID)
	}
	return s.presign(&r)
}

func (s *URLSigner) presign(r *presignRequest) (string, error) {
	g, err := s.by(r)
	if err != nil {
		return "", err
	}
	return g.presign(r), nil
}

// by is the signer of a request, which it cuts short where the key ends sooner.
func (s *URLSigner) by(r *presignRequest) (*signer, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	all := s.ring.signers()
	if ends := all.keys.EndsAt; !ends.IsZero() {
		left := ends.Sub(s.now()).Truncate(time.Second)
		if left < time.Second {
			return nil, errLapsed
		}
		r.expires = min(r.expires, left)
	}
	return all.by(r.method), nil
}

func (r *presignRequest) check() error {
	if r.key == "" {
		return errNoKey
	}
	if r.expires < time.Second || r.expires > MaxPresignExpiry {
		return fmt.Errorf("presign: expiry %v is not between 1s and %v", r.expires, MaxPresignExpiry)
	}
	return nil
}
