package objectstore

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// This file is AWS Signature Version 4 for query strings ("Authenticating
// Requests: Using Query Parameters", Amazon S3 API reference), and no more than
// presigning needs. A general SDK spends over 100 allocations on a URL; a batch
// of 1000 objects wants 1000 of them. The key of a day is derived once, and
// everything is built in one reused buffer.

const (
	sigV4Algorithm = "AWS4-HMAC-SHA256"
	sigV4Time      = "20060102T150405Z"
	sigV4Date      = "20060102"
)

// presignRequest is one URL to sign.
type presignRequest struct {
	method, key string
	at          time.Time
	expires     time.Duration
	// query holds further parameters, escaped; their names must sort after
	// "X-Amz-", as all lower-case ones do.
	query string
	// length and checksum are signed headers of uploads, both or none.
	length, checksum string
	// guarded signs the headers of guardHeaders as empty ones.
	guarded bool
	// payload is the body's hex SHA-256 where the query says it
	// (X-Amz-Content-Sha256), empty where the payload is unsigned.
	payload string
}

// signer signs for one endpoint with one set of credentials.
type signer struct {
	scheme, host, basePath string
	region                 string
	creds                  Credentials
	token                  string // escaped session token
	encryption             signedEncryption
	day                    atomic.Pointer[signingDay]
	last                   atomic.Pointer[moment]
	buffers                sync.Pool
}

// moment holds what is the same for all URLs of a second.
type moment struct {
	second int64
	stamp  string // as sigV4Time
	day    *signingDay
}

// signingDay holds what is the same for all URLs of a day.
type signingDay struct {
	date       string
	scope      string // date/region/s3/aws4_request
	credential string // escaped access key and scope
	macs       sync.Pool
}

func newSigner(e Endpoint, c Credentials) *signer {
	s := &signer{
		scheme: e.scheme(), host: e.authority(), basePath: escapePath(e.basePath()),
		region: e.Region, creds: c, token: escape(c.SessionToken),
		encryption: signedEncryptionOf(e.Encryption),
	}
	s.buffers.New = func() any { b := make([]byte, 0, 2048); return &b }
	return s
}

// presign returns the URL. Layout of the buffer: canonical request, string to
// sign and URL follow one another, each read before the next is written.
func (s *signer) presign(r *presignRequest) string {
	at := s.moment(r.at)
	bufp := s.buffers.Get().(*[]byte)
	b, path, query := s.appendCanonical((*bufp)[:0], r, at)
	b, signature := at.sign(b, b)
	out := len(b)
	b = append(b, s.scheme...)
	b = append(b, "://"...)
	b = append(b, s.host...)
	b = append(b, b[path.from:path.to]...)
	b = append(b, '?')
	b = append(b, b[query.from:query.to]...)
	b = append(b, signatureField...)
	b = hex.AppendEncode(b, signature)
	u := string(b[out:])
	*bufp = b
	s.buffers.Put(bufp)
	return u
}

const signatureField = "&X-Amz-Signature="

// span is a piece of a buffer.
type span struct{ from, to int }

// appendCanonical appends the canonical request to an empty buffer and says where
// in it path and query are.
func (s *signer) appendCanonical(b []byte, r *presignRequest, at *moment) (request []byte, path, query span) {
	b = append(b, r.method...)
	b = append(b, '\n')
	path.from = len(b)
	b = append(b, s.basePath...)
	b = appendEscaped(b, r.key, true)
	path.to = len(b)
	b = append(b, '\n')
	query.from = len(b)
	b = s.appendQuery(b, r, at)
	query.to = len(b)
	return s.appendHeaders(b, r), path, query
}

// sign appends the string to sign of a canonical request and its signature to b,
// and says where the signature is.
func (m *moment) sign(b, canonical []byte) (all, signature []byte) {
	sum := sha256.Sum256(canonical)
	from := len(b)
	b = append(b, sigV4Algorithm+"\n"...)
	b = append(b, m.stamp...)
	b = append(b, '\n')
	b = append(b, m.day.scope...)
	b = append(b, '\n')
	b = hex.AppendEncode(b, sum[:])
	mac := m.day.macs.Get().(hash.Hash)
	mac.Reset()
	mac.Write(b[from:])
	to := len(b)
	b = mac.Sum(b)
	m.day.macs.Put(mac)
	return b, b[to:]
}

// appendQuery appends the canonical query string: parameters in byte order.
func (s *signer) appendQuery(b []byte, r *presignRequest, at *moment) []byte {
	b = append(b, "X-Amz-Algorithm="+sigV4Algorithm...)
	if r.payload != "" {
		b = append(b, "&X-Amz-Content-Sha256="...)
		b = append(b, r.payload...)
	}
	b = append(b, "&X-Amz-Credential="...)
	b = append(b, at.day.credential...)
	b = append(b, "&X-Amz-Date="...)
	b = append(b, at.stamp...)
	b = append(b, "&X-Amz-Expires="...)
	b = strconv.AppendInt(b, int64(r.expires/time.Second), 10)
	if s.token != "" {
		b = append(b, "&X-Amz-Security-Token="...)
		b = append(b, s.token...)
	}
	b = append(b, "&X-Amz-SignedHeaders="...)
	b = append(b, s.signedHeaders(r).query...)
	if r.query != "" {
		b = append(b, '&')
		b = append(b, r.query...)
	}
	if r.guarded {
		for _, name := range guardHeaders {
			b = append(b, '&')
			b = append(b, name...)
			b = append(b, '=')
		}
	}
	return b
}

// appendHeaders appends the rest of the canonical request: headers, their
// names, and the payload, which presigned requests leave unsigned.
func (s *signer) appendHeaders(b []byte, r *presignRequest) []byte {
	b = append(b, '\n')
	if r.checksum != "" {
		b = append(b, "content-length:"...)
		b = append(b, r.length...)
		b = append(b, '\n')
	}
	b = append(b, "host:"...)
	b = append(b, s.host...)
	b = append(b, '\n')
	if r.guarded {
		b = append(b, guardAlgorithm+":\n"...)
	}
	if r.checksum != "" {
		b = append(b, HeaderChecksum+":"...)
		b = append(b, r.checksum...)
		b = append(b, '\n')
	}
	if r.guarded {
		b = append(b, guardCopy+":\n"...)
	}
	if r.checksum != "" {
		b = append(b, s.encryption.canonical...)
	}
	if r.guarded {
		b = append(b, guardTrailer+":\n"...)
	}
	b = append(b, '\n')
	b = append(b, s.signedHeaders(r).names...)
	b = append(b, '\n')
	if r.payload != "" {
		return append(b, r.payload...)
	}
	return append(b, "UNSIGNED-PAYLOAD"...)
}

// moment returns that of a time; times mostly come in order.
func (s *signer) moment(at time.Time) *moment {
	second := at.Unix()
	if m := s.last.Load(); m != nil && m.second == second {
		return m
	}
	at = at.UTC()
	m := &moment{second: second, stamp: at.Format(sigV4Time), day: s.today(at)}
	s.last.Store(m)
	return m
}

// today returns the signing key of the day, deriving it when the day is new.
// Two goroutines may derive the same one at once; either will do.
func (s *signer) today(at time.Time) *signingDay {
	var buf [8]byte
	date := at.AppendFormat(buf[:0], sigV4Date)
	if d := s.day.Load(); d != nil && d.date == string(date) {
		return d
	}
	d := &signingDay{date: string(date)}
	d.scope = d.date + "/" + s.region + "/s3/aws4_request"
	d.credential = escape(s.creds.AccessKeyID + "/" + d.scope)
	key := []byte("AWS4" + s.creds.SecretAccessKey)
	for _, part := range []string{d.date, s.region, "s3", "aws4_request"} {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(part))
		key = mac.Sum(nil)
	}
	d.macs.New = func() any { return hmac.New(sha256.New, key) }
	s.day.Store(d)
	return d
}

const upperHex = "0123456789ABCDEF"

// appendEscaped escapes as Signature Version 4 wants it: every byte but the
// unreserved ones of RFC 3986; slashes stay in paths.
func appendEscaped(b []byte, s string, path bool) []byte {
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9',
			c == '-', c == '_', c == '.', c == '~', path && c == '/':
			b = append(b, c)
		default:
			b = append(b, '%', upperHex[c>>4], upperHex[c&15])
		}
	}
	return b
}

func escape(s string) string     { return string(appendEscaped(nil, s, false)) }
func escapePath(s string) string { return string(appendEscaped(nil, s, true)) }
