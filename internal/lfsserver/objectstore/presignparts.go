package objectstore

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strconv"
	"time"
)

// PartURLs signs the parts of one upload: up to MaxParts URLs for one answer, which
// differ in the number and the signature. All else is put together once. Safe for
// concurrent use.
type PartURLs struct {
	signer *signer
	at     *moment
	// What stands before and after the number, in the canonical request and in the
	// URL.
	canonical, url [2][]byte
}

// placeholder stands for the number: nothing escaped holds that byte.
const placeholder = 0

// PresignParts implements UploadPresigner.
func (s *URLSigner) PresignParts(key, uploadID string, expires time.Duration) (*PartURLs, error) {
	if uploadID == "" {
		return nil, errors.New("presign: no upload")
	}
	r := presignRequest{
		method: "PUT", key: key, at: s.now(), expires: expires,
		query: "partNumber=" + string(rune(placeholder)) + "&uploadId=" + escape(uploadID), guarded: s.guarded,
	}
	g, err := s.by(&r)
	if err != nil {
		return nil, err
	}
	p := &PartURLs{signer: g, at: g.moment(r.at)}
	b, path, query := g.appendCanonical(nil, &r, p.at)
	u := []byte(g.scheme + "://" + g.host)
	u = append(u, b[path.from:path.to]...)
	u = append(u, '?')
	u = append(u, b[query.from:query.to]...)
	p.canonical, p.url = around(b), around(append(u, signatureField...))
	return p, nil
}

func around(b []byte) [2][]byte {
	before, after, _ := bytes.Cut(b, []byte{placeholder})
	return [2][]byte{before, after}
}

// Append appends the URL of a part, from 1 to MaxParts.
func (p *PartURLs) Append(b []byte, number int) []byte {
	bufp := p.signer.buffers.Get().(*[]byte)
	c := append((*bufp)[:0], p.canonical[0]...)
	c = strconv.AppendInt(c, int64(number), 10)
	c = append(c, p.canonical[1]...)
	c, signature := p.at.sign(c, c)
	b = append(b, p.url[0]...)
	b = strconv.AppendInt(b, int64(number), 10)
	b = append(b, p.url[1]...)
	b = hex.AppendEncode(b, signature)
	*bufp = c
	p.signer.buffers.Put(bufp)
	return b
}
