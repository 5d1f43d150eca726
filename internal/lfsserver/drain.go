package lfsserver

import (
	"context"
	"errors"
	"net/http"
	"time"
)

// drain ends the server without losing a push. First it goes on answering while
// clients are still sent here: batches get 429, which git-lfs repeats, on another
// pod by then; what belongs to a push under way, such as verify, is served. Then
// connections close as they fall idle, and requests that run are waited for.
func (s *Server) drain(api, admin *http.Server) error {
	// From here on every answer tells its connection to close. Closing idle ones
	// now would cut off requests that are on their way.
	s.draining.Store(true)
	s.log.Info("draining", "delay", s.options.DrainDelay.String())
	time.Sleep(s.options.DrainDelay)
	// Uploads that can be resumed elsewhere end at their next part.
	close(s.stopping)
	ctx, cancel := context.WithTimeout(context.Background(), s.options.DrainTimeout)
	defer cancel()
	err := api.Shutdown(ctx)
	s.closeQuota()
	// Last, so that metrics and status can be read to the end.
	if adminErr := admin.Shutdown(ctx); err == nil {
		err = adminErr
	}
	if errors.Is(err, context.DeadlineExceeded) {
		s.log.Warn("requests were still running after the drain timeout")
		err = errors.Join(api.Close(), admin.Close())
	}
	s.log.Info("stopped")
	return err
}
