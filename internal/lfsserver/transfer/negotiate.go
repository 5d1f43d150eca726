package transfer

import "slices"

// Offer is what a client says of itself.
type Offer struct {
	// Transfers that it can do, in no order of preference: git-lfs shuffles them.
	Transfers []string
	// UserAgent of the request.
	UserAgent string
	// Largest object of the batch in bytes.
	Largest int64
}

// Has is true when the client offers the transfer. An empty list means basic
// (git-lfs, docs/api/batch.md).
func (o Offer) Has(name string) bool {
	return slices.Contains(o.Transfers, name) || (name == NameBasic && len(o.Transfers) == 0)
}

// ForUpload chooses the dialect of an upload, the first that fits winning.
func ForUpload(Offer) Dialect {
	// git-lfs runs a transfer that it did not offer as basic, and every client
	// known knows basic.
	return Basic{}
}

// ForDownload chooses the dialect of a download: always basic, since agents that
// offer more refuse more.
func ForDownload(Offer) Dialect { return Basic{} }
