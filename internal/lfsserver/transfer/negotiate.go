package transfer

import (
	"slices"
	"strings"
)

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

// isGit is true for git-lfs: by its name, or by transfers that nothing else
// offers.
func (o Offer) isGit() bool {
	return IsGitAgent(o.UserAgent) || o.Has("ssh") || o.Has("lfs-standalone-file")
}

// IsGitAgent is true for the User-Agent of git-lfs.
func IsGitAgent(userAgent string) bool { return strings.HasPrefix(userAgent, "git-lfs/") }

// Override of the choice among multipart dialects.
type Override string

// The overrides, as the configuration spells them. Any other value, and none,
// means Auto.
const (
	Auto             Override = "Auto"
	ForceHuggingFace Override = "HuggingFace"
	ForceKohakuHub   Override = "KohakuHub"
	ForceProposal    Override = "Proposal"
)

// Defaults of a configuration that says nothing.
const (
	DefaultThreshold = 100_000_000
	DefaultPartSize  = 50_000_000
)

// Rules are what a repository and its store add to the choice.
type Rules struct {
	Override Override
	// Threshold in bytes: larger objects are uploaded in parts where the client
	// can.
	Threshold int64
	// PartSize in bytes, as wished for.
	PartSize int64
	// QuerySHA256: the store checks the content of uploads without headers.
	QuerySHA256 bool
}

// ForUpload chooses the dialect of an upload batch. The transfer is one for the
// whole batch, so the largest object decides. The first that fits wins:
//
//	override            what it says, for the clients that can
//	giftless's client   giftless
//	git-lfs + agent     Hugging Face, above the threshold
//	git-lfs + tus       tus, above the threshold
//	others + multipart  Hugging Face and proposal at once, above the threshold
//	others + multipart  small objects: bare where the store checks them, else one part
//	all others          basic: git-lfs runs whatever it did not offer as basic,
//	                    and every client known knows it
func (r Rules) ForUpload(o Offer) Dialect {
	z := sizes{threshold: r.Threshold, partSize: r.PartSize}
	git, above := o.isGit(), o.Largest > r.Threshold
	if d := r.overridden(o, git, above, z); d != nil {
		return d
	}
	switch {
	case o.Has(NameGiftless) && !git:
		return Giftless{Proposal{sizes: z}}
	case git && o.Has(NameMultipart) && above:
		return HuggingFace{sizes: z}
	case git && o.Has(NameTus) && above:
		return Tus{}
	case !git && o.Has(NameMultipart) && (above || !r.QuerySHA256):
		return Superset{sizes: z}
	case !git && o.Has(NameMultipart):
		return Bare{}
	}
	return Basic{}
}

// overridden is the dialect that the configuration wants, nil where it says
// nothing about this client. Stock git-lfs gets basic whatever it says.
func (r Rules) overridden(o Offer, git, above bool, z sizes) Dialect {
	switch {
	case r.Override == ForceKohakuHub && !git:
		return KohakuHub{sizes: z, querySHA256: r.QuerySHA256}
	case r.Override == ForceHuggingFace && o.Has(NameMultipart) && (above || !git && !r.QuerySHA256):
		return HuggingFace{sizes: z}
	case r.Override == ForceProposal && o.Has(NameMultipart) && above:
		// Also to git-lfs: this is for one that has the transfer built in.
		return Proposal{sizes: z}
	case r.Override == ForceProposal && o.Has(NameMultipart):
		return Basic{}
	}
	return nil
}

// ForDownload chooses the dialect of a download: always basic, since agents that
// offer more refuse more.
func (Rules) ForDownload(Offer) Dialect { return Basic{} }
