package pause_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/pause"
)

// TestUntil waits for a minute at most, unless it is woken or its context ends.
func TestUntil(t *testing.T) {
	const never = time.Hour
	for name, tc := range map[string]struct {
		woken, ends, took time.Duration
		err               error
	}{
		"the time is over":          {woken: never, ends: never, took: time.Minute},
		"woken":                     {woken: time.Second, ends: never, took: time.Second},
		"the context ends":          {woken: never, ends: time.Second, took: time.Second, err: context.DeadlineExceeded},
		"the context ended already": {woken: never, ends: 0, took: 0, err: context.DeadlineExceeded},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), tc.ends)
				defer cancel()
				wake := make(chan struct{}, 1)
				defer time.AfterFunc(tc.woken, func() { wake <- struct{}{} }).Stop()
				began := time.Now()
				err := pause.Until(ctx, wake, time.Minute)
				if took := time.Since(began); took != tc.took || !errors.Is(err, tc.err) {
					t.Errorf("after %s: %v, want %s: %v", took, err, tc.took, tc.err)
				}
			})
		})
	}
}
