package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
)

const (
	// lockers that want the same lock at once, over lockRounds.
	lockers, lockRounds = 24, 100
	// listed locks.
	listed = 10_000
)

// lockWorld is one repository with two servers and a token for each client.
type lockWorld struct {
	*rig
	servers []*lfsServer
	tokens  []string
	c       *http.Client
}

func newLockWorld(ctx context.Context, r *rig) (*lockWorld, error) {
	w := &lockWorld{rig: r, c: &http.Client{
		Timeout: time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: lockers, DisableCompression: true},
	}}
	for i := range lockers {
		w.tokens = append(w.tokens, fmt.Sprintf("lfs_lock-token-%02d-of-the-bars", i))
	}
	for range 2 {
		if _, err := w.newReplica(ctx); err != nil {
			w.stop()
			return nil, err
		}
	}
	return w, nil
}

// newReplica starts one more server of the repository, which knows nothing yet.
func (w *lockWorld) newReplica(ctx context.Context) (*lfsServer, error) {
	s, err := w.newServer(ctx, func(c *serverconfig.Config) {
		if len(w.servers) > 0 {
			c.Storage = w.servers[0].config.Storage
		}
		for i, t := range w.tokens {
			c.Access.Tokens = append(c.Access.Tokens, serverconfig.Token{
				Name: fmt.Sprintf("client-%02d", i), Scope: serverconfig.ScopeWrite, SHA256: serverconfig.TokenHash(t),
			})
		}
	})
	if err == nil {
		w.servers = append(w.servers, s)
	}
	return s, err
}

func (w *lockWorld) stop() {
	for _, s := range w.servers {
		s.stop()
	}
	w.c.CloseIdleConnections()
}

// lockReply is what the API answers about locks.
type lockReply struct {
	Lock  struct{ ID, Path string } `json:"lock"`
	Locks []struct {
		ID    string                `json:"id"`
		Owner struct{ Name string } `json:"owner"`
	} `json:"locks"`
	Next string `json:"next_cursor"`
}

// ask sends one request about locks as a client.
func (w *lockWorld) ask(ctx context.Context, s *lfsServer, client int, method, path string, body any) (status int, reply lockReply, err error) {
	var send io.Reader = http.NoBody
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return 0, reply, err
		}
		send = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(ctx, method, s.url+path, send)
	if err != nil {
		return 0, reply, err
	}
	req.Header.Set("Accept", "application/vnd.git-lfs+json")
	req.Header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte("bars:"+w.tokens[client])))
	resp, err := w.c.Do(req)
	if err != nil {
		return 0, reply, err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err == nil {
		err = json.Unmarshal(raw, &reply)
	}
	return resp.StatusCode, reply, err
}

// lockRaces counts rounds in which more than one client was told that it has the
// lock, on the store of the tests and on MinIO.
func lockRaces(ctx context.Context, r *rig) error {
	n, err := lockRace(ctx, r)
	if err != nil {
		return err
	}
	bar("lock-double-winners", n)
	before := r.shared
	if r.shared, err = r.minio(ctx); err != nil {
		return err
	}
	defer func() { r.shared = before }()
	if n, err = lockRace(ctx, r); err != nil {
		return err
	}
	bar("lock-double-winners-minio", n)
	return nil
}

// lockRace lets all clients want one path at the same moment, each round. Half of
// the rounds are about a path that was locked before.
func lockRace(ctx context.Context, r *rig) (doubles int, err error) {
	w, err := newLockWorld(ctx, r)
	if err != nil {
		return 0, err
	}
	defer w.stop()
	for round := range lockRounds {
		path := "again.bin"
		if round%2 == 1 {
			path = fmt.Sprintf("new-%d.bin", round)
		}
		won, err := w.race(ctx, path)
		if err != nil {
			return doubles, fmt.Errorf("round %d: %w", round, err)
		}
		if len(won) > 1 {
			doubles += len(won) - 1
			r.say("round %d: %d winners", round, len(won))
		}
		status, _, err := w.ask(ctx, w.servers[round%2], 0, http.MethodPost, "/locks/"+won[0]+"/unlock", map[string]bool{"force": true})
		if err != nil || status != http.StatusOK {
			return doubles, fmt.Errorf("round %d: unlock: %d %w", round, status, err)
		}
	}
	return doubles, nil
}

// race returns the IDs of the locks that clients were told they have. Both servers
// have to list the first.
func (w *lockWorld) race(ctx context.Context, path string) (won []string, err error) {
	var mu sync.Mutex
	var errs []error
	var group sync.WaitGroup
	start := make(chan struct{})
	for i := range lockers {
		group.Go(func() {
			<-start
			status, reply, err := w.ask(ctx, w.servers[i%2], i, http.MethodPost, "/locks", map[string]string{"path": path})
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err != nil:
				errs = append(errs, err)
			case status == http.StatusCreated:
				won = append(won, reply.Lock.ID)
			case status != http.StatusConflict:
				errs = append(errs, fmt.Errorf("lock: status %d", status))
			}
		})
	}
	close(start)
	group.Wait()
	if len(won) == 0 {
		errs = append(errs, errors.New("nobody has the lock"))
	}
	for _, s := range w.servers {
		if len(errs) > 0 {
			break
		}
		_, reply, err := w.ask(ctx, s, 0, http.MethodGet, "/locks?path="+url.QueryEscape(path), nil)
		if err != nil || len(reply.Locks) != 1 || reply.Locks[0].ID != won[0] {
			errs = append(errs, fmt.Errorf("the winner's lock is not listed: %+v %w", reply.Locks, err))
		}
	}
	return won, errors.Join(errs...)
}

// lockList lists locks by cursor: on a server that has just started, and again on
// the same one. locks-list-10000-ms is the first, which is the slower.
func lockList(ctx context.Context, r *rig) error {
	w, err := newLockWorld(ctx, r)
	if err != nil {
		return err
	}
	defer w.stop()
	r.say("taking %d locks", listed)
	err = each(ctx, lockers, listed, func(ctx context.Context, i int) error {
		status, _, err := w.ask(ctx, w.servers[i%2], i%lockers, http.MethodPost, "/locks", map[string]string{
			"path": fmt.Sprintf("assets/characters/%03d/texture-%05d.psd", i%200, i),
		})
		if err == nil && status != http.StatusCreated {
			err = fmt.Errorf("lock: status %d", status)
		}
		return err
	})
	if err != nil {
		return err
	}
	var cold, warm []float64
	for range rounds {
		s, err := w.newReplica(ctx)
		if err != nil {
			return err
		}
		for _, into := range []*[]float64{&cold, &warm} {
			ms, err := w.listAll(ctx, s)
			if err != nil {
				return err
			}
			*into = append(*into, ms)
		}
		s.stop()
	}
	bar("locks-list-10000-ms", median(cold))
	bar("locks-list-10000-warm-ms", median(warm))
	return nil
}

// listAll follows the cursors to the end.
func (w *lockWorld) listAll(ctx context.Context, s *lfsServer) (ms float64, err error) {
	seen := map[string]bool{}
	pages := 0
	begin := time.Now()
	for cursor, first := "", true; first || cursor != ""; first = false {
		status, reply, err := w.ask(ctx, s, 0, http.MethodGet, "/locks?cursor="+url.QueryEscape(cursor), nil)
		if err != nil || status != http.StatusOK {
			return 0, fmt.Errorf("list: %d %w", status, err)
		}
		for _, l := range reply.Locks {
			seen[l.ID] = true
		}
		cursor, pages = reply.Next, pages+1
	}
	ms = float64(time.Since(begin).Microseconds()) / 1e3
	w.say("%d locks in %d pages: %.0f ms", len(seen), pages, ms)
	if len(seen) != listed {
		return 0, fmt.Errorf("%d locks are listed, want %d", len(seen), listed)
	}
	return ms, nil
}
