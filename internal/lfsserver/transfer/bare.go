package transfer

import "context"

// Bare is Basic for clients that send nothing but the body: huggingface_hub and
// @huggingface/hub ignore the header of a single upload. The link itself binds the
// content, so the store has to look at it.
type Bare struct{ Basic }

var _ Dialect = Bare{}

// Label implements Dialect.
func (Bare) Label() string { return "bare" }

// Upload implements Dialect.
func (Bare) Upload(_ context.Context, s Session, o Object) (any, error) {
	return bareActions(s, o)
}

func bareActions(s Session, o Object) (*basicActions, error) {
	life := s.Life(o.Size)
	grant, err := s.AdmitBare(o, life)
	if err != nil {
		return nil, err
	}
	actions := &basicActions{Upload: &Action{Href: grant.URL, ExpiresIn: seconds(life)}}
	return actions, actions.verified(s, o)
}
