package transfer

import "context"

// Proposal is the multipart-HTTP proposal (git-lfs pull request 4438): parts in an
// array, without those that are there already; verify, which finishes the upload;
// abort. want_digest only where parts come through this server: the store would
// not look at a Digest header.
type Proposal struct {
	sizes
	downloads
}

var _ Dialect = Proposal{}

type proposalActions struct {
	// Parts that are missing. All there: none, and verify is still to be called.
	Parts  []partAction `json:"parts,omitempty"`
	Verify verifyAction `json:"verify"`
	Abort  abortAction  `json:"abort"`
}

type partAction struct {
	Href      string `json:"href"`
	Pos       int64  `json:"pos"`
	Size      int64  `json:"size"`
	Method    string `json:"method"`
	ExpiresIn int64  `json:"expires_in"`
	// WantDigest as in RFC 3230.
	WantDigest string `json:"want_digest,omitempty"`
}

// verifyAction has parameters that the client sends back as they are.
type verifyAction struct {
	Action
	Params Header `json:"params"`
}

type abortAction struct {
	Action
	Method string `json:"method"`
}

// Name implements Dialect.
func (Proposal) Name() string { return NameMultipart }

// Label implements Dialect.
func (Proposal) Label() string { return "proposal" }

// Upload implements Dialect.
func (d Proposal) Upload(ctx context.Context, s Session, o Object) (any, error) {
	m, life, err := d.begin(ctx, s, o, false)
	if err != nil {
		return nil, err
	}
	return partsOf(m, life), nil
}

func partsOf(m *Multipart, life int64) *proposalActions {
	a := &proposalActions{
		Verify: verifyAction{Action: *m.Verify, Params: Header{{"upload_id", m.Token}}},
		Abort:  abortAction{Action: Action{Href: m.Abort, ExpiresIn: life}, Method: "DELETE"},
	}
	for i := range m.Parts {
		if p := &m.Parts[i]; !p.Done {
			a.Parts = append(a.Parts, partAction{Href: p.URL, Pos: p.Pos, Size: p.Size, Method: "PUT", ExpiresIn: life, WantDigest: m.WantDigest})
		}
	}
	return a
}
