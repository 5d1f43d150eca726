package lfsserver_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/lfs-operator/lfs-operator/internal/layout"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/lfstest"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
	"github.com/lfs-operator/lfs-operator/test/assets"
)

// What tenant A holds. B's are those of lfstest.
const (
	tenantWrite = "lfs_write-token-of-tenant-a"
	tenantAdmin = "lfs_admin-token-of-tenant-a"
	tenantScan  = "scan-token-of-tenant-a"
)

// TestTenantBreaches: two tenants with one bucket. A knows the OID of an object of
// B's, the URLs of B's server and the names of B's locks, and tries all that these
// could be good for: where each has a server, and where they share one. Each attempt
// is a cell; one that is not refused, or not with the status that says why, is a breach.
func TestTenantBreaches(t *testing.T) {
	m := &strangers{t: t}
	for name, p := range uploadPaths {
		if a, b := m.pair(p); a != nil {
			m.dialect(name, p, a, b)
		}
	}
	m.routes()
	m.paths(m.plain())
	m.hosts(m.plain(lfstest.WithConfig(hosted)))
	m.locks(m.plain())
	m.adminPort(m.plain())
	m.prefixes()
	m.neighbours("team-b", "models")
	m.neighbours("team-a", "models2")
	t.Logf("tenant-breaches=%d of %d cells", m.breaches, m.cells)
}

type strangers struct {
	t               *testing.T
	cells, breaches int
}

// want counts a cell and compares a status with those that are right.
func (m *strangers) want(what string, got int, right ...int) {
	m.t.Helper()
	m.cells++
	if !slices.Contains(right, got) {
		m.breaches++
		m.t.Errorf("%s: status %d, want %v", what, got, right)
	}
}

// hidden counts a cell in which an answer must not tell any of what is B's.
func (m *strangers) hidden(what string, body []byte, secrets ...string) {
	m.t.Helper()
	m.cells++
	for _, s := range secrets {
		if bytes.Contains(body, []byte(s)) {
			m.breaches++
			m.t.Errorf("%s: the answer holds %q: %.300s", what, s, body)
			return
		}
	}
}

// tenantA is a server with tokens of its own beside B's on one bucket.
func tenantA(b *lfstest.Server) lfstest.Option { return lfstest.WithConfig(beside(b)) }

func beside(b *lfstest.Server) func(*serverconfig.Config) {
	return func(c *serverconfig.Config) {
		c.Storage.Bucket, c.Storage.Prefix = b.Config.Storage.Bucket, "team-a/models-"+c.Repository.UID+"/"
		c.ScanTokenHash = serverconfig.TokenHash(tenantScan)
		c.Access.Tokens = []serverconfig.Token{
			{Name: "writer", Scope: serverconfig.ScopeWrite, SHA256: serverconfig.TokenHash(tenantWrite)},
			{Name: "chief", Scope: serverconfig.ScopeAdmin, SHA256: serverconfig.TokenHash(tenantAdmin)},
		}
	}
}

// tenantB is the other's.
func tenantB() lfstest.Option {
	return lfstest.WithConfig(func(c *serverconfig.Config) {
		c.Repository.Namespace, c.Storage.Prefix = "team-b", "team-b/models-"+c.Repository.UID+"/"
	})
}

// pair starts both; nil where the store makes a server answer by another path.
func (m *strangers) pair(p path) (a, b *lfstest.Server) {
	m.t.Helper()
	if b = p.start(m.t, tenantB()); b == nil {
		return nil, nil
	}
	return p.start(m.t, tenantA(b)), b
}

// plain are two servers of no special dialect.
func (m *strangers) plain(opts ...lfstest.Option) (a, b *lfstest.Server) {
	m.t.Helper()
	store := assets.SharedStore(m.t)
	b = lfstest.Start(m.t, store, append([]lfstest.Option{tenantB()}, opts...)...)
	return lfstest.Start(m.t, store, append([]lfstest.Option{tenantA(b)}, opts...)...), b
}

// place puts an object where B's proven ones lie.
func place(t *testing.T, b *lfstest.Server, c string) lfstest.Object {
	t.Helper()
	o := lfstest.ObjectOf(c)
	key := layout.Prefix(b.Config.Storage.Prefix).Object(o.OID)
	if _, err := bucketOf(t, b).Put(t.Context(), key, strings.NewReader(c), o.Size, objectstore.Condition{}); err != nil {
		t.Fatal(err)
	}
	return o
}

// batchOf asks for one object as a client of the dialect does.
func (m *strangers) batchOf(p path, s *lfstest.Server, operation, secret string, o lfstest.Object) (int, lfstest.Answer) {
	m.t.Helper()
	resp, body := send(m.t, http.MethodPost, s.Root()+"/objects/batch", p.ask.agent, "Bearer "+secret, map[string]any{
		"operation": operation, "transfers": p.ask.transfers, "objects": []lfstest.Object{o}, "hash_algo": "sha256",
	})
	var out struct {
		Objects []lfstest.Answer `json:"objects"`
	}
	if resp.StatusCode == http.StatusOK {
		if err := json.Unmarshal(body, &out); err != nil || len(out.Objects) != 1 {
			m.t.Fatalf("batch: %v: %s", err, body)
		}
		return resp.StatusCode, out.Objects[0]
	}
	return resp.StatusCode, lfstest.Answer{}
}

// request is a bare one; path is sent as it is written.
func (m *strangers) request(method, base, path, host, secret string, body any) (int, []byte) {
	m.t.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		m.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(m.t.Context(), method, base, bytes.NewReader(raw))
	if err != nil {
		m.t.Fatal(err)
	}
	if path != "" {
		req.URL.Opaque = "//" + req.URL.Host + path
	}
	if host != "" {
		req.Host = host
	}
	req.Header.Set("Tus-Resumable", "1.0.0")
	req.Header.Set("Authorization", "Bearer "+secret)
	resp, answer := do(m.t, req)
	return resp.StatusCode, answer
}

// links are all URLs that an answer holds, in headers too.
func links(t *testing.T, answer any) (out []string) {
	t.Helper()
	raw, err := json.Marshal(answer)
	if err != nil {
		t.Fatal(err)
	}
	var v any
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case string:
			if u, err := url.Parse(v); err == nil && u.Scheme == "http" {
				out = append(out, v)
			}
		case []any:
			for _, e := range v {
				walk(e)
			}
		case map[string]any:
			for _, e := range v {
				walk(e)
			}
		}
	}
	walk(v)
	return out
}
