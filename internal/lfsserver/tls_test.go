package lfsserver_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver/lfstest"
	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
	"github.com/lfs-operator/lfs-operator/internal/serverstatus"
	"github.com/lfs-operator/lfs-operator/test/assets"
)

// TestStoreCA: a store with a certificate of a private authority, which comes,
// is wrong, and is replaced while the server runs.
func TestStoreCA(t *testing.T) {
	t.Parallel()
	store := assets.SharedStore(t)
	target, err := url.Parse(store.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	front := httptest.NewTLSServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Host = r.In.Host
	}})
	t.Cleanup(front.Close)
	ca := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: front.Certificate().Raw}))

	s := lfstest.Start(t, store, lfstest.NotReady(), lfstest.WithConfig(func(c *serverconfig.Config) {
		c.Storage.Endpoint, c.Storage.CA = front.URL, true
	}))
	if st := s.WaitReason(serverstatus.ReasonCredentialsMissing); !strings.Contains(st.Message, "ca.crt") {
		t.Errorf("message %q", st.Message)
	}
	s.WriteFile("ca.crt", "no certificate")
	s.WaitReason(serverstatus.ReasonCredentialsMissing)
	s.WriteFile("ca.crt", otherCA(t))
	if st := s.WaitReason(serverstatus.ReasonStoreUnreachable); !strings.Contains(st.Message, "certificate") {
		t.Errorf("message %q", st.Message)
	}
	s.WriteFile("ca.crt", ca)
	s.WaitReady()
	resp, body := batchStatus(s)
	if resp.StatusCode != http.StatusOK {
		t.Errorf("batch: %d: %s", resp.StatusCode, body)
	}
}

// otherCA is a certificate that has signed nothing of ours.
func otherCA(t *testing.T) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), IsCA: true, BasicConstraintsValid: true, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}
