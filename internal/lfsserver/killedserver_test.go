package lfsserver_test

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver/lfstest"
	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
	"github.com/lfs-operator/lfs-operator/test/assets"
)

// killedServers end a server in the middle of an upload; a replica takes over. Each
// call of the last step is tried in package upload (TestKilledBetweenSteps).
var killedServers = map[string]func(*testing.T, path, *tally){
	"server killed between the steps": func(t *testing.T, p path, sum *tally) {
		for _, wrong := range []bool{true, false} {
			c := newCase(t, p.start(t), p, sum)
			a := c.begin(lfstest.WriteToken)
			a.sendAllButLast()
			next := replicaOf(t, c.s)
			c.s.Stop()
			if err := c.s.Wait(); err != nil {
				t.Fatal(err)
			}
			a.moveTo(next)
			a.refused()
			body := c.right
			if wrong {
				body = flipped(body)
			}
			a.put(a.last(), body[a.last().pos:])
			c.ends(a, wrong)
		}
	},
	"server killed while it finishes": func(t *testing.T, p path, sum *tally) {
		for _, wrong := range []bool{true, false} {
			way := startWay(t, assets.SharedStore(t))
			s := p.start(t, lfstest.WithConfig(func(c *serverconfig.Config) { c.Storage.Endpoint = way.URL }))
			next := replicaOf(t, s, lfstest.WithConfig(func(c *serverconfig.Config) { c.Storage.Endpoint = s.Store.Endpoint }))
			c := newCase(t, s, p, sum)
			a := c.begin(lfstest.WriteToken)
			body := c.right
			if wrong {
				body = flipped(body)
			}
			a.send(body)
			way.cutAfter(5)
			a.finish()
			a.moveTo(next)
			c.check()
			c.ends(a, wrong)
		}
	},
}

// ends finishes what was begun at another server.
func (c *contentCase) ends(a *attempt, wrong bool) {
	c.t.Helper()
	if wrong {
		a.refused()
		c.uploadRight()
		return
	}
	if status := a.finish(); status != http.StatusOK {
		c.t.Errorf("the right content finished with %d", status)
	}
	c.check()
}

// moveTo goes on at another server.
func (a *attempt) moveTo(s *lfstest.Server) {
	a.actions = a.actions.at(a.s, s)
	for i := range a.pieces {
		link := &a.pieces[i].link
		link.Href = strings.Replace(link.Href, a.s.URL, s.URL, 1)
	}
	a.s = s
}

// replicaOf a server: same repository, same bucket, same keys.
func replicaOf(t *testing.T, s *lfstest.Server, opts ...lfstest.Option) *lfstest.Server {
	t.Helper()
	return lfstest.Start(t, s.Store, append([]lfstest.Option{
		lfstest.WithConfig(func(c *serverconfig.Config) {
			endpoints := c.Endpoints
			*c = s.Config
			c.Endpoints = endpoints
		}),
		lfstest.WithFile("keys/k1", s.ReadFile("keys/k1")),
	}, opts...)...)
}

// way is the way from a server to its store, which can be cut.
type way struct {
	*httptest.Server
	cut  atomic.Bool
	left atomic.Int64
}

func startWay(t *testing.T, store *assets.Store) *way {
	t.Helper()
	target := mustParse(t, store.Endpoint)
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Host = r.In.Host // signed
	}}
	w := &way{}
	w.Server = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		left := int64(1)
		if w.cut.Load() {
			left = w.left.Add(-1)
		}
		if left == 0 {
			// It takes effect, and nobody hears of it.
			proxy.ServeHTTP(httptest.NewRecorder(), r)
		}
		if left <= 0 {
			panic(http.ErrAbortHandler)
		}
		proxy.ServeHTTP(rw, r)
	}))
	t.Cleanup(w.Close)
	return w
}

// cutAfter lets that many more requests through.
func (w *way) cutAfter(requests int64) {
	w.left.Store(requests)
	w.cut.Store(true)
}
