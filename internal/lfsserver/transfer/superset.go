package transfer

import "context"

// Superset is for clients that offer "multipart" and may be of either kind: those
// of Hugging Face read only upload and verify, those of the proposal only parts,
// verify and abort. Never for git-lfs, which fails over the array.
type Superset struct {
	sizes
	downloads
}

var _ Dialect = Superset{}

type supersetActions struct {
	Upload *Action `json:"upload"`
	*proposalActions
}

// Name implements Dialect.
func (Superset) Name() string { return NameMultipart }

// Label implements Dialect.
func (Superset) Label() string { return "superset" }

// Upload implements Dialect. An upload whose parts have become an object already
// is of no use to one of the two kinds, so it is a fresh one.
func (d Superset) Upload(ctx context.Context, s Session, o Object) (any, error) {
	m, life, err := d.begin(ctx, s, o, true)
	if err != nil {
		return nil, err
	}
	return &supersetActions{Upload: completion(m, fiveDigits, life), proposalActions: partsOf(m, life)}, nil
}
