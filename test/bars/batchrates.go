package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/layout"
)

const (
	// present is how many objects the repository holds, and absent how many others
	// are asked for.
	present, absent = 100_000, 100_000
	// perBatch objects.
	perBatch = 100
	// tried is how many objects are asked for once more, one of each batch of them
	// being moved by its link.
	tried = 20 * perBatch
	// loadTime of one measurement of one server.
	loadTime = 1500 * time.Millisecond
)

// clients that ask at once.
var clients = []int{1, 16}

// batchWorld is a repository full of objects, and the reference beside it.
type batchWorld struct {
	*rig
	ours         *lfsServer
	reference    *target
	there, fresh []object
}

// batchRates compares batches of 100 objects with the reference, which looks
// nothing up, and lookups of objects that the server does not know yet with what
// the store itself can do.
func batchRates(ctx context.Context, r *rig) error {
	w := &batchWorld{rig: r, there: makeObjects("present", present), fresh: makeObjects("absent", absent)}
	var err error
	if w.ours, err = r.newServer(ctx, nil); err != nil {
		return err
	}
	defer w.ours.stop()
	if w.reference, err = r.newReference(ctx); err != nil {
		return err
	}
	defer w.reference.stop()
	defer r.shared.drop(w.ours.bucket)
	r.say("storing %d objects", present)
	if err := putObjects(ctx, r.shared, w.ours.bucket, w.prefix(), w.there); err != nil {
		return err
	}
	// Cold first: the rest warms.
	return errors.Join(w.cold(ctx), w.warm(ctx), w.unknown(ctx), w.again(ctx))
}

func (w *batchWorld) prefix() layout.Prefix { return layout.Prefix(w.ours.config.Storage.Prefix) }

// warm: objects that are there and that the server has looked up before. Both
// operations count: a download is answered with links, an upload with none.
func (w *batchWorld) warm(ctx context.Context) error {
	c := &http.Client{}
	for _, body := range batchBodies("download", w.there, perBatch) {
		if _, err := w.ours.post(ctx, c, body); err != nil {
			return err
		}
	}
	down := batchBodies("download", w.there, perBatch)
	up := batchBodies("upload", w.there, perBatch)
	return w.worse("batch100-present-warm-ratio", func(n int) (float64, error) {
		a, err := w.ratio(ctx, "present, download", n, down, perBatch)
		if err != nil {
			return 0, err
		}
		b, err := w.ratio(ctx, "present, upload", n, up, 0)
		return min(a, b), err
	}, func() error { return w.ours.useLinks(ctx, "download", w.there[:tried], perBatch) })
}

// unknown: objects that are not there, in the same repository. The server lists it
// when the first of them come; that belongs to the warm-up.
func (w *batchWorld) unknown(ctx context.Context) error {
	bodies := batchBodies("upload", w.fresh, perBatch)
	if err := w.learned(ctx, bodies[tried/perBatch:]); err != nil {
		return err
	}
	return w.worse("batch100-new-ratio", func(n int) (float64, error) {
		return w.ratio(ctx, "new", n, bodies, perBatch)
	}, func() error { return w.ours.useLinks(ctx, "upload", w.fresh[:tried], perBatch) })
}

// learned waits, for a minute at most, until a batch of new objects makes the server
// look for none of them. Where that does not come, the rates say so.
func (w *batchWorld) learned(ctx context.Context, bodies [][]byte) error {
	c := &http.Client{}
	begin := time.Now()
	for i := 0; time.Since(begin) < time.Minute; i++ {
		before, err := w.ours.heads(ctx)
		if err != nil {
			return err
		}
		if _, err := w.ours.post(ctx, c, bodies[i%len(bodies)]); err != nil {
			return err
		}
		after, err := w.ours.heads(ctx)
		if err != nil {
			return err
		}
		if after == before {
			break
		}
		time.Sleep(200 * time.Millisecond)
	}
	w.say("what is there has been listed after %.1f s", time.Since(begin).Seconds())
	return nil
}

// heads is how many objects the server has looked for, by its metrics.
func (s *lfsServer) heads(ctx context.Context) (n int, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.admin+"/metrics", nil)
	if err != nil {
		return 0, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		if strings.HasPrefix(lines.Text(), `lfs_server_store_requests_total{call="head"`) {
			var k int
			if _, err := fmt.Sscan(lines.Text()[strings.LastIndexByte(lines.Text(), ' ')+1:], &k); err != nil {
				return 0, err
			}
			n += k
		}
	}
	return n, nil
}

// worse prints a figure for each number of clients, and the worse of them. try has
// to succeed first: fast answers that do not work are no figure.
func (w *batchWorld) worse(name string, measure func(clients int) (float64, error), try func() error) error {
	if err := try(); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	var all []float64
	for _, n := range clients {
		v, err := measure(n)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		bar(fmt.Sprintf("%s-%d", name, n), v)
		all = append(all, v)
	}
	bar(name, min(all[0], all[1]))
	return nil
}

// ratio of our rate to the reference's. links is how many an answer of ours has to
// hold.
func (w *batchWorld) ratio(ctx context.Context, what string, n int, bodies [][]byte, links int) (float64, error) {
	var last [2]float64
	ratios, err := interleaved(rounds, func(int) (rate float64, err error) {
		rate, err = load(ctx, &w.ours.target, n, bodies, links)
		last[0] = rate
		return rate, err
	}, func(int) (rate float64, err error) {
		rate, err = load(ctx, w.reference, n, bodies, perBatch)
		last[1] = rate
		return rate, err
	})
	if err != nil {
		return 0, err
	}
	w.say("%s, %d clients: %.0f batches/s, reference %.0f, ratio %.2f", what, n, last[0], last[1], median(ratios))
	return median(ratios), nil
}

// load asks in a closed loop and returns batches per second. An answer that has
// not so many links, or an error in it, ends it.
func load(ctx context.Context, t *target, clients int, bodies [][]byte, links int) (float64, error) {
	c := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: clients, DisableCompression: true}}
	defer c.CloseIdleConnections()
	var next, done atomic.Int64
	var group sync.WaitGroup
	failed := make(chan error, clients)
	begin := time.Now()
	for range clients {
		group.Go(func() {
			for time.Since(begin) < loadTime {
				body := bodies[int(next.Add(1))%len(bodies)]
				raw, err := t.post(ctx, c, body)
				if err == nil && (bytes.Count(raw, []byte(`"href"`)) < links || bytes.Contains(raw, []byte(`"error"`))) {
					err = fmt.Errorf("fewer than %d links, or an error: %.300s", links, raw)
				}
				if err != nil {
					failed <- err
					return
				}
				done.Add(1)
			}
		})
	}
	group.Wait()
	took := time.Since(begin)
	select {
	case err := <-failed:
		return 0, err
	default:
	}
	return float64(done.Load()) / took.Seconds(), nil
}

// again: after a restart the server knows nothing, and a push of objects that are
// all there must still send none.
func (w *batchWorld) again(ctx context.Context) error {
	w.ours.stop()
	if err := w.start(ctx, w.ours); err != nil {
		return err
	}
	c := &http.Client{}
	var bytes int64
	for _, body := range batchBodies("upload", w.there[:1000], perBatch) {
		raw, err := w.ours.post(ctx, c, body)
		if err != nil {
			return err
		}
		var a answer
		if err := json.Unmarshal(raw, &a); err != nil {
			return err
		}
		if len(a.Objects) != perBatch {
			return fmt.Errorf("%d answers to a batch of %d", len(a.Objects), perBatch)
		}
		for _, o := range a.Objects {
			if o.Error != nil {
				return errors.New(o.Error.Message)
			}
			if o.Actions != nil {
				bytes += o.Size
			}
		}
	}
	bar("repush-after-restart-bytes", bytes)
	return nil
}
