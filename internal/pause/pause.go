// Package pause waits, and no longer than whoever waits is wanted.
package pause

import (
	"context"
	"time"
)

// For waits for d; the error is that of ctx, where it ends first.
func For(ctx context.Context, d time.Duration) error { return Until(ctx, nil, d) }

// Until waits for wake, or for most where nobody wakes it; the error is that of ctx,
// where it ends first.
func Until(ctx context.Context, wake <-chan struct{}, most time.Duration) error {
	t := time.NewTimer(most)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
	case <-wake:
	}
	return nil
}
