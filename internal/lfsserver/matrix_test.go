package lfsserver_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/lfstest"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/token"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/upload"
	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
	"github.com/lfs-operator/lfs-operator/internal/serverstatus"
	"github.com/lfs-operator/lfs-operator/test/assets"
)

// Columns of the table of verdicts. Each letter is what one group of requests is
// answered: + for anything but a refusal, 1 for 401, 3 for 403, 9 for 429. Of
// links: 4 for 404 and 0 for 410.
const (
	colDownload  = iota // a batch that downloads object x
	colRepoRead         // what is about the repository and no object
	colListLocks        // all locks
	colUpload           // a batch that uploads object x
	colRepoWrite        // what changes or decides for the repository as a whole
	colVerify           // whether object x has arrived
	colFinish           // the end of an upload of object x
	colAdmin            // what takes scope Admin
)

// question is a request to a route.
type question struct {
	// path below the root, or below the hub's.
	path   string
	hub    bool
	body   any
	column int
}

// asks of every route that is asked with credentials in the header; the key is
// that of lfsserver.Routes.
func asks(x lfstest.Object) map[string][]question {
	batch := func(operation string) any {
		return map[string]any{"operation": operation, "objects": []any{x}}
	}
	return map[string][]question{
		"POST objects/batch": {
			{path: "objects/batch", body: batch("download"), column: colDownload},
			{path: "objects/batch", body: batch("upload"), column: colUpload},
		},
		"POST verify":         {{path: "verify", body: x, column: colVerify}},
		"POST complete":       {{path: "complete", body: x, column: colFinish}},
		"GET locks":           {{path: "locks", column: colListLocks}},
		"POST locks":          {{path: "locks", body: map[string]string{"path": ""}, column: colRepoWrite}},
		"POST locks/verify":   {{path: "locks/verify", body: map[string]any{}, column: colRepoWrite}},
		"POST locks/":         {{path: "locks/none/unlock", body: map[string]bool{"force": true}, column: colRepoWrite}},
		"GET .gitattributes":  {{path: ".gitattributes", column: colRepoRead}},
		"HEAD .gitattributes": {{path: ".gitattributes", column: colRepoRead}},
		"GET .lfsconfig":      {{path: ".lfsconfig", column: colRepoRead}},
		"HEAD .lfsconfig":     {{path: ".lfsconfig", column: colRepoRead}},
		"POST preupload/":     {{path: "preupload/main", hub: true, body: map[string]any{"files": []any{}}, column: colRepoWrite}},
		"GET settings/lfs":    {{path: "settings/lfs", hub: true, column: colRepoRead}},
		"PUT settings/lfs":    {{path: "settings/lfs", hub: true, body: map[string]any{}, column: colRepoRead}}, // says where to change them
		"GET gc":              {{path: "gc", column: colAdmin}},
		"POST gc":             {{path: "gc", body: map[string]any{}, column: colAdmin}},
		"PUT settings":        {{path: "settings", hub: true, body: map[string]any{}, column: colRepoRead}},
	}
}

// pathAsks are the routes whose secret stands in the path, in its place "{}", in the
// order of identity.path.
var pathAsks = []string{"POST verify/{}", "POST complete/{}", "GET complete/{}", "DELETE uploads/{}"}

// linkAsks are the routes of links that stand for themselves, in the order of
// identity.links, written as pathAsks: one that is no good does not exist, and one whose time is over
// is gone. Nobody is asked for credentials there.
var linkAsks = []string{
	"PUT parts/{}/1", "GET content/{}", "HEAD content/{}", "PUT content/{}",
	"HEAD tus/{}", "PATCH tus/{}", "DELETE tus/{}", "POST tus/{}",
}

// routeOf one of pathAsks or linkAsks.
func routeOf(ask string) string {
	route, _, _ := strings.Cut(ask, "{}")
	return route
}

// pageAsks are the page for people, which is there for everybody; what stands in
// it for whom is TestPageForWhom's.
var pageAsks = []string{"GET ", "HEAD ", "POST "}

// adminAsks are those of the admin port, in the order of identity.admin.
var adminAsks = []string{
	"GET " + serverstatus.Path, "PUT " + serverstatus.ScanPath + "{run}", "PUT " + serverstatus.HistoryCheckPath,
	"GET /healthz", "GET /readyz", "GET /metrics",
}

// identity is a row of the table: who asks, and the verdicts on the columns where
// everybody may read (open) and where not (closed).
type identity struct {
	name, secret string
	// how the secret is sent; Bearer unless set.
	how                              func(string) string
	closed, open, path, links, admin string
}

// Rows that many share.
const (
	unknown  = "11111111"
	denied   = "33333333"
	all      = "++++++++"
	writes   = "+++++++3"
	reads    = "+++33333"
	readable = "+++33333" // by a name without a scope, where everybody may read

	noLink    = "44444444"
	otherLink = "33333333" // one that was made for something else
)

func bearer(secret string) string { return "Bearer " + secret }

// TestAuthMatrix asks every route as every identity. The verdicts are written
// down by hand from docs/api/lfsrepository.md; a route that is not among the asks
// fails the test.
func TestAuthMatrix(t *testing.T) {
	t.Parallel()
	m := newMatrix(t)
	m.everyRouteHasAnEntry()
	for _, id := range m.identities() {
		m.check(id)
	}
	for _, id := range m.whileAway() {
		m.check(id)
	}
	t.Logf("auth-matrix-wrong=%d of %d requests", m.wrong, m.cases)
	for _, s := range []*lfstest.Server{m.closed, m.open} {
		for _, secret := range m.secrets {
			if len(secret) > 20 && strings.Contains(s.Log.String(), secret) {
				t.Errorf("the log holds a secret: %.12s…", secret)
			}
		}
	}
}

type matrix struct {
	t            *testing.T
	closed, open *lfstest.Server
	cluster      *cluster
	x            lfstest.Object
	// made is the verify token that a batch gave for x, before x was there.
	made         string
	keys         *token.Keyring
	secrets      []string
	cases, wrong int

	portal, unlisted, forgeKey signingKey
	forge                      *forge
}

func (m *matrix) everyRouteHasAnEntry() {
	m.t.Helper()
	known := map[string]bool{}
	for route := range asks(m.x) {
		known[route] = true
	}
	for _, ask := range slices.Concat(pathAsks, linkAsks) {
		known[routeOf(ask)] = true
	}
	for _, route := range slices.Concat(pageAsks, adminAsks) {
		known[route] = true
	}
	for _, route := range append(lfsserver.Routes(), lfsserver.AdminRoutes()...) {
		if !known[route] {
			m.wrong++
			m.t.Errorf("route %q has no entry in the auth matrix: say who may ask it", route)
		}
		delete(known, route)
	}
	for route := range known {
		m.t.Errorf("the auth matrix has route %q, and the server has not", route)
	}
}

// check asks everything as one identity.
func (m *matrix) check(id identity) {
	m.t.Helper()
	if id.how == nil {
		id.how = bearer
	}
	m.secrets = append(m.secrets, id.secret)
	authorization, query := "", ""
	switch {
	case id.secret == "":
	case id.how("") == byQuery(""):
		query = "?jwt=" + url.QueryEscape(id.secret)
	default:
		authorization = id.how(id.secret)
	}
	for s, verdicts := range map[*lfstest.Server]string{m.closed: id.closed, m.open: id.open} {
		for route, list := range asks(m.x) {
			for _, a := range list {
				method, _, _ := strings.Cut(route, " ")
				got := m.send(s, method, m.url(s, a)+query, authorization, a.body)
				m.expect(id.name, fmt.Sprintf("%s (column %d, everybody reads: %t)", route, a.column, s == m.open), got, verdicts[a.column:a.column+1])
			}
		}
	}
	if id.secret == "" || query != "" {
		return
	}
	for i, ask := range pathAsks {
		m.expect(id.name+" in the path", routeOf(ask), m.askLink(ask, id.secret), id.path[i:i+1])
	}
	for i, ask := range linkAsks {
		m.expectLink(id, routeOf(ask), m.askLink(ask, id.secret), id.links[i:i+1])
	}
	for i, route := range adminAsks {
		method, path, _ := strings.Cut(route, " ")
		got := m.send(m.closed, method, m.closed.Admin+strings.ReplaceAll(path, "{run}", "run-1"), authorization, map[string]any{})
		m.expect(id.name, route, got, id.admin[i:i+1])
	}
}

func (m *matrix) url(s *lfstest.Server, a question) string {
	if a.hub {
		r := s.Config.Repository
		return s.URL + "/api/models/" + r.Namespace + "/" + r.Name + "/" + a.path
	}
	return s.Root() + "/" + a.path
}

// askLink asks as clients of tus do, which other routes do not mind.
func (m *matrix) askLink(ask, secret string) int {
	m.t.Helper()
	method, path, _ := strings.Cut(strings.Replace(ask, "{}", url.PathEscape(secret), 1), " ")
	req, err := http.NewRequestWithContext(m.t.Context(), method, m.closed.Root()+"/"+path, nil)
	if err != nil {
		m.t.Fatal(err)
	}
	req.Header.Set("Tus-Resumable", "1.0.0")
	req.Header.Set("X-HTTP-Method-Override", http.MethodHead)
	resp, _ := m.closed.Do(req)
	return resp.StatusCode
}

// expectLink is expect, where 404 and 410 are refusals.
func (m *matrix) expectLink(id identity, route string, status int, want string) {
	m.t.Helper()
	if letter := map[int]string{http.StatusNotFound: "4", http.StatusGone: "0"}[status]; letter != "" && letter == want {
		m.cases++
		return
	} else if letter != "" {
		status = http.StatusInternalServerError
	}
	m.expect(id.name+" as a link", route, status, want)
}

func (m *matrix) send(s *lfstest.Server, method, target, authorization string, body any) int {
	m.t.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		m.t.Fatal(err)
	}
	if body == nil {
		raw = nil
	}
	req, err := http.NewRequestWithContext(m.t.Context(), method, target, bytes.NewReader(raw))
	if err != nil {
		m.t.Fatal(err)
	}
	if authorization != "" {
		req.Header.Set("Authorization", authorization)
	}
	resp, _ := s.Do(req)
	return resp.StatusCode
}

// expect compares a status with the letter of a verdict.
func (m *matrix) expect(who, what string, status int, want string) {
	m.t.Helper()
	m.cases++
	got := "+"
	switch {
	case status >= 500:
		got = "a failure"
	case status == 401 || status == 403 || status == 429:
		got = map[int]string{401: "1", 403: "3", 429: "9"}[status]
	}
	if got != want {
		m.wrong++
		m.t.Errorf("%s: %s: status %d, want %s", who, what, status, want)
	}
}

// byQuery marks secrets that are sent in the query.
func byQuery(string) string { return "query" }

func newMatrix(t *testing.T) *matrix {
	m := &matrix{
		t: t, cluster: newCluster(t), x: lfstest.ObjectOf("object x"),
		portal: newHMAC(), unlisted: newRSA(t, "unlisted"), forgeKey: newRSA(t, "listed"),
	}
	m.forge = newForge(t, m.forgeKey)
	opts := append(m.cluster.admitting(), portal(), lfstest.WithFile("jwt/portal/hmac", string(m.portal.Key.([]byte))),
		lfstest.WithConfig(func(c *serverconfig.Config) {
			c.Access.Tokens = append(c.Access.Tokens, serverconfig.Token{Name: "chief", Scope: serverconfig.ScopeAdmin, SHA256: serverconfig.TokenHash("lfs_admin-token-of-the-tests")})
			c.Access.JWT = append(c.Access.JWT, serverconfig.JWTIssuer{Name: "away", URL: "https://127.0.0.1:1", Audiences: []string{audience}, AudienceRequired: true})
		}))
	opts = append(opts, m.forge.trusting(rule("Read", "ref=refs/heads/dev"), rule("Write", "ref=refs/heads/main"))...)
	store := assets.SharedStore(t)
	m.closed = lfstest.Start(t, store, opts...)
	m.open = lfstest.Start(t, store, append(opts, lfstest.WithConfig(func(c *serverconfig.Config) {
		c.Access.AnonymousRead, c.SigningKeys, c.Repository.UID = true, m.closed.Config.SigningKeys, m.closed.Config.Repository.UID
	}), lfstest.WithFile("keys/k1", m.closed.ReadFile("keys/k1")))...)
	m.keys = token.NewKeyring([]token.Key{{ID: "k1", Secret: []byte(m.closed.ReadFile("keys/k1"))}}, "k1")
	m.made = m.closed.Batch("upload", m.x)[0].Actions["verify"].Header["Authorization"]
	m.closed.Upload("object x")
	for name, verb := range map[string]string{"puller": "pull", "pusher": "push", "chief": "admin", "nobody": ""} {
		m.cluster.serviceAccount(name)
		if verb != "" {
			m.cluster.grant(name, verb, "models")
		}
	}
	return m
}

// action seals an action token as a batch would, but for what change says.
func (m *matrix) action(op token.Operation, change func(*token.Claims)) string {
	m.t.Helper()
	c := token.Claims{
		Operation: op, Repository: m.closed.Config.Repository.UID, OID: m.x.OID, Size: m.x.Size,
		Expires: time.Now().Add(time.Hour), Upload: upload.Ref{Client: upload.ClientOf(m.closed.Config.Repository.UID, "token:writer"), ID: strings.Repeat("a", 26)}.String(), By: "token:writer",
	}
	if change != nil {
		change(&c)
	}
	sealed, err := m.keys.Seal(c)
	if err != nil {
		m.t.Fatal(err)
	}
	return sealed
}
