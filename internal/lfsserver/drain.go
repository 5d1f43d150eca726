package lfsserver

import (
	"context"
	"sync"
	"time"
)

// drain ends servers without losing a push. First they go on answering while clients
// are still sent here: batches get 429, which git-lfs repeats, on another pod by then;
// what belongs to a push under way, such as verify, is served. Then idle closes
// connections as they fall idle, and waits for the requests that run. What comes last
// has the same time, DrainTimeout, to end.
func drain(o *Options, servers []*Server, idle func(context.Context) error, last ...func(context.Context) error) error {
	// From here on every answer tells its connection to close. Closing idle ones
	// now would cut off requests that are on their way.
	for _, s := range servers {
		s.draining.Store(true)
	}
	time.Sleep(o.DrainDelay)
	// Uploads that can be resumed elsewhere end at their next part.
	for _, s := range servers {
		close(s.stopping)
	}
	ctx, cancel := context.WithTimeout(context.Background(), o.DrainTimeout)
	defer cancel()
	err := idle(ctx)
	var quotas sync.WaitGroup
	for _, s := range servers {
		quotas.Go(s.closeQuota)
	}
	quotas.Wait()
	for _, end := range last {
		if other := end(ctx); err == nil {
			err = other
		}
	}
	return err
}
