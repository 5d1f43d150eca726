package main

import (
	"context"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"
)

// lookupsAtOnce is how many a server of ours has under way at most, for so many
// clients: 32 for one batch, 64 in all. The store is asked as many at once.
func lookupsAtOnce(clients int) int { return min(32*clients, 64) }

// cold: objects that are there and that the server has never heard of, against a
// loop that does nothing but HEAD the same keys by signed URLs. Each round takes
// other objects, and before each number of clients the server is started anew.
func (w *batchWorld) cold(ctx context.Context) error {
	const name = "batch100-present-cold-headrate"
	var all []float64
	for _, n := range clients {
		w.ours.stop()
		if err := w.start(ctx, w.ours); err != nil {
			return err
		}
		bare, err := w.headURLs(ctx)
		if err != nil {
			return err
		}
		// The warm-up round counts as one.
		share := len(w.there) / (rounds + 1) / perBatch * perBatch
		var last [2]float64
		ratios, err := interleaved(rounds, func(i int) (float64, error) {
			last[0], err = w.lookUp(ctx, n, w.there[i*share:(i+1)*share])
			return last[0], err
		}, func(i int) (float64, error) {
			last[1], err = heads(ctx, lookupsAtOnce(n), bare[i*share:(i+1)*share])
			return last[1], err
		})
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		w.say("cold, %d clients: %.0f objects/s, the store's own HEAD rate %.0f, ratio %.2f", n, last[0], last[1], median(ratios))
		bar(fmt.Sprintf("%s-%d", name, n), median(ratios))
		all = append(all, median(ratios))
	}
	bar(name, min(all[0], all[1]))
	return nil
}

// lookUp sends a batch for every hundred of the objects, once, and returns objects
// per second.
func (w *batchWorld) lookUp(ctx context.Context, clients int, some []object) (float64, error) {
	c := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: clients, DisableCompression: true}}
	defer c.CloseIdleConnections()
	bodies := batchBodies("upload", some, perBatch)
	begin := time.Now()
	err := each(ctx, clients, len(bodies), func(ctx context.Context, i int) error {
		_, err := w.ours.post(ctx, c, bodies[i])
		return err
	})
	return float64(len(some)) / time.Since(begin).Seconds(), err
}

// headURLs signs a HEAD of every object, so that the loop need not.
func (w *batchWorld) headURLs(ctx context.Context) ([]string, error) {
	c, err := w.shared.client()
	if err != nil {
		return nil, err
	}
	urls := make([]string, len(w.there))
	for i := range w.there {
		u, err := c.PresignHeader(ctx, http.MethodHead, w.ours.bucket, w.prefix().Object(w.there[i].OID), time.Hour, nil, nil)
		if err != nil {
			return nil, err
		}
		urls[i] = u.String()
	}
	return urls, nil
}

// heads is the bare loop; it returns HEADs per second.
func heads(ctx context.Context, atOnce int, urls []string) (float64, error) {
	c := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: atOnce, DisableCompression: true}}
	defer c.CloseIdleConnections()
	var found atomic.Int64
	begin := time.Now()
	err := each(ctx, atOnce, len(urls), func(ctx context.Context, i int) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodHead, urls[i], nil)
		if err != nil {
			return err
		}
		resp, err := c.Do(req)
		if err != nil {
			return err
		}
		resp.Body.Close()
		if resp.StatusCode == http.StatusOK {
			found.Add(1)
		}
		return nil
	})
	if err == nil && int(found.Load()) != len(urls) {
		err = fmt.Errorf("the store has %d of %d objects", found.Load(), len(urls))
	}
	return float64(len(urls)) / time.Since(begin).Seconds(), err
}
