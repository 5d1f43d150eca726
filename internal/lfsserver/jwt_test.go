package lfsserver_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	jose "github.com/go-jose/go-jose/v4"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver/lfstest"
	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
	"github.com/lfs-operator/lfs-operator/internal/serverstatus"
	"github.com/lfs-operator/lfs-operator/test/assets"
)

const audience = "lfs-operator.dev/team-a/models"

// portal is an issuer with static keys.
func portal(rules ...serverconfig.JWTRule) lfstest.Option {
	return lfstest.WithConfig(func(c *serverconfig.Config) {
		c.Access.JWT = append(c.Access.JWT, serverconfig.JWTIssuer{
			Name: "portal", SecretName: "portal-key", Audiences: []string{audience}, Rules: rules,
		})
	})
}

// allowed asks for one operation on objects and returns the status.
func allowed(s *lfstest.Server, authorization, operation string, oids ...string) int {
	return allowedAt(s, s.Root()+"/objects/batch", authorization, operation, oids...)
}

func allowedAt(s *lfstest.Server, url, authorization, operation string, oids ...string) int {
	var objects []string
	for _, oid := range oids {
		objects = append(objects, object(oid, 1))
	}
	resp, _ := s.Post(url, authorization, []byte(fmt.Sprintf(`{"operation":%q,"objects":[%s]}`, operation, strings.Join(objects, ","))))
	return resp.StatusCode
}

// TestJWTScopes: what giftless's scopes allow, object by object.
func TestJWTScopes(t *testing.T) {
	t.Parallel()
	key := newHMAC()
	s := lfstest.Start(t, assets.SharedStore(t), portal(), lfstest.WithFile("jwt/portal/hmac", string(key.Key.([]byte))))
	x, y := lfstest.OID("x"), lfstest.OID("y")
	for scopes, want := range map[string]struct{ readX, readXY, writeX, writeXY, verifyX int }{
		"obj:team-a/models/*":                   {200, 200, 200, 200, 404},
		"obj:team-a/models":                     {200, 200, 200, 200, 404},
		"obj:team-a/models/*:*":                 {200, 200, 200, 200, 404},
		"obj:team-a/*":                          {200, 200, 200, 200, 404},
		"obj:*":                                 {200, 200, 200, 200, 404},
		"obj":                                   {200, 200, 200, 200, 404},
		"obj:team-a/models/*:read":              {200, 200, 403, 403, 404},
		"obj:team-a/models/*:write":             {403, 403, 200, 200, 404},
		"obj:team-a/models/*:verify":            {403, 403, 403, 403, 404},
		"obj:team-a/models/*:read,write":        {200, 200, 200, 200, 404},
		"obj:team-a/models:meta:*":              {403, 403, 403, 403, 404},
		"obj:team-a/models:metadata:read,write": {403, 403, 403, 403, 404},
		"obj:team-a/models/" + x + ":read":      {200, 403, 403, 403, 404},
		"obj:" + x + ":write":                   {403, 403, 200, 403, 404},
		"obj:team-a/models/" + x + ",obj:team-a/models/" + y:  {403, 403, 403, 403, 403},
		"obj:team-a/models/" + x + " obj:team-a/models/" + y:  {403, 403, 403, 403, 403},
		"obj:team-a/models/" + x + "\nobj:team-a/models/" + y: {200, 200, 200, 200, 404},
		"obj:team-b/models/*":                                 {403, 403, 403, 403, 403},
		"obj:team-a/other/*":                                  {403, 403, 403, 403, 403},
		"obj:*/other/*":                                       {403, 403, 403, 403, 403},
		"obj:team-a/models/*:":                                {403, 403, 403, 403, 403},
		"obj:team-a/models/*:delete":                          {403, 403, 403, 403, 403},
		"obj:team-a/models:secret:read":                       {403, 403, 403, 403, 403},
		"obj:team-a/models/*:read:write:verify":               {403, 403, 403, 403, 403},
		"obj:team-a":                                          {403, 403, 403, 403, 403},
		"repo:team-a/models/*":                                {403, 403, 403, 403, 403},
		"":                                                    {403, 403, 403, 403, 403},
		"obj:team-a/models/*:read\nobj:team-a/models/" + x + ":write": {200, 200, 200, 403, 404},
	} {
		claims := inAnHour("a-user")
		if list := strings.Split(scopes, "\n"); len(list) > 1 {
			claims["scopes"] = list
		} else {
			claims["scopes"] = scopes
		}
		bearer := "Bearer " + sign(t, key, claims)
		verify, _ := s.Post(s.Root()+"/verify", bearer, lfstest.Object{OID: x, Size: 1})
		got := [5]int{
			allowed(s, bearer, "download", x), allowed(s, bearer, "download", x, y),
			allowed(s, bearer, "upload", x), allowed(s, bearer, "upload", x, y), verify.StatusCode,
		}
		if got != [5]int{want.readX, want.readXY, want.writeX, want.writeXY, want.verifyX} {
			t.Errorf("%q: %v, want %v", scopes, got, want)
		}
	}
}

// TestJWTIsSent as giftless's clients do, and nowhere else.
func TestJWTIsSent(t *testing.T) {
	t.Parallel()
	key := newHMAC()
	s := lfstest.Start(t, assets.SharedStore(t), portal(), lfstest.WithFile("jwt/portal/hmac", string(key.Key.([]byte))))
	claims := inAnHour("a-user")
	claims["scopes"] = "obj:team-a/models/*"
	token := sign(t, key, claims)
	o := s.Upload("an object that is there")
	query := "?jwt=" + url.QueryEscape(token)
	bare := s.URL + "/team-a/models/objects/batch"
	for name, tc := range map[string]struct {
		url, authorization string
		want               int
	}{
		"Bearer":                     {s.Root() + "/objects/batch", "Bearer " + token, 200},
		"Basic with giftless's user": {s.Root() + "/objects/batch", basicOf("_jwt", token), 200},
		"Basic with another user":    {s.Root() + "/objects/batch", basicOf("git", token), 200},
		"query":                      {s.Root() + "/objects/batch" + query, "", 200},
		"query, giftless's path":     {bare + query, "", 200},
		"a header before the query":  {bare + query, "Bearer nonsense", 401},
		"an access token in a query": {bare + "?jwt=" + lfstest.WriteToken, "", 401},
		"nothing in the query":       {bare + "?jwt=", "", 401},
		"another name in the query":  {bare + "?token=" + token, "", 401},
		"with a byte of the claims":  {bare, "Bearer " + tampered(token), 401},
		"with another's signature":   {bare, "Bearer " + token[:strings.LastIndexByte(token, '.')+1] + "AAAA", 401},
		"without a signature":        {bare, "Bearer " + token[:strings.LastIndexByte(token, '.')+1], 401},
		"larger than is looked at":   {bare, "Bearer " + strings.Repeat("a", 17<<10) + "." + token, 401},
	} {
		if got := allowedAt(s, tc.url, tc.authorization, "upload"); tc.want == 200 && got != 200 || tc.want != 200 && got != tc.want {
			t.Errorf("%s: %d, want %d", name, got, tc.want)
		}
	}
	if resp, body := s.Post(s.Root()+"/verify"+query, "", o); resp.StatusCode != 200 {
		t.Errorf("verify by query: %d: %s", resp.StatusCode, body)
	}
	if resp, _ := s.Post(s.Root()+"/complete"+query, "", o); resp.StatusCode != 401 {
		t.Errorf("complete by query: %d, and giftless has no such route", resp.StatusCode)
	}
	if log := s.Log.String(); strings.Contains(log, token[:40]) || !strings.Contains(log, `"principal":"jwt:portal#a-user"`) {
		t.Error("the log holds the token, or does not say whose it was")
	}
}

// TestJWTKeys: every kind of key, and only the algorithms of its kind.
func TestJWTKeys(t *testing.T) {
	t.Parallel()
	s := lfstest.Start(t, assets.SharedStore(t), portal())
	ready := func(want bool, reason string) {
		t.Helper()
		s.Eventually("the keys are taken", func() (bool, string) {
			p := s.Status().Access
			return len(p) == 0 == want && (want || p[0].Reason == reason && p[0].Source == "jwt:portal"), fmt.Sprint(p)
		})
	}
	claims := inAnHour("")
	claims["scopes"] = "obj:team-a/models"
	ask := func(key jose.SigningKey) int { return allowed(s, "Bearer "+sign(t, key, claims), "upload") }

	ready(false, serverstatus.ReasonJWTKeysMissing)
	hmac, rsa, ec, ed := newHMAC(), newRSA(t, ""), newEC(t, ""), newEd(t)
	if got := ask(hmac); got != 429 {
		t.Errorf("before the Secret is there: %d, want 429", got)
	}
	s.Upload("whoever has an access token is served all the same")
	s.WriteFile("jwt/portal/hmac", "too short")
	ready(false, serverstatus.ReasonJWTKeysInvalid)
	s.RemoveFile("jwt/portal/hmac")

	s.WriteFile("jwt/portal/public.pem", pemOf(t, rsa)+pemOf(t, ec)+pemOf(t, ed))
	ready(true, "")
	for name, tc := range map[string]struct {
		key  jose.SigningKey
		want int
	}{
		"RSA":                        {rsa, 200},
		"RSA-PSS":                    {jose.SigningKey{Algorithm: jose.PS512, Key: rsa.Key}, 200},
		"EC":                         {ec, 200},
		"Ed25519":                    {ed, 200},
		"RSA that is not ours":       {newRSA(t, ""), 401},
		"EC that is not ours":        {newEC(t, ""), 401},
		"HMAC":                       {hmac, 401},
		"HMAC of the public key":     {jose.SigningKey{Algorithm: jose.HS256, Key: []byte(pemOf(t, rsa))}, 401},
		"HMAC of the file":           {jose.SigningKey{Algorithm: jose.HS256, Key: []byte(s.ReadFile("jwt/portal/public.pem"))}, 401},
		"HMAC of the key's encoding": {jose.SigningKey{Algorithm: jose.HS256, Key: derOf(t, rsa)}, 401},
	} {
		if got := ask(tc.key); got != tc.want {
			t.Errorf("%s: %d, want %d", name, got, tc.want)
		}
	}
	for _, alg := range []string{"none", "None", "NONE", "", "HS257"} {
		if got := allowed(s, "Bearer "+unsigned(alg, claims), "upload"); got != 401 {
			t.Errorf("alg %q: %d", alg, got)
		}
	}

	// A set with several keys: the one that the token names, and the way it says.
	s.RemoveFile("jwt/portal/public.pem")
	one, two := newRSA(t, "one"), newRSA(t, "two")
	set, err := json.Marshal(map[string]any{"keys": []any{
		map[string]string{"kty": "from the future"}, publicJWK(one, "RS256"), publicJWK(two, ""), map[string]string{"kty": "oct", "k": "c2hvcnQ"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	s.WriteFile("jwt/portal/jwks.json", string(set))
	s.Eventually("the set is taken", func() (bool, string) { got := ask(two); return got == 200, fmt.Sprint(got) })
	oneKey := one.Key.(jose.JSONWebKey).Key
	for name, tc := range map[string]struct {
		key  jose.SigningKey
		want int
	}{
		"named":                           {one, 200},
		"not named":                       {jose.SigningKey{Algorithm: jose.RS256, Key: oneKey}, 200},
		"under another's name":            {jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: oneKey, KeyID: "two"}}, 401},
		"under a name that nobody has":    {jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: oneKey, KeyID: "three"}}, 401},
		"with an algorithm it is not for": {jose.SigningKey{Algorithm: jose.PS256, Key: one.Key}, 401},
		"of the file before":              {rsa, 401},
	} {
		if got := ask(tc.key); got != tc.want {
			t.Errorf("set, %s: %d, want %d", name, got, tc.want)
		}
	}
}

// TestJWTClaims: times, audience and subject.
func TestJWTClaims(t *testing.T) {
	t.Parallel()
	key := newHMAC()
	s := lfstest.Start(t, assets.SharedStore(t), portal(serverconfig.JWTRule{Scope: serverconfig.ScopeRead, Claims: []serverconfig.JWTClaim{{Name: "sub", Values: []string{"*"}}}}),
		lfstest.WithFile("jwt/portal/hmac", string(key.Key.([]byte))))
	for name, tc := range map[string]struct {
		change map[string]any
		want   int
	}{
		"as it should be":           {nil, 200},
		"without an end":            {map[string]any{"exp": nil}, 401},
		"over":                      {map[string]any{"exp": inSeconds(-120)}, 401},
		"over within the leeway":    {map[string]any{"exp": inSeconds(-30)}, 200},
		"not yet":                   {map[string]any{"nbf": inSeconds(300)}, 401},
		"made in the future":        {map[string]any{"iat": inSeconds(300)}, 401},
		"an end beyond all bounds":  {map[string]any{"exp": 1e300}, 401},
		"an end that is a text":     {map[string]any{"exp": "tomorrow"}, 401},
		"its audience":              {map[string]any{"aud": audience}, 200},
		"one of its audiences":      {map[string]any{"aud": []string{"x", audience}}, 200},
		"another audience":          {map[string]any{"aud": "lfs-operator.dev/team-a/other"}, 401},
		"another's, as a list":      {map[string]any{"aud": []string{"x"}}, 401},
		"a subject too long":        {map[string]any{"sub": strings.Repeat("a", 256)}, 401},
		"a subject with a new line": {map[string]any{"sub": "a\nb"}, 401},
	} {
		claims := inAnHour("a-user")
		for k, v := range tc.change {
			if claims[k] = v; v == nil {
				delete(claims, k)
			}
		}
		token := sign(t, key, claims)
		for range 2 { // the second time from memory
			if got := allowed(s, "Bearer "+token, "download", lfstest.OID("x")); got != tc.want {
				t.Errorf("%s: %d, want %d", name, got, tc.want)
			}
		}
		if got := allowed(s, "Bearer "+token, "upload"); tc.want == 200 && got != 403 {
			t.Errorf("%s: upload by scope Read: %d", name, got)
		}
	}
	// Verified or not, it ends with the configuration that trusted it.
	token := sign(t, key, inAnHour("a-user"))
	if got := allowed(s, "Bearer "+token, "download"); got != 200 {
		t.Fatalf("before: %d", got)
	}
	s.Reconfigure(func(c *serverconfig.Config) { c.Access.JWT[0].Rules[0].Claims[0].Values = []string{"somebody-else"} })
	if got := allowed(s, "Bearer "+token, "download"); got != 403 {
		t.Errorf("no rule matches any more: %d, want 403", got)
	}
	s.Reconfigure(func(c *serverconfig.Config) { c.Access.JWT = nil })
	if got := allowed(s, "Bearer "+token, "download"); got != 401 {
		t.Errorf("the issuer was taken away: %d, want 401", got)
	}
}

// TestActionTokenEndsWithItsGrantor: whoever is taken out of the configuration
// finishes nothing any more; whoever is rotated does.
func TestActionTokenEndsWithItsGrantor(t *testing.T) {
	t.Parallel()
	s := lfstest.Start(t, assets.SharedStore(t))
	verify := s.Batch("upload", lfstest.ObjectOf("about to come"))[0].Actions["verify"]
	ask := func() int {
		resp, _ := s.Post(verify.Href, verify.Header["Authorization"], lfstest.ObjectOf("about to come"))
		return resp.StatusCode
	}
	for _, step := range []struct {
		what   string
		change func(*serverconfig.Token)
		want   int
	}{
		{"as it was", func(*serverconfig.Token) {}, http.StatusNotFound},
		{"rotated", func(t *serverconfig.Token) { t.SHA256 = serverconfig.TokenHash("another") }, http.StatusNotFound},
		{"lowered", func(t *serverconfig.Token) { t.Scope = serverconfig.ScopeRead }, http.StatusForbidden},
		{"raised", func(t *serverconfig.Token) { t.Scope = serverconfig.ScopeAdmin }, http.StatusNotFound},
		{"renamed", func(t *serverconfig.Token) { t.Name = "another" }, http.StatusForbidden},
	} {
		s.Reconfigure(func(c *serverconfig.Config) { step.change(&c.Access.Tokens[0]) })
		if got := ask(); got != step.want {
			t.Errorf("%s: %d, want %d", step.what, got, step.want)
		}
	}
}
