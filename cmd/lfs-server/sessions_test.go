package main

import (
	"crypto/ed25519"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
	"github.com/lfs-operator/lfs-operator/internal/storesession"
)

// TestConnectWithSession: a job gets its session before it begins; where only the
// key is mounted, because its pod is older than the configuration, it works with that.
func TestConnectWithSession(t *testing.T) {
	asked, granted := 0, ""
	issuer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if asked++; r.Header.Get("Authorization") != "Bearer a token" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		var req storesession.Request
		_ = json.NewDecoder(r.Body).Decode(&req)
		granted = req.Grant
		s := storesession.Session{AccessKeyID: "id", SecretAccessKey: "secret", SessionToken: "token"}
		_ = json.NewEncoder(w).Encode(storesession.Answer{Own: s, Upload: s, Download: s, ExpiresIn: 900})
	}))
	defer issuer.Close()
	dir := t.TempDir()
	o := storeOptions{credentialsDir: dir, tokenFile: filepath.Join(dir, "token")}
	cfg := &serverconfig.Config{Storage: serverconfig.Storage{
		Endpoint: "http://127.0.0.1:1", Region: "us-east-1", Bucket: "b", Prefix: "p/", Sessions: &serverconfig.Sessions{URL: issuer.URL, Grant: "g"},
	}}
	write := func(name, content string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(serverconfig.KeyAccessKeyID, "key")
	write(serverconfig.KeySecretAccessKey, "of the store")
	signedBy := func() string {
		t.Helper()
		conn, err := o.connectAs(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		u, err := conn.signer.PresignGet("p/k", 60e9, "")
		if err != nil {
			t.Fatal(err)
		}
		return u
	}
	if u := signedBy(); asked != 0 || !strings.Contains(u, "Credential=key%2F") {
		t.Errorf("with the key alone: asked %d times, %s", asked, u)
	}
	write("token", "a token\n")
	if u := signedBy(); asked != 1 || granted != "g" || !strings.Contains(u, "X-Amz-Security-Token=token") {
		t.Errorf("with a token: asked %d times, for %q, %s", asked, granted, u)
	}
	t.Setenv(serverconfig.EnvStoreGrant, "more")
	if signedBy(); granted != "more" {
		t.Errorf("a job that may have more asks for %q", granted)
	}
}

// TestSessionsCommand: without its configuration the issuer says what is missing.
func TestSessionsCommand(t *testing.T) {
	t.Setenv(serverconfig.EnvSessionsConfig, "")
	if err := issueSessions(t.Context(), nil, io.Discard); err == nil || !strings.Contains(err.Error(), serverconfig.EnvSessionsConfig) {
		t.Error(err)
	}
	raw, err := serverconfig.MarshalIssuer(&serverconfig.Issuer{Store: "s", GrantKey: make(ed25519.PublicKey, ed25519.PublicKeySize)})
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv(serverconfig.EnvSessionsConfig, string(raw)+"unknown: 1\n")
	if err := issueSessions(t.Context(), nil, io.Discard); err == nil || !strings.Contains(err.Error(), "unknown") {
		t.Error(err)
	}
}
