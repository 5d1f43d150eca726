package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"time"
)

// lifetime of certificates; nobody keeps a test cluster for so long.
const lifetime = 365 * 24 * time.Hour

// authority signs the certificates of one cluster. Its key is kept, because the
// controller manager signs with it too.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  []byte
}

// pki is the file NAME.crt or NAME.key of the cluster.
func (c *cluster) pki(file string) string { return c.path("pki", file) }

// makePKI writes keys, certificates and kubeconfigs, unless they are there.
func (c *cluster) makePKI() error {
	if _, err := os.Stat(c.kubeconfig()); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := os.MkdirAll(c.pki(""), 0o700); err != nil {
		return err
	}
	ca, err := newAuthority()
	if err != nil {
		return err
	}
	if err := writeKeyPair(c.pki("ca"), ca.pem, ca.key); err != nil {
		return err
	}
	if err := c.serviceAccountKeys(); err != nil {
		return err
	}
	servers := map[string][]string{
		"apiserver": {c.NodeIP, apiService, "localhost", "kubernetes", "kubernetes.default",
			"kubernetes.default.svc", "kubernetes.default.svc." + dnsDomain},
		"kubelet-server": {c.NodeIP, nodeName},
		"etcd":           {"127.0.0.1"},
	}
	for name, hosts := range servers {
		if err := ca.issue(c.pki(name), pkix.Name{CommonName: name}, hosts...); err != nil {
			return err
		}
	}
	const masters = "system:masters"
	clients := map[string]pkix.Name{
		"apiserver-kubelet-client": {CommonName: "kube-apiserver-kubelet-client", Organization: []string{masters}},
		"controller-manager":       {CommonName: "system:kube-controller-manager"},
		"scheduler":                {CommonName: "system:kube-scheduler"},
		"proxy":                    {CommonName: "system:kube-proxy"},
		"kubelet":                  {CommonName: "system:node:" + nodeName, Organization: []string{"system:nodes"}},
		"admin":                    {CommonName: "admin", Organization: []string{masters}},
	}
	for name, subject := range clients {
		if err := ca.issue(c.pki(name), subject); err != nil {
			return err
		}
	}
	// The administrator's comes last: its presence says that all is there.
	for _, name := range []string{"controller-manager", "scheduler", "proxy", "kubelet", "admin"} {
		if err := c.writeKubeconfig(name); err != nil {
			return err
		}
	}
	return nil
}

func newAuthority() (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template, err := newCertificate(pkix.Name{CommonName: "lfs-operator-cluster"})
	if err != nil {
		return nil, err
	}
	template.IsCA = true
	template.BasicConstraintsValid = true
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	return &authority{cert: cert, key: key, pem: encode("CERTIFICATE", der)}, err
}

// issue writes PATH.crt and PATH.key. Every certificate serves both ways: etcd
// and the API server are each other's and their own clients.
func (a *authority) issue(path string, subject pkix.Name, hosts ...string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template, err := newCertificate(subject)
	if err != nil {
		return err
	}
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth}
	for _, host := range hosts {
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	if err != nil {
		return err
	}
	return writeKeyPair(path, encode("CERTIFICATE", der), key)
}

func newCertificate(subject pkix.Name) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	return &x509.Certificate{
		SerialNumber: serial,
		Subject:      subject,
		// Clocks of machines that were just restored lag.
		NotBefore: time.Now().Add(-time.Hour),
		NotAfter:  time.Now().Add(lifetime),
	}, err
}

// serviceAccountKeys are what tokens of pods are signed and checked with.
func (c *cluster) serviceAccountKeys() error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return err
	}
	return writeKeyPair(c.pki("service-account"), encode("PUBLIC KEY", public), key)
}

func writeKeyPair(path string, certificate []byte, key *ecdsa.PrivateKey) error {
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return err
	}
	if err := os.WriteFile(path+".crt", certificate, 0o644); err != nil {
		return err
	}
	return os.WriteFile(path+".key", encode("EC PRIVATE KEY", der), 0o600)
}

func encode(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}
