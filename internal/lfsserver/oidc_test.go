package lfsserver_test

import (
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	jose "github.com/go-jose/go-jose/v4"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/lfstest"
	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
	"github.com/lfs-operator/lfs-operator/internal/serverstatus"
	"github.com/lfs-operator/lfs-operator/test/assets"
)

// forge is an OpenID Connect issuer, as the forges are that run CI.
type forge struct {
	*httptest.Server
	// fetches of its keys.
	fetches atomic.Int32

	mu   sync.Mutex
	keys []jose.JSONWebKey
	// name that it gives itself, its URL unless set.
	name string
	away bool
}

func newForge(t testing.TB, keys ...jose.SigningKey) *forge {
	t.Helper()
	f := &forge{}
	f.publish(keys...)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", http.NotFound)
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		f.answer(w, func() any { return map[string]string{"issuer": f.name, "jwks_uri": f.URL + "/keys"} })
	})
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, _ *http.Request) {
		f.fetches.Add(1)
		f.answer(w, func() any { return map[string]any{"keys": f.keys} })
	})
	f.Server = httptest.NewTLSServer(mux)
	f.name = f.URL
	t.Cleanup(f.Close)
	return f
}

func (f *forge) answer(w http.ResponseWriter, what func() any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.away {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	_ = json.NewEncoder(w).Encode(what())
}

func (f *forge) publish(keys ...jose.SigningKey) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.keys = nil
	for _, k := range keys {
		f.keys = append(f.keys, publicJWK(k, string(k.Algorithm)))
	}
}

// change sets what the issuer answers.
func (f *forge) change(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

func (f *forge) ca() string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: f.Certificate().Raw}))
}

// trusting makes a server trust the issuer.
func (f *forge) trusting(rules ...serverconfig.JWTRule) []lfstest.Option {
	return []lfstest.Option{
		lfstest.WithFile("jwt/forge/ca.crt", f.ca()),
		lfstest.WithConfig(func(c *serverconfig.Config) {
			c.Access.JWT = append(c.Access.JWT, serverconfig.JWTIssuer{
				Name: "forge", URL: f.URL, SecretName: "forge-ca", CA: true, Audiences: []string{audience}, AudienceRequired: true, Rules: rules,
			})
		}),
	}
}

// job are the claims of a CI job's token.
func (f *forge) job(ref string) map[string]any {
	c := inAnHour("repo:team-a/models:ref:" + ref)
	c["iss"], c["aud"], c["repository"], c["ref"] = f.URL, audience, "team-a/models", ref
	c["ref_protected"], c["groups"], c["project_id"] = ref == "refs/heads/main", []string{"team-a", "everybody"}, 4711
	return c
}

func rule(scope string, claims ...string) serverconfig.JWTRule {
	r := serverconfig.JWTRule{Scope: scope}
	for _, c := range claims {
		name, values, _ := strings.Cut(c, "=")
		r.Claims = append(r.Claims, serverconfig.JWTClaim{Name: name, Values: strings.Split(values, "|")})
	}
	return r
}

// TestIssuerRules: claims decide, the highest scope counts, and nothing else of
// the token does.
func TestIssuerRules(t *testing.T) {
	t.Parallel()
	key := newRSA(t, "k1")
	f := newForge(t, key)
	s := lfstest.Start(t, assets.SharedStore(t), f.trusting()...)
	for name, tc := range map[string]struct {
		rules            []serverconfig.JWTRule
		download, upload int
	}{
		"exactly":                {[]serverconfig.JWTRule{rule("Write", "repository=team-a/models")}, 200, 200},
		"by pattern":             {[]serverconfig.JWTRule{rule("Write", "sub=repo:team-a/*:ref:*main")}, 200, 200},
		"one of several values":  {[]serverconfig.JWTRule{rule("Write", "repository=x|team-a/models")}, 200, 200},
		"a boolean":              {[]serverconfig.JWTRule{rule("Write", "ref_protected=true")}, 200, 200},
		"a number":               {[]serverconfig.JWTRule{rule("Write", "project_id=4711")}, 200, 200},
		"an element of a list":   {[]serverconfig.JWTRule{rule("Write", "groups=team-a")}, 200, 200},
		"two claims":             {[]serverconfig.JWTRule{rule("Write", "repository=team-a/models", "ref=refs/heads/main")}, 200, 200},
		"the higher of two":      {[]serverconfig.JWTRule{rule("Read", "sub=*"), rule("Write", "sub=repo:*"), rule("Read", "sub=*")}, 200, 200},
		"to read":                {[]serverconfig.JWTRule{rule("Read", "sub=*")}, 200, 403},
		"one claim of two":       {[]serverconfig.JWTRule{rule("Write", "repository=team-a/models", "ref=refs/heads/dev")}, 403, 403},
		"a claim that is absent": {[]serverconfig.JWTRule{rule("Write", "environment=*")}, 403, 403},
		"in another case":        {[]serverconfig.JWTRule{rule("Write", "repository=Team-A/models")}, 403, 403},
		"a part of the value":    {[]serverconfig.JWTRule{rule("Write", "repository=team-a")}, 403, 403},
		"more than the value":    {[]serverconfig.JWTRule{rule("Write", "repository=team-a/models*x")}, 403, 403},
		"the scopes of a token":  {[]serverconfig.JWTRule{rule("Write", "sub=nobody")}, 403, 403},
	} {
		s.Reconfigure(func(c *serverconfig.Config) { c.Access.JWT[0].Rules = tc.rules })
		claims := f.job("refs/heads/main")
		claims["scopes"] = "obj:team-a/models"
		bearer := basicOf("_jwt", sign(t, key, claims))
		if got := [2]int{allowed(s, bearer, "download"), allowed(s, bearer, "upload")}; got != [2]int{tc.download, tc.upload} {
			t.Errorf("%s: %v, want %d %d", name, got, tc.download, tc.upload)
		}
	}
	if !strings.Contains(s.Log.String(), `"principal":"jwt:`+f.URL+`#repo:team-a/models:ref:refs/heads/main"`) {
		t.Error("the log does not say who it was")
	}
}

// TestIssuerTokens: whose they must be, and for whom.
func TestIssuerTokens(t *testing.T) {
	t.Parallel()
	key, shared := newRSA(t, "k1"), newHMAC()
	f := newForge(t, key)
	everybody := rule("Write", "sub=*")
	s := lfstest.Start(t, assets.SharedStore(t), append(f.trusting(everybody), portal(everybody),
		lfstest.WithFile("jwt/portal/hmac", string(shared.Key.([]byte))))...)
	for name, tc := range map[string]struct {
		key    jose.SigningKey
		change map[string]any
		want   int
	}{
		"as it should be":               {key, nil, 200},
		"without an audience":           {key, map[string]any{"aud": nil}, 401},
		"for another audience":          {key, map[string]any{"aud": "sts.example.com"}, 401},
		"without a subject":             {key, map[string]any{"sub": nil}, 401},
		"of another issuer":             {key, map[string]any{"iss": "https://issuer.example.com"}, 401},
		"of nobody":                     {key, map[string]any{"iss": nil}, 401},
		"of almost the same issuer":     {key, map[string]any{"iss": f.URL + "/"}, 401},
		"signed by a key of ours":       {shared, nil, 401},
		"of nobody, by a key of ours":   {shared, map[string]any{"iss": nil}, 200},
		"signed by a stranger":          {newRSA(t, "k1"), nil, 401},
		"with an unknown key":           {newRSA(t, "k9"), nil, 401},
		"with a shared secret as claim": {jose.SigningKey{Algorithm: jose.HS256, Key: derOf(t, jose.SigningKey{Key: key.Key.(jose.JSONWebKey).Key})}, nil, 401},
	} {
		claims := f.job("refs/heads/main")
		for k, v := range tc.change {
			if claims[k] = v; v == nil {
				delete(claims, k)
			}
		}
		if got := allowed(s, "Bearer "+sign(t, tc.key, claims), "upload"); got != tc.want {
			t.Errorf("%s: %d, want %d", name, got, tc.want)
		}
	}
}

// TestIssuerKeys: new keys are found, unknown ones are not asked about again and
// again, and an issuer that is away takes nobody's access away at once.
func TestIssuerKeys(t *testing.T) {
	t.Parallel()
	first, second := newRSA(t, "first"), newEC(t, "second")
	f := newForge(t, first)
	var skew atomic.Int64
	clock := lfstest.WithOptions(func(o *lfsserver.Options) {
		o.Now = func() time.Time { return time.Now().Add(time.Duration(skew.Load())) }
	})
	later := func(d time.Duration) { skew.Add(int64(d)) }
	s := lfstest.Start(t, assets.SharedStore(t), append(f.trusting(rule("Write", "sub=*")), clock)...)
	n := 0
	ask := func(key jose.SigningKey) int {
		claims := f.job(fmt.Sprint("refs/heads/", n)) // a token of its own, so that none is remembered
		claims["exp"] = inSeconds(72 * 3600)
		n++
		return allowed(s, "Bearer "+sign(t, key, claims), "upload")
	}
	want := func(what string, key jose.SigningKey, status int) {
		t.Helper()
		if got := ask(key); got != status {
			t.Errorf("%s: %d, want %d", what, got, status)
		}
	}
	want("the first key", first, 200)
	fetched := f.fetches.Load()
	for range 20 {
		want("a key that nobody knows", second, 401)
	}
	if more := f.fetches.Load() - fetched; more > 1 {
		t.Errorf("%d fetches for one unknown key", more)
	}
	f.publish(first, second)
	later(time.Minute)
	want("a new key", second, 200)
	f.publish(second)
	later(time.Hour)
	want("a key that was taken away", first, 401)

	f.change(func() { f.away = true })
	later(time.Hour)
	want("a known key, and the issuer is away", second, 200)
	later(time.Minute)
	want("an unknown key, and the issuer is away", first, 429)
	if p := s.Status().Access; len(p) != 1 || p[0].Reason != serverstatus.ReasonIssuerUnreachable || p[0].Source != "jwt:forge" {
		t.Errorf("the status says %+v", p)
	}
	later(25 * time.Hour)
	want("a known key, and the issuer has been away for a day", second, 429)
	f.change(func() { f.away, f.name = false, "https://somebody.else" })
	later(time.Minute)
	want("the issuer has another name", second, 429)
	f.change(func() { f.name = f.URL })
	later(time.Minute)
	want("it is back", second, 200)
	if p := s.Status().Access; len(p) != 0 {
		t.Errorf("the status says %+v", p)
	}
}

// TestIssuerWithoutItsCA: what is missing is said, and who else is let in is.
func TestIssuerWithoutItsCA(t *testing.T) {
	t.Parallel()
	key := newRSA(t, "k1")
	f := newForge(t, key)
	s := lfstest.Start(t, assets.SharedStore(t), f.trusting(rule("Write", "sub=*"))[1])
	bearer := "Bearer " + sign(t, key, f.job("refs/heads/main"))
	if got := allowed(s, bearer, "upload"); got != 429 {
		t.Errorf("without the CA: %d, want 429", got)
	}
	if p := s.Status().Access; len(p) != 1 || p[0].Reason != serverstatus.ReasonJWTKeysMissing || !strings.Contains(p[0].Message, "forge-ca") {
		t.Errorf("the status says %+v", p)
	}
	s.WriteFile("jwt/forge/ca.crt", f.ca())
	s.Eventually("the CA is taken", func() (bool, string) { return len(s.Status().Access) == 0, fmt.Sprint(s.Status().Access) })
	if got := allowed(s, bearer, "upload"); got != 200 {
		t.Errorf("with the CA: %d", got)
	}
}
