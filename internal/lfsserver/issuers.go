package lfsserver

import (
	"context"
	"time"
)

// issuerInterval is how often those are asked again who have not answered well.
const issuerInterval = 10 * time.Second

// watchIssuers looks after whoever identities are verified by, until ctx ends: a
// mistake should show in the status before the first client meets it.
func (s *Server) watchIssuers(ctx context.Context) {
	tick := time.NewTicker(issuerInterval)
	defer tick.Stop()
	for {
		s.current.Load().auth.Look(ctx, s.now())
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-s.issuersChanged:
		}
	}
}

// lookAtIssuers has them looked at soon.
func (s *Server) lookAtIssuers() {
	select {
	case s.issuersChanged <- struct{}{}:
	default:
	}
}
