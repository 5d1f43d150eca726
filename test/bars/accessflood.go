package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// flood starts commands at a rate and waits until all have ended, or for as long as
// they may take. It returns how many were lost, and how long the last request of each
// other one took.
func (w *loadWorld) flood(ctx context.Context, rate float64, spell time.Duration) (lost int, admitted []float64) {
	ctx, cancel := context.WithTimeout(ctx, max(overloadLimit*spell, overloadLeast))
	defer cancel()
	var mu sync.Mutex
	var group sync.WaitGroup
	came := 0
	stop := w.watch(func() string {
		mu.Lock()
		defer mu.Unlock()
		return fmt.Sprintf("%d came, %d ended well, %d lost; %d times 429", came, len(admitted), lost, w.refused.Load())
	})
	begin := time.Now()
	for time.Since(begin) < spell && ctx.Err() == nil {
		for due := int(time.Since(begin).Seconds() * rate); came < due; {
			n := came
			mu.Lock()
			came++
			mu.Unlock()
			group.Go(func() {
				ms, err := w.command(ctx, n)
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					if lost++; lost <= 5 {
						w.say("lost: %v", err)
					}
					return
				}
				admitted = append(admitted, ms)
			})
		}
		time.Sleep(time.Millisecond)
	}
	w.say("nobody comes any more; waiting until all have ended")
	group.Wait()
	stop()
	return lost, admitted
}

// watch prints every ten seconds how it goes.
func (w *loadWorld) watch(how func() string) (stop func()) {
	end := make(chan struct{})
	var group sync.WaitGroup
	group.Go(func() {
		every := time.NewTicker(10 * time.Second)
		defer every.Stop()
		for {
			select {
			case <-end:
				return
			case <-every.C:
				w.say("%s", how())
			}
		}
	})
	return func() {
		close(end)
		group.Wait()
	}
}

// command asks until it is answered, as git-lfs does.
func (w *loadWorld) command(ctx context.Context, n int) (ms float64, err error) {
	id := w.asked.Add(1)
	for try := 0; ; try++ {
		body := w.body(id)
		begin := time.Now()
		status, after, err := w.once(ctx, &w.clients[n%len(w.clients)], body)
		ms := float64(time.Since(begin).Microseconds()) / 1e3
		switch {
		case err != nil:
			return 0, err
		case status == http.StatusOK:
			return ms, nil
		case status != http.StatusTooManyRequests || try >= maxRetries:
			return 0, fmt.Errorf("status %d after %d retries", status, try)
		}
		w.refused.Add(1)
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-time.After(after):
		}
	}
}

// once sends one batch.
func (w *loadWorld) once(ctx context.Context, t *target, body []byte) (status int, after time.Duration, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, t.url+"/objects/batch", bytes.NewReader(body))
	if err != nil {
		return 0, 0, err
	}
	req.Header.Set("Content-Type", "application/vnd.git-lfs+json")
	req.Header.Set("User-Agent", "git-lfs/3.8.1 (GitHub; linux amd64; go 1.26)")
	req.Header.Set("Authorization", t.auth)
	resp, err := w.c.Do(req)
	if err != nil {
		return 0, 0, err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return 0, 0, err
	}
	seconds, _ := strconv.Atoi(resp.Header.Get("Retry-After"))
	return resp.StatusCode, time.Duration(max(1, seconds)) * time.Second, nil
}
