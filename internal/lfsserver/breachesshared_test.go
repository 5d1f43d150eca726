package lfsserver_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/lfs-operator/lfs-operator/internal/layout"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/lfstest"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
	"github.com/lfs-operator/lfs-operator/internal/serverstatus"
	"github.com/lfs-operator/lfs-operator/test/assets"
)

// neighbours are A and B in one process, where nothing but the program is between
// them: B's repository is called so.
func (m *strangers) neighbours(namespace, name string) {
	where := "shared with " + namespace + "/" + name
	for dialect, p := range uploadPaths {
		_, a, b := m.house(namespace, name, p.configure)
		if p.needs != nil && !p.needs(b) {
			continue
		}
		m.dialect(where+", "+dialect, p, a, b)
		m.sessions(where+", "+dialect, p, a, b)
	}
	house, a, b := m.house(namespace, name, hosted)
	m.credentials(where, a, b)
	m.paths(a, b)
	m.hosts(a, b)
	m.locks(a, b)
	m.adminPort(a, b)
	m.sharedAdminPort(where, a, b)
	m.metricsPort(where, house, b)
	m.squatter(where, house, b)
}

// house is a process that serves A and B, out of one bucket.
func (m *strangers) house(namespace, name string, change func(*serverconfig.Config)) (house *lfstest.Shared, a, b *lfstest.Server) {
	m.t.Helper()
	house = lfstest.StartShared(m.t, assets.SharedStore(m.t), nil)
	b = house.Add(namespace, name, change)
	a = house.Add("team-a", "models", func(c *serverconfig.Config) { change(c); beside(b)(c) })
	a.Token = tenantWrite
	return house, a, b
}

// credentials: whatever A can present, at every route of B's; secrets of links in
// paths too.
func (m *strangers) credentials(where string, a, b *lfstest.Server) {
	x := b.Upload("what B alone may read")
	actions := a.Batch("upload", lfstest.ObjectOf("A's own"))[0].Actions
	action := strings.TrimPrefix(actions["verify"].Header["Authorization"], "Bearer ")
	secrets := map[string]string{
		"nothing": "", "write token": tenantWrite, "admin token": tenantAdmin, "scan token": tenantScan, "token for the status": a.StatusToken, "action": action,
	}
	for who, secret := range secrets {
		for route, list := range asks(x) {
			method, _, _ := strings.Cut(route, " ")
			for _, q := range list {
				for _, how := range []string{"Bearer " + secret, lfstest.Basic(secret)} {
					target := b.Root() + "/" + q.path
					if q.hub {
						target = b.URL + "/api/models" + pathOf(b) + "/" + q.path
					}
					resp, body := send(m.t, method, target, agentGit, how, q.body)
					m.want(where+": "+who+" at "+route, resp.StatusCode, http.StatusUnauthorized)
					m.hidden(where+": "+who+" at "+route, body, "X-Amz-Signature", b.Config.Storage.Prefix)
				}
			}
		}
		for _, ask := range append(append([]string{}, pathAsks...), linkAsks...) {
			method, tail, _ := strings.Cut(strings.Replace(ask, "{}", url.PathEscape(secret), 1), " ")
			status, body := m.request(method, b.Root()+"/"+tail, "", "", tenantWrite, x)
			m.want(where+": "+who+" in "+ask, status, http.StatusUnauthorized, http.StatusNotFound, http.StatusMethodNotAllowed)
			m.hidden(where+": "+who+" in "+ask, body, "X-Amz-Signature", b.Config.Storage.Prefix)
		}
		for _, ask := range pageAsks {
			_, body := send(m.t, strings.TrimSpace(ask), b.URL+pathOf(b), agentGit, lfstest.Basic(secret), nil)
			m.hidden(where+": "+who+" on B's page", body, x.OID, b.Config.Storage.Prefix, b.Config.Storage.Bucket)
		}
	}
}

// sessions: an upload that B has begun is not A's, who uploads the same, and goes on
// whatever A does.
func (m *strangers) sessions(where string, p path, a, b *lfstest.Server) {
	c := content(min(p.size, aboveThreshold+1))
	theirs := p
	theirs.ask.token, theirs.ask.path = b.Token, strings.TrimPrefix(b.Root(), b.URL)+"/objects/batch"
	open := (&contentCase{t: m.t, s: b, path: theirs, right: c, o: lfstest.ObjectOf(c), tally: &tally{}}).begin(b.Token)
	p.ask.token, p.ask.path = tenantWrite, strings.TrimPrefix(a.Root(), a.URL)+"/objects/batch"
	_, mine := p.ask.upload(m.t, a, open.o)
	known := map[string]bool{}
	for _, link := range links(m.t, open.actions) {
		if u, err := url.Parse(link); err == nil && u.Query().Get("uploadId") != "" {
			known[u.Query().Get("uploadId")] = true
		}
	}
	for _, link := range links(m.t, mine) {
		u, err := url.Parse(link)
		if err != nil {
			m.t.Fatal(err)
		}
		m.holds(where+": an upload of A's own", !known[u.Query().Get("uploadId")], u.Path)
		if strings.HasPrefix(link, a.URL+"/") { // A gives up
			_, _ = m.request(http.MethodDelete, link, "", "", tenantWrite, nil)
		}
	}
	open.send(c)
	m.want(where+": the end of B's upload", open.finish(), http.StatusOK)
	status, answer := m.batchOf(p, a, "download", tenantWrite, open.o)
	if answer.Error != nil {
		status = answer.Error.Code
	}
	m.want(where+": B's upload at A's", status, http.StatusNotFound)
}

// holds counts a cell that is about something else than a status.
func (m *strangers) holds(what string, ok bool, seen any) {
	m.t.Helper()
	m.cells++
	if !ok {
		m.breaches++
		m.t.Errorf("%s: %v", what, seen)
	}
}

// sharedAdminPort: a token opens the admin port for its own repository, whatever else
// is asked, and what a scan reports is about that one.
func (m *strangers) sharedAdminPort(where string, a, b *lfstest.Server) {
	for _, secret := range []string{"", tenantWrite, tenantAdmin, tenantScan, a.StatusToken, b.Token} {
		for route, right := range map[string][]int{
			"GET /metrics":                   {http.StatusUnauthorized, http.StatusNotFound},
			"GET " + serverstatus.Path + "/": {http.StatusUnauthorized, http.StatusNotFound},
			"GET " + pathOf(b):               {http.StatusUnauthorized, http.StatusNotFound},
			"GET /" + b.Config.Repository.UID + serverstatus.Path: {http.StatusUnauthorized, http.StatusNotFound},
		} {
			method, path, _ := strings.Cut(route, " ")
			status, body := m.request(method, a.Admin+path, "", "", secret, nil)
			m.want(where+": the admin port, "+route, status, right...)
			m.hidden(where+": the admin port, "+route, body, b.Config.Storage.Prefix, b.Config.Repository.UID)
		}
	}
	status, body := m.request("GET", a.Admin+serverstatus.Path+"?repository="+pathOf(b), "", "", a.StatusToken, nil)
	m.want(where+": A's own status", status, http.StatusOK)
	var said serverstatus.Status
	if err := json.Unmarshal(body, &said); err != nil {
		m.t.Fatal(err)
	}
	m.holds(where+": A's status is about A", said.Config.Hash != b.Status().Config.Hash, said.Config.Hash)

	for path, report := range map[string]any{
		serverstatus.ScanPath + "a-run":  "a live set",
		serverstatus.HistoryCheckPath:    serverstatus.HistoryCheck{Revision: "made up by A"},
		serverstatus.ScanPath + "b.team": map[string]string{"repository": pathOf(b)},
	} {
		status, _ := m.request("PUT", a.Admin+path, "", "", tenantScan, report)
		m.want(where+": A's report "+path, status, http.StatusNoContent)
	}
	a.Eventually("A's report is in A's status", func() (bool, string) {
		h := a.Status().History
		return h != nil && h.Revision == "made up by A", ""
	})
	m.holds(where+": nor is it in B's status", b.Status().History == nil, b.Status().History)
	for _, key := range []string{layout.Prefix(b.Config.Storage.Prefix).HistoryCheck(), layout.Prefix(b.Config.Storage.Prefix).GCScan("a-run")} {
		_, err := bucketOf(m.t, b).Head(m.t.Context(), key)
		m.holds(where+": nor does it lie under B's prefix", errors.Is(err, objectstore.ErrNotFound), err)
	}
}

// metricsPort names repositories, and holds no secret of any.
func (m *strangers) metricsPort(where string, house *lfstest.Shared, b *lfstest.Server) {
	x := b.Upload("seen by metrics")
	for _, path := range []string{"/metrics", "/", serverstatus.Path, pathOf(b)} {
		status, body := m.request("GET", house.Metrics+path, "", "", tenantAdmin, nil)
		right := http.StatusNotFound
		if path == "/metrics" {
			right = http.StatusOK
		}
		m.want(where+": the metrics port, "+path, status, right)
		m.hidden(where+": the metrics port, "+path, body, x.OID, b.Token, b.StatusToken, b.Config.Storage.Bucket, b.Config.Storage.Prefix, b.Config.Repository.UID)
	}
}

// squatter is a repository of A's beside B, on B's prefix, inside of it and around
// it: it finds that it is not A's, and serves nothing.
func (m *strangers) squatter(where string, house *lfstest.Shared, b *lfstest.Server) {
	x := b.Upload("under B's prefix")
	for prefix, reason := range map[string]string{
		b.Config.Storage.Prefix:             serverstatus.ReasonPrefixInUse,
		b.Config.Storage.Prefix + "lfs/":    serverstatus.ReasonPrefixNotOurs,
		b.Config.Repository.Namespace + "/": serverstatus.ReasonPrefixNotOurs,
	} {
		s := house.Member("team-a", "squatter", func(c *serverconfig.Config) { beside(b)(c); c.Storage.Prefix = prefix })
		s.Begin()
		s.Eventually("it answers", func() (bool, string) { return s.Serves(), "" })
		s.WaitReason(reason)
		for _, operation := range []string{"download", "upload"} {
			status, answer := m.request("POST", s.Root()+"/objects/batch", "", "", tenantAdmin, map[string]any{"operation": operation, "objects": []any{x}})
			m.want(where+": "+operation+" under the prefix "+prefix, status, http.StatusTooManyRequests)
			m.hidden(where+": "+operation+" under the prefix "+prefix, answer, "X-Amz-Signature")
		}
		s.Leave()
		s.Eventually("it is gone", func() (bool, string) { return !s.Serves(), "" })
	}
	m.holds(where+": B's object is whole", b.Download(x) == "under B's prefix", "")
}
