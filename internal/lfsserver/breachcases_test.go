package lfsserver_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"

	jose "github.com/go-jose/go-jose/v4"

	"github.com/lfs-operator/lfs-operator/internal/layout"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/lfstest"
	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
	"github.com/lfs-operator/lfs-operator/internal/serverstatus"
	"github.com/lfs-operator/lfs-operator/test/assets"
)

// dialect: an OID that is known opens nothing, whatever the client says it is, and
// links that A was given are good for A's object only.
func (m *strangers) dialect(name string, p path, a, b *lfstest.Server) {
	t, c := m.t, content(min(p.size, aboveThreshold+1))
	x := place(t, b, c)
	p.ask.token, p.ask.path = tenantWrite, strings.TrimPrefix(a.Root(), a.URL)+"/objects/batch"
	status, answer := m.batchOf(p, a, "download", tenantWrite, x)
	if answer.Error != nil {
		status = answer.Error.Code
	}
	m.want(name+": download of B's object at A's", status, http.StatusNotFound)
	// Were it called present, A's Git history would name what A cannot have.
	_, act := p.ask.upload(t, a, x)
	m.cells++
	if act == nil {
		m.breaches++
		t.Fatalf("%s: B's object is called present at A's", name)
	}
	m.want(name+": the end of an upload that sent nothing", p.finish(t, act, x), http.StatusNotFound, http.StatusConflict, http.StatusBadRequest)
	for _, operation := range []string{"download", "upload"} {
		for _, secret := range []string{tenantWrite, tenantAdmin, tenantScan} {
			status, _ := m.batchOf(p, b, operation, secret, x)
			m.want(name+": A's token at B's, "+operation, status, http.StatusUnauthorized)
		}
		for _, oid := range []string{"../../../" + b.Config.Storage.Prefix + x.OID, "..%2f" + x.OID, x.OID + "/..", strings.ToUpper(x.OID), x.OID[:63] + "/", "ａ" + x.OID[1:]} {
			status, answer := m.batchOf(p, a, operation, tenantWrite, lfstest.Object{OID: oid, Size: x.Size})
			if answer.Error != nil {
				status = answer.Error.Code
			}
			m.want(name+": "+operation+" of the OID "+oid, status, http.StatusUnprocessableEntity)
		}
	}
	for _, link := range links(t, act) {
		m.bent(name, a, b, x, link)
	}
	if got := b.Download(x); got != c {
		m.breaches++
		t.Errorf("%s: B's object has changed", name)
	}
}

// bent sends a link of A's to what is B's.
func (m *strangers) bent(name string, a, b *lfstest.Server, x lfstest.Object, link string) {
	u, err := url.Parse(link)
	if err != nil {
		m.t.Fatal(err)
	}
	if strings.HasPrefix(link, a.URL+"/") {
		path := strings.Replace(u.RequestURI(), pathOf(a), pathOf(b), 1)
		for _, method := range []string{"GET", "HEAD", "PUT", "POST", "PATCH", "DELETE"} {
			status, _ := m.request(method, b.URL, path, "", tenantWrite, x)
			m.want(name+": A's link "+method+" at B's", status, http.StatusUnauthorized, http.StatusNotFound, http.StatusMethodNotAllowed)
			if a.URL == b.URL {
				continue
			}
			status, _ = m.request(method, a.URL, path, "", tenantWrite, x)
			m.want(name+": A's link "+method+" with B's name", status, http.StatusNotFound)
		}
		return
	}
	// To the store: the same signature for B's key, in many spellings.
	bucket, ownPrefix := "/"+a.Config.Storage.Bucket+"/", a.Config.Storage.Prefix
	theirs := layout.Prefix(b.Config.Storage.Prefix).Object(x.OID)
	if !strings.HasPrefix(u.Path, bucket+ownPrefix) {
		m.breaches++
		m.t.Errorf("%s: a link to %s, outside of A's prefix", name, u.Path)
	}
	up := strings.Repeat("../", strings.Count(ownPrefix, "/"))
	for _, path := range []string{
		bucket + theirs, bucket + ownPrefix + up + theirs, bucket + ownPrefix + strings.ReplaceAll(up, "/", "%2f") + theirs,
		u.Path + "/../../../../../../" + theirs, bucket + "/" + theirs, bucket + "%2e%2e/" + a.Config.Storage.Bucket + "/" + theirs,
	} {
		for _, method := range []string{"GET", "HEAD", "PUT", "DELETE"} {
			status, _ := m.request(method, a.Store.Endpoint, path+"?"+u.RawQuery, "", "", "not B's content")
			m.want(name+": A's signature for "+method+" "+path, status, http.StatusForbidden, http.StatusBadRequest)
		}
	}
	m.want(name+": a listing by A's signature", m.listing(a, u), http.StatusForbidden, http.StatusBadRequest)
}

// pathOf is where a repository begins in paths.
func pathOf(s *lfstest.Server) string {
	return "/" + s.Config.Repository.Namespace + "/" + s.Config.Repository.Name
}

func (m *strangers) listing(a *lfstest.Server, u *url.URL) int {
	status, _ := m.request("GET", a.Store.Endpoint, "/"+a.Config.Storage.Bucket+"?list-type=2&"+u.RawQuery, "", "", nil)
	return status
}

// routes: whatever A can present, at every route of B's.
func (m *strangers) routes() {
	t := m.t
	ours, theirs := newCluster(t), newCluster(t)
	ours.serviceAccount("ci")
	ours.grant("ci", "admin", "models")
	forgeKey, portalA, portalB := newRSA(t, "k1"), newHMAC(), newHMAC()
	f := newForge(t, forgeKey)
	opts := append(theirs.admitting(), portal(), lfstest.WithFile("jwt/portal/hmac", string(portalB.Key.([]byte))))
	opts = append(opts, f.trusting(rule("Admin", "repository=team-b/models"))...)
	b := lfstest.Start(t, assets.SharedStore(t), append(opts, lfstest.WithConfig(func(c *serverconfig.Config) {
		c.Access.Tokens = append(c.Access.Tokens, serverconfig.Token{Name: "admin", Scope: serverconfig.ScopeAdmin, SHA256: serverconfig.TokenHash("lfs_admin-of-b")})
	}))...)
	x := b.Upload("what B alone may read")
	scoped := inAnHour("a-user")
	scoped["scopes"] = []string{"obj:*"}
	for _, cred := range []struct {
		name, secret string
		want         int
	}{
		{"nothing", "", http.StatusUnauthorized},
		{"write token", tenantWrite, http.StatusUnauthorized},
		{"admin token", tenantAdmin, http.StatusUnauthorized},
		{"scan token", tenantScan, http.StatusUnauthorized},
		{"ServiceAccount with B's audience", ours.token("ci", audience), http.StatusForbidden},
		{"ServiceAccount with A's audience", ours.token("ci", "lfs-operator.dev/team-a/models"+"-a"), http.StatusUnauthorized},
		{"server's own ServiceAccount", ours.token("models-lfs", audience), http.StatusForbidden},
		{"token signed with A's key", sign(t, portalA, scoped), http.StatusUnauthorized},
		{"token of the issuer that both trust", m.job(f, forgeKey), http.StatusForbidden},
	} {
		for route, list := range asks(x) {
			method, _, _ := strings.Cut(route, " ")
			for _, q := range list {
				for _, how := range []string{"Bearer " + cred.secret, lfstest.Basic(cred.secret)} {
					base := b.Root() + "/" + q.path
					if q.hub {
						base = b.URL + "/api/models/" + b.Config.Repository.Namespace + "/models/" + q.path
					}
					resp, body := send(t, method, base, agentGit, how, q.body)
					m.want(cred.name+" at "+route, resp.StatusCode, cred.want)
					m.hidden(cred.name+" at "+route, body, "X-Amz-Signature", b.Config.Storage.Prefix)
				}
			}
		}
	}
	m.everyRouteIsAsked(x)
}

// job is a token of the issuer for A's repository.
func (m *strangers) job(f *forge, key jose.SigningKey) string {
	claims := f.job("refs/heads/main")
	claims["repository"], claims["sub"] = "team-a/models", "repo:team-a/models:ref:refs/heads/main"
	return sign(m.t, key, claims)
}

// everyRouteIsAsked: links are asked by dialect, the page is everybody's, and all
// others are asked with credentials.
func (m *strangers) everyRouteIsAsked(x lfstest.Object) {
	known := slices.Clone(pageAsks)
	for _, ask := range slices.Concat(pathAsks, linkAsks) {
		known = append(known, routeOf(ask))
	}
	for route := range asks(x) {
		known = append(known, route)
	}
	for _, route := range lfsserver.Routes() {
		if !slices.Contains(known, route) {
			m.breaches++
			m.t.Errorf("route %q is not among what strangers try", route)
		}
	}
}

// paths: no spelling of a path leads A to B, neither at A's server nor at B's.
func (m *strangers) paths(a, b *lfstest.Server) {
	x := b.Upload("behind B's path")
	body := map[string]any{"operation": "download", "objects": []any{x}}
	for _, path := range spellings(a, b, x) {
		for _, s := range []*lfstest.Server{a, b} {
			status, answer := m.request("POST", s.URL, path, "", tenantAdmin, body)
			right := []int{http.StatusNotFound}
			if s.URL == b.URL { // it may be understood
				right = append(right, http.StatusUnauthorized)
			}
			m.want(s.Config.Repository.Namespace+"'s server, "+path, status, right...)
			m.hidden(s.Config.Repository.Namespace+"'s server, "+path, answer, "X-Amz-Signature", b.Config.Storage.Prefix)
		}
	}
	m.madeUpLinks(a, x)
}

// spellings of paths to B's batches, some of them by way of A's.
func spellings(a, b *lfstest.Server, x lfstest.Object) (out []string) {
	mine, theirs := a.Config.Repository, b.Config.Repository
	fill := strings.NewReplacer(
		"{a}", mine.Namespace+"/"+mine.Name, "{ns}", theirs.Namespace, "{name}", theirs.Name, "{oid}", x.OID,
		"{NS}", strings.ToUpper(theirs.Namespace), "{Name}", strings.ToUpper(theirs.Name[:1])+theirs.Name[1:], "{wide}", "%EF%BD%94"+theirs.Namespace[1:],
		"{tail}", "/info/lfs/objects/batch")
	for _, path := range []string{
		"/{ns}/{name}.git{tail}", "/{ns}/{name}{tail}", "/{ns}/{name}/objects/batch", "/api/models/{ns}/{name}{tail}", "/models/{ns}/{name}.git{tail}",
		"/api/{ns}/{name}.git{tail}", "/api/datasets/{ns}/{name}/objects/batch", "/spaces/{ns}/{name}{tail}", "/api/api/{ns}/{name}{tail}", "/models/models/{ns}/{name}{tail}",
		"/team-a/../{ns}/{name}.git{tail}", "/team-a/%2e%2e/{ns}/{name}.git{tail}", "/team-a/..%2f{ns}/{name}.git{tail}",
		"/team-a%2f..%2f{ns}%2f{name}.git{tail}", "/{ns}%2f{name}.git{tail}", "/%252e%252e/{ns}/{name}.git{tail}",
		"/{a}.git/../../{ns}/{name}.git{tail}", "/{a}.git/info/lfs/../../../../{ns}/{name}.git{tail}", "/{a}/../{name}{tail}", "/{a}/%2e%2e/{name}{tail}", "/{a}%2f..%2f{name}{tail}",
		"/{a}.git/info/lfs/../../../../{ns}/{name}.git/info/lfs/content/{oid}", "/{a}.git/info/lfs/locks/..%2f..%2f{ns}/unlock", "//{ns}/{name}.git{tail}", "/{ns}//{name}.git{tail}",
		"/api//{ns}/{name}{tail}", "/api/models//{ns}/{name}{tail}", "/{a}//{ns}/{name}{tail}", "/api/models/{a}/../../{ns}/{name}/settings/lfs",
		"/./{ns}/{name}.git{tail}", "/{ns}./{name}.git{tail}", "/{ns}/{name}.git.{tail}", "/{ns}/{name}.git.git{tail}", "/{ns}%00/{name}.git{tail}",
		"/{NS}/{name}.git{tail}", "/{NS}/{Name}.git{tail}", "/{ns}/{Name}.GIT{tail}", "/{wide}/{name}.git{tail}", "/team-a%5c..%5c{ns}/{name}.git{tail}", "/{ns};/{name}.git{tail}",
	} {
		out = append(out, fill.Replace(path))
	}
	return out
}

// links that A makes up.
func (m *strangers) madeUpLinks(a *lfstest.Server, x lfstest.Object) {
	for _, token := range []string{x.OID, "..%2f..%2f" + x.OID, "%2e%2e", "none"} {
		status, _ := m.request("GET", a.URL, "/team-a/models.git/info/lfs/content/"+token, "", tenantAdmin, nil)
		m.want("A's link to "+token, status, http.StatusNotFound)
	}
}

// hosts: names of B's at A's server, and the other way round.
func (m *strangers) hosts(a, b *lfstest.Server) {
	x := b.Upload("behind B's host")
	download := map[string]any{"operation": "download", "objects": []any{x}}
	theirs := b.Config.Endpoints[1].Host
	hosts := []string{theirs, strings.ToUpper(theirs), theirs + ".", theirs + ":443", theirs + "@team-a"}
	at := http.StatusUnauthorized // B's path at a server that both have
	if a.URL != b.URL {
		hosts, at = append(hosts, b.URL[len("http://"):]), http.StatusNotFound
	}
	for _, host := range hosts {
		status, answer := m.request("POST", a.Root()+"/objects/batch", "", host, tenantAdmin, download)
		m.want("A's path with the host "+host, status, http.StatusMisdirectedRequest)
		m.hidden("A's path with the host "+host, answer, "X-Amz-Signature")
		status, _ = m.request("POST", strings.Replace(a.Root(), pathOf(a), pathOf(b), 1)+"/objects/batch", "", host, tenantAdmin, download)
		m.want("B's path at A's with the host "+host, status, at)
		status, _ = m.request("POST", b.Root()+"/objects/batch", "", host, tenantAdmin, download)
		m.want("A's token at B's with the host "+host, status, http.StatusUnauthorized)
	}
}

// hosted gives a repository a host of its own.
func hosted(c *serverconfig.Config) {
	host := c.Repository.Name + "." + c.Repository.Namespace + ".lfs.example.com"
	c.Endpoints = append(c.Endpoints, serverconfig.Endpoint{Scheme: "https", Host: host})
}

// locks of B's can be neither seen nor broken by A.
func (m *strangers) locks(a, b *lfstest.Server) {
	resp, body := b.Post(b.Root()+"/locks", lfstest.Basic(b.Token), map[string]string{"path": "plans/secret.bin"})
	var made struct{ Lock struct{ ID string } }
	if err := json.Unmarshal(body, &made); err != nil || resp.StatusCode != http.StatusCreated {
		m.t.Fatalf("lock: %s %s", resp.Status, body)
	}
	id := made.Lock.ID
	up := "../../" + b.Config.Storage.Prefix
	for query, right := range map[string]int{
		"": http.StatusOK, "?path=plans/secret.bin": http.StatusOK, "?id=" + id: http.StatusOK, "?id=" + url.QueryEscape(up+"meta/locks/"+id): http.StatusOK,
		"?cursor=" + id: http.StatusUnprocessableEntity, "?cursor=" + url.QueryEscape(up): http.StatusUnprocessableEntity,
		"?path=" + url.QueryEscape(up): http.StatusUnprocessableEntity,
	} {
		status, answer := m.request("GET", a.Root()+"/locks"+query, "", "", tenantAdmin, nil)
		m.want("locks"+query, status, right)
		m.hidden("locks"+query, answer, id, "secret.bin")
	}
	for _, name := range []string{id, "..%2f" + id, url.PathEscape("../../../../" + b.Config.Storage.Prefix + "meta/locks/" + id)} {
		status, _ := m.request("POST", a.URL, strings.TrimPrefix(a.Root(), a.URL)+"/locks/"+name+"/unlock", "", tenantAdmin, map[string]bool{"force": true})
		m.want("unlock "+name, status, http.StatusNotFound)
	}
	_, body = b.Post(b.Root()+"/locks/verify", lfstest.Basic(b.Token), map[string]any{})
	m.cells++
	if !strings.Contains(string(body), id) {
		m.breaches++
		m.t.Errorf("B's lock is gone: %s", body)
	}
}

// adminPort: A's tokens at the port that scans report to, and scans with names
// that lead elsewhere.
func (m *strangers) adminPort(a, b *lfstest.Server) {
	for _, secret := range []string{"", tenantWrite, tenantAdmin, tenantScan} {
		for _, route := range adminAsks[:3] {
			if secret == tenantScan && a.Admin == b.Admin {
				continue // it is about A's then
			}
			method, path, _ := strings.Cut(route, " ")
			status, _ := m.request(method, b.Admin+strings.ReplaceAll(path, "{run}", "run-1"), "", "", secret, map[string]any{})
			m.want("A's token at "+route, status, http.StatusUnauthorized)
		}
	}
	for _, run := range []string{
		"..%2f..%2fteam-b", "%2e%2e", "..%2f..%2f..%2f" + url.PathEscape(b.Config.Storage.Prefix+"meta/owner.json"), "a%2fb", "A", "a%00b", ".a",
	} {
		status, _ := m.request("PUT", a.Admin, serverstatus.ScanPath+run, "", tenantScan, "a live set")
		m.want("a scan called "+run, status, http.StatusBadRequest)
	}
}

// prefixes: a server of A's on B's prefix, inside of it and around it finds that
// it is not A's, and serves nothing.
func (m *strangers) prefixes() {
	store := assets.SharedStore(m.t)
	b := lfstest.Start(m.t, store, tenantB())
	x := b.Upload("under B's prefix")
	for prefix, reason := range map[string]string{
		b.Config.Storage.Prefix:          serverstatus.ReasonPrefixInUse,
		b.Config.Storage.Prefix + "lfs/": serverstatus.ReasonPrefixNotOurs,
		"team-b/":                        serverstatus.ReasonPrefixNotOurs,
	} {
		a := lfstest.Start(m.t, store, tenantA(b), lfstest.NotReady(), lfstest.WithConfig(func(c *serverconfig.Config) { c.Storage.Prefix = prefix }))
		a.WaitReason(reason)
		for _, operation := range []string{"download", "upload"} {
			status, answer := m.request("POST", a.Root()+"/objects/batch", "", "", tenantAdmin, map[string]any{"operation": operation, "objects": []any{x}})
			m.want(operation+" under the prefix "+prefix, status, http.StatusTooManyRequests)
			m.hidden(operation+" under the prefix "+prefix, answer, "X-Amz-Signature")
		}
	}
}
