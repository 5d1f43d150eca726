package lfsserver_test

import (
	"strings"
	"time"

	jose "github.com/go-jose/go-jose/v4"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver/lfstest"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/token"
)

type signingKey = jose.SigningKey

// identities are all rows of the table.
func (m *matrix) identities() []identity {
	rows := m.tokens()
	rows = append(rows, m.serviceAccounts()...)
	rows = append(rows, m.webTokens()...)
	rows = append(rows, m.actionTokens()...)
	for i := range rows {
		if rows[i].path == "" {
			rows[i].path = "1111" // links take action tokens only
		}
		if rows[i].links == "" {
			rows[i].links = noLink
		}
		if rows[i].admin == "" {
			rows[i].admin = "111+++" // the admin port knows two tokens of its own
		}
	}
	return rows
}

func (m *matrix) tokens() []identity {
	const admin = "lfs_admin-token-of-the-tests"
	return []identity{
		{name: "nobody", closed: unknown, open: "+++11111"},
		{name: "read token", secret: lfstest.ReadToken, closed: reads, open: reads},
		{name: "write token", secret: lfstest.WriteToken, closed: writes, open: writes},
		{name: "write token as password", secret: lfstest.WriteToken, how: lfstest.Basic, closed: writes, open: writes},
		{name: "admin token", secret: admin, closed: all, open: all},
		{name: "admin token as password", secret: admin, how: lfstest.Basic, closed: all, open: all},
		{name: "expired token", secret: lfstest.ExpiredToken, closed: unknown, open: unknown},
		{name: "token of another repository", secret: "lfs_token-of-another-repository", closed: unknown, open: unknown},
		{name: "empty secret", secret: " ", closed: unknown, open: unknown},
		{name: "status token", secret: lfstest.StatusToken, closed: unknown, open: unknown, admin: "+11+++"},
		{name: "scan token", secret: lfstest.ScanToken, closed: unknown, open: unknown, admin: "1+++++"},
		{name: "status token as password", secret: lfstest.StatusToken, how: lfstest.Basic, closed: unknown, open: unknown},
	}
}

func (m *matrix) serviceAccounts() []identity {
	k := m.cluster
	push := k.token("pusher", audience)
	return []identity{
		{name: "ServiceAccount that pulls", secret: k.token("puller", audience), closed: reads, open: reads},
		{name: "ServiceAccount that pushes", secret: push, closed: writes, open: writes},
		{name: "ServiceAccount that pushes, as password", secret: push, how: lfstest.Basic, closed: writes, open: writes},
		{name: "ServiceAccount that may all", secret: k.token("chief", audience), closed: all, open: all},
		{name: "ServiceAccount without a verb", secret: k.token("nobody", audience), closed: denied, open: readable},
		{name: "ServiceAccount, the API server's audience", secret: k.token("chief"), closed: unknown, open: unknown},
		{name: "ServiceAccount, two audiences", secret: k.token("chief", audience, "https://kubernetes.default.svc"), closed: unknown, open: unknown},
		{name: "ServiceAccount, another repository", secret: k.token("chief", audience+"-2"), closed: unknown, open: unknown},
		{name: "ServiceAccount, tampered", secret: tampered(push), closed: unknown, open: unknown},
		{name: "ServiceAccount that has gone", secret: k.tokenOfOneThatGoes(audience), closed: unknown, open: unknown},
		{name: "ServiceAccount in the query", secret: push, how: byQuery, closed: "+11+1+11", open: "++++1+11"},
	}
}

// scoped is a token of the static key.
func (m *matrix) scoped(scopes ...string) string {
	claims := inAnHour("a-user")
	claims["scopes"] = scopes
	return sign(m.t, m.portal, claims)
}

// job is a token of the issuer.
func (m *matrix) job(key signingKey, ref string, change map[string]any) string {
	claims := m.forge.job(ref)
	for k, v := range change {
		claims[k] = v
	}
	return sign(m.t, key, claims)
}

func (m *matrix) webTokens() []identity {
	repo := m.closed.Config.Repository
	scope := "obj:" + repo.Namespace + "/" + repo.Name
	main := m.job(m.forgeKey, "refs/heads/main", nil)
	public := derOf(m.t, signingKey{Key: m.forgeKey.Key.(jose.JSONWebKey).Key})
	// The scopes of a token of a static key: download, repository, locks, upload,
	// repository, verify, finish, what takes scope Admin.
	rows := []identity{
		{name: "JWT for all objects", secret: m.scoped(scope), closed: writes, open: writes},
		{name: "JWT for all objects, as password", secret: m.scoped(scope), how: func(s string) string { return basicOf("_jwt", s) }, closed: writes, open: writes},
		{name: "JWT for all objects, in the query", secret: m.scoped(scope), how: byQuery, closed: "+11+1+11", open: "++++1+11"},
		{name: "JWT to read", secret: m.scoped(scope + ":read"), closed: "+++33+33", open: "+++33+33"},
		{name: "JWT to write", secret: m.scoped(scope + ":write"), closed: "333++++3", open: writes},
		{name: "JWT to verify", secret: m.scoped(scope + ":verify"), closed: "33333+33", open: "+++33+33"},
		{name: "JWT to read x", secret: m.scoped(scope + "/" + m.x.OID + ":read"), closed: "+3333+33", open: "+++33+33"},
		{name: "JWT to write x", secret: m.scoped(scope + "/" + m.x.OID + ":write"), closed: "333+3++3", open: "++++3++3"},
		{name: "JWT for another object", secret: m.scoped(scope + "/" + lfstest.OID("y")), closed: denied, open: readable},
		{name: "JWT for another repository", secret: m.scoped("obj:" + repo.Namespace + "/other"), closed: denied, open: readable},
		{name: "JWT without scopes", secret: m.scoped(), closed: denied, open: readable},
		{name: "issuer's token that writes", secret: main, closed: writes, open: writes},
		{name: "issuer's token that reads", secret: m.job(m.forgeKey, "refs/heads/dev", nil), closed: reads, open: reads},
		{name: "issuer's token that no rule is for", secret: m.job(m.forgeKey, "refs/heads/x", nil), closed: denied, open: readable},
		{name: "issuer's token with scopes that no rule is for", secret: m.job(m.forgeKey, "refs/heads/x", map[string]any{"scopes": scope}), closed: denied, open: readable},
		{name: "issuer away", secret: m.job(m.forgeKey, "refs/heads/main", map[string]any{"iss": "https://127.0.0.1:1"}), closed: "99999999", open: "99999999"},
	}
	for name, secret := range map[string]string{
		"over":                           m.job(m.forgeKey, "refs/heads/main", map[string]any{"exp": inSeconds(-120)}),
		"for another audience":           m.job(m.forgeKey, "refs/heads/main", map[string]any{"aud": "lfs-operator.dev/x/y"}),
		"of another issuer":              m.job(m.forgeKey, "refs/heads/main", map[string]any{"iss": "https://elsewhere.example.com"}),
		"with a key that is not listed":  m.job(m.unlisted, "refs/heads/main", nil),
		"signed with the static key":     m.job(m.portal, "refs/heads/main", nil),
		"signed with the public key":     m.job(signingKey{Algorithm: jose.HS256, Key: public}, "refs/heads/main", nil),
		"with algorithm none":            unsigned("none", m.forge.job("refs/heads/main")),
		"tampered with":                  tampered(main),
		"without its signature":          main[:strings.LastIndexByte(main, '.')+1],
		"of the static key, over":        sign(m.t, m.portal, map[string]any{"exp": inSeconds(-120), "scopes": scope}),
		"of the static key, without end": sign(m.t, m.portal, map[string]any{"scopes": scope}),
	} {
		rows = append(rows, identity{name: "JWT " + name, secret: secret, closed: unknown, open: unknown})
	}
	return rows
}

func (m *matrix) actionTokens() []identity {
	verify, finish, abort := m.action(token.OperationVerify, nil), m.action(token.OperationComplete, nil), m.action(token.OperationAbort, nil)
	receive, fetch, part := m.action(token.OperationReceive, nil), m.action(token.OperationFetch, nil), m.action(token.OperationPart, nil)
	// What is good for x is replayed for another object by the requests' bodies.
	other := func(c *token.Claims) { c.OID = lfstest.OID("y") }
	foreign := func(c *token.Claims) { c.Repository = "another" }
	over := func(c *token.Claims) { c.Expires = time.Now().Add(-time.Second) }
	gone := func(c *token.Claims) { c.By = "token:gone" }
	lesser := func(c *token.Claims) { c.By = "token:reader" }
	rows := []identity{
		{name: "verify token of a batch", secret: strings.TrimPrefix(m.made, "Bearer "), closed: "33333+33", open: "33333+33", links: otherLink, path: "+333"},
		{name: "verify token", secret: verify, closed: "33333+33", open: "33333+33", links: otherLink, path: "+333"},
		{name: "verify token, again", secret: verify, closed: "33333+33", open: "33333+33", links: otherLink, path: "+333"},
		{name: "verify token as password", secret: verify, how: lfstest.Basic, closed: unknown, open: unknown, links: otherLink, path: "+333"},
		{name: "complete token", secret: finish, closed: "33333++3", open: "33333++3", links: otherLink, path: "+++3"},
		{name: "abort token", secret: abort, closed: denied, open: denied, links: otherLink, path: "333+"},
		{name: "verify token of another object", secret: m.action(token.OperationVerify, other), closed: denied, open: denied, links: otherLink, path: "+333"},
		{name: "complete token of another object", secret: m.action(token.OperationComplete, other), closed: denied, open: denied, links: otherLink, path: "+++3"},
		{name: "verify token that ServiceAccounts were given", secret: m.action(token.OperationVerify, func(c *token.Claims) { c.By = "kubernetes" }), closed: "33333+33", open: "33333+33", links: otherLink, path: "+333"},
		{name: "verify token that an issuer's job was given", secret: m.action(token.OperationVerify, func(c *token.Claims) { c.By = "jwt:forge" }), closed: "33333+33", open: "33333+33", links: otherLink, path: "+333"},
		{name: "verify token of an issuer that was taken away", secret: m.action(token.OperationVerify, func(c *token.Claims) { c.By = "jwt:gone" }), closed: denied, open: denied, links: otherLink, path: "3333"},
		{name: "link to send x", secret: receive, closed: denied, open: denied, path: "3333", links: "333+++++"},
		{name: "link to download x", secret: fetch, closed: denied, open: denied, path: "3333", links: "3++33333"},
		{name: "link to download x, of a token that only reads", secret: m.action(token.OperationFetch, lesser), closed: denied, open: denied, path: "3333", links: "3++33333"},
		{name: "link to send parts of x", secret: part, closed: denied, open: denied, path: "3333", links: "43333333"}, // no such upload
		{name: "action token of no known operation", secret: m.action(99, nil), closed: denied, open: denied, links: otherLink, path: "3333"},
	}
	for _, op := range []token.Operation{
		token.OperationVerify, token.OperationComplete, token.OperationAbort,
		token.OperationReceive, token.OperationFetch, token.OperationPart,
	} {
		rows = append(rows,
			identity{name: "action token, over", secret: m.action(op, over), closed: unknown, open: unknown, links: "00000000"},
			identity{name: "action token, tampered", secret: tampered(m.action(op, nil)), closed: unknown, open: unknown},
			identity{name: "action token of another repository", secret: m.action(op, foreign), closed: denied, open: denied, links: otherLink, path: "3333"},
			identity{name: "action token of a token that was taken away", secret: m.action(op, gone), closed: denied, open: denied, links: otherLink, path: "3333"},
		)
		if op != token.OperationFetch {
			rows = append(rows, identity{name: "action token of a token that only reads now", secret: m.action(op, lesser), closed: denied, open: denied, links: otherLink, path: "3333"})
		}
	}
	return rows
}

// whileAway are rows for when the API server does not answer.
func (m *matrix) whileAway() []identity {
	k := m.cluster
	known, late, wrong := k.token("pusher", audience), k.token("puller", audience), k.token("pusher")
	remembered := identity{name: "API server away: remembered", secret: known, closed: writes, open: writes, path: "1111", links: noLink, admin: "111+++"}
	m.check(remembered)
	k.gate.shut(true)
	const away = "99999999"
	return []identity{
		remembered,
		{name: "API server away: not seen before", secret: late, closed: away, open: away, path: "1111", links: noLink, admin: "111+++"},
		{name: "API server away: another audience", secret: wrong, closed: unknown, open: unknown, path: "1111", links: noLink, admin: "111+++"},
		{name: "API server away: write token", secret: lfstest.WriteToken, closed: writes, open: writes, path: "1111", links: noLink, admin: "111+++"},
	}
}
