package transfer

import (
	"context"
	"strings"
)

// KohakuHub is the form that KohakuHub documents for scripts (docs/api/git-lfs.md,
// "Manual LFS Upload"): the transfer is called basic, part keys are not padded,
// and "upload_id" goes back to the server in the path and body of complete, here a
// signed token. Such scripts send neither our headers nor credentials after the
// batch.
type KohakuHub struct {
	sizes
	downloads
	querySHA256 bool
}

var _ Dialect = KohakuHub{}

// Name implements Dialect.
func (KohakuHub) Name() string { return NameBasic }

// Label implements Dialect.
func (KohakuHub) Label() string { return "kohakuhub" }

// Upload implements Dialect.
func (d KohakuHub) Upload(ctx context.Context, s Session, o Object) (any, error) {
	if o.Size <= d.threshold && d.querySHA256 {
		return d.single(s, o)
	}
	m, life, err := d.begin(ctx, s, o, true)
	if err != nil {
		return nil, err
	}
	up := completion(m, "", life)
	up.Header = append(up.Header, Field{"upload_id", m.Token})
	return &basicActions{Upload: up, Verify: &Action{Href: m.VerifyBare, ExpiresIn: life}}, nil
}

// single is a Bare upload, with the token of verify in its link.
func (KohakuHub) single(s Session, o Object) (any, error) {
	a, err := bareActions(s, o)
	if err != nil {
		return nil, err
	}
	t := strings.TrimPrefix(a.Verify.Header.Get("Authorization"), "Bearer ")
	a.Verify.Href, a.Verify.Header = a.Verify.Href+"/"+t, nil
	return a, nil
}
