package objectstore

import (
	"encoding/hex"
	"net/http"
	"time"
)

// emptyPayload is the SHA-256 of a request without a body.
const emptyPayload = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

// path of a key in URLs, as it is signed.
func (s *signer) path(key string) string {
	return string(appendEscaped([]byte(s.basePath), key, true))
}

// authorize signs a request without body and query in its header ("Authenticating
// Requests: Using the Authorization Header", Amazon S3 API reference).
func (s *signer) authorize(h http.Header, method, key string, at time.Time) {
	now := s.moment(at)
	bufp := s.buffers.Get().(*[]byte)
	b := (*bufp)[:0]

	b = append(b, method...)
	b = append(b, '\n')
	b = append(b, s.basePath...)
	b = appendEscaped(b, key, true)
	b = append(b, "\n\nhost:"...)
	b = append(b, s.host...)
	b = append(b, "\nx-amz-content-sha256:"+emptyPayload+"\nx-amz-date:"...)
	b = append(b, now.stamp...)
	signed := "host;x-amz-content-sha256;x-amz-date"
	if s.creds.SessionToken != "" {
		signed += ";x-amz-security-token"
		b = append(b, "\nx-amz-security-token:"...)
		b = append(b, s.creds.SessionToken...)
		h.Set("X-Amz-Security-Token", s.creds.SessionToken)
	}
	b = append(b, "\n\n"...)
	b = append(b, signed...)
	b = append(b, "\n"+emptyPayload...)
	b, signature := now.sign(b, b)

	out := len(b)
	b = append(b, sigV4Algorithm+" Credential="...)
	b = append(b, s.creds.AccessKeyID...)
	b = append(b, '/')
	b = append(b, now.day.scope...)
	b = append(b, ", SignedHeaders="...)
	b = append(b, signed...)
	b = append(b, ", Signature="...)
	b = hex.AppendEncode(b, signature)
	h["X-Amz-Date"] = []string{now.stamp}
	h["X-Amz-Content-Sha256"] = []string{emptyPayload}
	h["Authorization"] = []string{string(b[out:])}
	*bufp = b
	s.buffers.Put(bufp)
}
