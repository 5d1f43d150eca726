package auth

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver/token"
	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
)

// FuzzAuthenticate: no header but one that holds a known token is anybody's.
func FuzzAuthenticate(f *testing.F) {
	const secret = "lfs_a-token-that-is-known"
	basic := func(s string) string { return "Basic " + base64.StdEncoding.EncodeToString([]byte(s)) }
	for _, header := range []string{
		"", "Bearer " + secret, "bearer  " + secret, basic("any:" + secret), basic(secret + ":"), basic("no colon"), basic(":"),
		"Basic ====", "Basic", "Bearer", "Bearer a.b.c", "Negotiate x", "Basic " + strings.Repeat("A", 100),
	} {
		f.Add(header)
	}
	a, err := New(Setup{
		Memory: NewMemory(),
		Keys:   token.NewKeyring([]token.Key{{ID: "k", Secret: []byte("key")}}, "k"),
		Access: serverconfig.Access{Tokens: []serverconfig.Token{{Name: "one", Scope: serverconfig.ScopeRead, SHA256: serverconfig.TokenHash(secret)}}},
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, header string) {
		id, err := a.Authenticate(&http.Request{Header: http.Header{"Authorization": {header}}}, time.Unix(1, 0))
		switch {
		case header == "":
			if err != nil || !id.IsAnonymous() {
				t.Errorf("no header: %+v, %v", id, err)
			}
		case err != nil:
			if !id.IsAnonymous() {
				t.Errorf("%q is refused and yet %+v", header, id)
			}
		case id.Name != "one" || id.Action != nil || !holds(header, secret):
			t.Errorf("%q is %+v", header, id)
		}
	})
}

// holds is true when the secret stands in the header, as it is or in Base64.
func holds(header, secret string) bool {
	if strings.Contains(header, secret) {
		return true
	}
	_, encoded, _ := strings.Cut(header, " ")
	raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(encoded))
	return err == nil && strings.Contains(string(raw), secret)
}
