package lfsserver_test

import (
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver/lfstest"
	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
	"github.com/lfs-operator/lfs-operator/test/assets"
)

// TestInsideAndOutside: clients inside a cluster and outside reach server and store by
// different names, and each gets links that work where it is: all of them are used.
func TestInsideAndOutside(t *testing.T) {
	t.Parallel()
	store := assets.SharedStore(t)
	inside := lfstest.Start(t, store, splitting("Auto"), lfstest.WithConfig(func(c *serverconfig.Config) {
		c.Endpoints[0].StoreEndpoint = store.Endpoint
		c.Endpoints = append(c.Endpoints, serverconfig.Endpoint{
			Scheme: "http", Host: otherName(t, c.Endpoints[0].Host), StoreEndpoint: "http://" + otherName(t, store.Host()),
		})
		c.Storage.PublicEndpoint = "http://nobody-reaches-this.invalid"
	}))
	outside := *inside
	outside.URL = "http://" + inside.Config.Endpoints[1].Host
	for where, s := range map[string]*lfstest.Server{"inside": inside, "outside": &outside} {
		storeAt := "http://" + otherName(t, store.Host())
		if where == "inside" {
			storeAt = store.Endpoint
		}
		for _, name := range []string{"basic", "superset as Hugging Face", "superset as proposal"} {
			t.Run(where+" by "+name, func(t *testing.T) {
				p := uploadPaths[name]
				c := content(p.size)
				o := lfstest.ObjectOf(c)
				_, a := p.ask.upload(t, s, o)
				for _, piece := range p.pieces(t, a, o.Size) {
					if !strings.HasPrefix(piece.link.Href, storeAt+"/") {
						t.Errorf("a link to %s", piece.link.Href)
					}
					req, err := http.NewRequest(piece.method, piece.link.Href, strings.NewReader(c[piece.pos:piece.pos+piece.size]))
					if err != nil {
						t.Fatal(err)
					}
					for k, v := range piece.link.Header {
						req.Header.Set(k, v)
					}
					if resp, body := do(t, req); resp.StatusCode != http.StatusOK {
						t.Fatalf("upload: %s: %s", resp.Status, body)
					}
				}
				if !strings.HasPrefix(a.Verify.Href, s.URL+"/") {
					t.Errorf("a link to %s", a.Verify.Href)
				}
				if status := p.finish(t, a, o); status != http.StatusOK {
					t.Fatalf("finished with %d", status)
				}
				if link := s.Batch("download", o)[0].Actions["download"].Href; !strings.HasPrefix(link, storeAt+"/") || s.Download(o) != c {
					t.Errorf("downloaded from %s", link)
				}
			})
		}
	}
}

// otherName of the loopback interface, with the same port.
func otherName(t *testing.T, host string) string {
	t.Helper()
	_, port, err := net.SplitHostPort(host)
	if err != nil {
		t.Fatal(err)
	}
	return net.JoinHostPort("localhost", port)
}
