package main

import (
	"cmp"
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
)

const (
	// overloadTime of four times the sustainable load; envOverloadTime shortens it
	// for whoever works on the server ("15s").
	overloadTime, overloadFactor = "60s", 4
	envOverloadTime              = "BARS_OVERLOAD_TIME"
	// overloadLimit is how many times that all may take, and overloadLeast what they
	// may in any case; whoever has not ended by then is lost.
	overloadLimit, overloadLeast = 10, 5 * time.Minute
	// loadPrincipals share it.
	loadPrincipals = 8
	// maxRetries of git-lfs (lfs.transfer.maxretries), after which a command fails.
	maxRetries = 8
	// sustainFor measures what the server can do, with so many clients.
	sustainFor, sustainClients = 6 * time.Second, 2
)

// overload measures what becomes of clients when far more come than can be served.
// A command is one batch to upload 100 objects that nobody has asked for before, so
// that each is looked for in the store, asked for as git-lfs does: 429 is waited out
// for as long as Retry-After says, eight times at the most; anything else than 200
// after that has lost it. Commands arrive at four times the rate that clients
// in a closed loop reach, whether earlier ones have ended or not.
func overload(ctx context.Context, r *rig) error {
	w, err := newLoadWorld(ctx, r)
	if err != nil {
		return err
	}
	defer w.server.stop()
	p50, err := w.unloaded(ctx)
	if err != nil {
		return err
	}
	rate, err := w.sustainable(ctx)
	if err != nil {
		return err
	}
	spell, err := time.ParseDuration(cmp.Or(os.Getenv(envOverloadTime), overloadTime))
	if err != nil {
		return fmt.Errorf("%s: %w", envOverloadTime, err)
	}
	r.say("unloaded p50 %.1f ms; sustainable %.0f batches/s; %s at %d times that", p50, rate, spell, overloadFactor)
	// The clients of a real flood have machines of their own: what these spend on
	// collecting garbage is taken from the server.
	debug.SetGCPercent(800)
	rss := watchRSS(ctx, w.server.program)
	lost, admitted := w.flood(ctx, overloadFactor*rate, spell)
	peak := rss()
	if len(admitted) == 0 {
		return errors.New("nothing was admitted")
	}
	slices.Sort(admitted)
	p99 := admitted[len(admitted)*99/100]
	r.say("%d commands ended well, %d were lost; %d times 429; p50 of the admitted %.1f ms, p90 %.1f ms, p99 %.1f ms, most %.1f ms",
		len(admitted), lost, w.refused.Load(), median(admitted), admitted[len(admitted)*9/10], p99, admitted[len(admitted)-1])
	bar("overload-lost", lost)
	bar("overload-p99-ratio", p99/p50)
	bar("overload-rss-mib", peak)
	return ctx.Err()
}

// loadWorld is a server, and clients with tokens of their own.
type loadWorld struct {
	*rig
	server  *lfsServer
	clients []target
	c       *http.Client
	refused atomic.Int64
	// asked counts batches, so that no two name the same object.
	asked atomic.Int64
}

func newLoadWorld(ctx context.Context, r *rig) (*loadWorld, error) {
	w := &loadWorld{rig: r, c: &http.Client{
		Timeout: 2 * time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: 256, MaxConnsPerHost: 900, DisableCompression: true},
	}}
	var err error
	w.server, err = r.newServer(ctx, func(c *serverconfig.Config) {
		for i := range loadPrincipals {
			c.Access.Tokens = append(c.Access.Tokens, serverconfig.Token{
				Name: fmt.Sprintf("client-%d", i), Scope: serverconfig.ScopeWrite, SHA256: serverconfig.TokenHash(loadToken(i)),
			})
		}
	})
	if err != nil {
		return nil, err
	}
	for i := range loadPrincipals {
		t := w.server.target
		t.auth = "Bearer " + loadToken(i)
		w.clients = append(w.clients, t)
	}
	return w, nil
}

// body is the n-th batch, of new objects. It is made anew for each try: clients that
// wait hold nothing, and making it costs next to nothing, as the clients share the
// machine with the server.
func (w *loadWorld) body(n int64) []byte {
	var seed [32]byte
	binary.BigEndian.PutUint64(seed[:], uint64(n))
	random := rand.NewChaCha8(seed)
	b := make([]byte, 0, 128+perBatch*96)
	b = append(b, `{"operation":"upload","transfers":["basic"],"ref":{"name":"refs/heads/main"},"hash_algo":"sha256","objects":[`...)
	for i := range perBatch {
		var oid [32]byte
		_, _ = random.Read(oid[:])
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"oid":"`...)
		b = hex.AppendEncode(b, oid[:])
		b = append(b, `","size":1234}`...)
	}
	return append(b, "]}"...)
}

func loadToken(i int) string { return fmt.Sprintf("lfs_load-token-%d-of-the-bars", i) }

// unloaded is the median of batches that are alone, in milliseconds.
func (w *loadWorld) unloaded(ctx context.Context) (p50 float64, err error) {
	var ms []float64
	for range 200 {
		body := w.body(w.asked.Add(1))
		begin := time.Now()
		if _, err := w.clients[0].post(ctx, w.c, body); err != nil {
			return 0, err
		}
		ms = append(ms, float64(time.Since(begin).Microseconds())/1e3)
	}
	return median(ms[50:]), nil
}

// sustainable is how many batches per second clients in a closed loop get.
func (w *loadWorld) sustainable(ctx context.Context) (float64, error) {
	var done atomic.Int64
	var group sync.WaitGroup
	failed := make(chan error, sustainClients)
	begin := time.Now()
	for i := range sustainClients {
		group.Go(func() {
			for time.Since(begin) < sustainFor {
				if _, err := w.clients[i].post(ctx, w.c, w.body(w.asked.Add(1))); err != nil {
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
		return 0, fmt.Errorf("below the limit: %w", err)
	default:
	}
	return float64(done.Load()) / took.Seconds(), nil
}

// watchRSS looks at a program's memory until it is asked for the most, in MiB.
func watchRSS(ctx context.Context, p *program) (most func() float64) {
	ctx, cancel := context.WithCancel(ctx)
	peak := make(chan float64, 1)
	go func() {
		var top float64
		for ctx.Err() == nil {
			if mib, err := p.rss(); err == nil {
				top = max(top, mib)
			}
			select {
			case <-ctx.Done():
			case <-time.After(100 * time.Millisecond):
			}
		}
		peak <- top
	}()
	return func() float64 {
		cancel()
		return <-peak
	}
}
