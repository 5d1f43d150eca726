package objectstore

import "strings"

// Some stores obey x-amz- headers that the signature of a presigned request does
// not cover: whoever holds the link may then add one that has another object
// copied in the body's place, or another checksum looked at than the signed one.
// They also take a signed header from the query where the request has none. So a
// link for such a store signs those headers as empty, in its query: it works
// without them, and a request that brings one has another signature. AWS and
// others refuse headers that were not signed, and know nothing of this; the probe
// finds out which kind a store is.

// guardHeaders change what an upload stores, in the order of their names.
// HeaderChecksum comes after the first of them.
var guardHeaders = [...]string{guardAlgorithm, guardCopy, guardTrailer}

const (
	guardAlgorithm = "x-amz-checksum-algorithm"
	guardCopy      = "x-amz-copy-source"
	guardTrailer   = "x-amz-trailer"
)

// Guarded signs uploads that no such header can change.
func (s *URLSigner) Guarded() *URLSigner {
	return &URLSigner{ring: s.ring, now: s.now, guarded: true}
}

// headerNames are the signed headers as the canonical request lists them, and as
// they stand in a query.
type headerNames struct{ names, query string }

func newHeaderNames(names ...string) headerNames {
	return headerNames{names: strings.Join(names, ";"), query: strings.Join(names, "%3B")}
}

var (
	plainNames           = newHeaderNames("host")
	checksumNames        = newHeaderNames("content-length", "host", HeaderChecksum)
	guardedNames         = newHeaderNames("host", guardAlgorithm, guardCopy, guardTrailer)
	guardedChecksumNames = newHeaderNames("content-length", "host", guardAlgorithm, HeaderChecksum, guardCopy, guardTrailer)
)

func (s *signer) signedHeaders(r *presignRequest) headerNames {
	switch {
	case r.guarded && r.checksum != "":
		return s.encryption.guarded
	case r.guarded:
		return guardedNames
	case r.checksum != "":
		return s.encryption.plain
	}
	return plainNames
}

// signedEncryption is what links that take a header of ours have signed of
// Encryption: nobody who holds one can leave it out.
type signedEncryption struct {
	canonical string
	// The signed headers of such links, and of guarded ones.
	plain, guarded headerNames
}

func signedEncryptionOf(e Encryption) signedEncryption {
	if e.Algorithm == "" {
		return signedEncryption{plain: checksumNames, guarded: guardedChecksumNames}
	}
	plain := append([]string{"content-length", "host", HeaderChecksum}, e.names()...)
	guarded := append([]string{"content-length", "host", guardAlgorithm, HeaderChecksum, guardCopy}, e.names()...)
	return signedEncryption{
		canonical: e.canonical(), plain: newHeaderNames(plain...), guarded: newHeaderNames(append(guarded, guardTrailer)...),
	}
}
