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

func (r *presignRequest) signedHeaders() headerNames {
	switch {
	case r.guarded && r.checksum != "":
		return guardedChecksumNames
	case r.guarded:
		return guardedNames
	case r.checksum != "":
		return checksumNames
	}
	return plainNames
}
