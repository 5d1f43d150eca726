package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"os"
	"time"
)

const etcdURL = "https://127.0.0.1:2379"

// startControlPlane starts etcd, the API server and the two that work through it.
func (c *cluster) startControlPlane() error {
	if err := c.write("audit-policy.yaml", "audit-policy.yaml", nil); err != nil {
		return err
	}
	if err := c.startEtcd(); err != nil {
		return err
	}
	if err := c.startAPIServer(); err != nil {
		return err
	}
	for _, p := range []struct{ name, kubeconfig string }{
		{"kube-controller-manager", "controller-manager.kubeconfig"},
		{"kube-scheduler", "scheduler.kubeconfig"},
	} {
		args := []string{
			"--kubeconfig=" + c.path(p.kubeconfig),
			"--authentication-kubeconfig=" + c.path(p.kubeconfig),
			"--authorization-kubeconfig=" + c.path(p.kubeconfig),
			"--bind-address=127.0.0.1",
			// There is no second one to lead.
			"--leader-elect=false",
			// The defaults spare a shared API server; here they only cost five
			// seconds at every start, and time whenever a test makes many pods.
			"--kube-api-qps=500", "--kube-api-burst=1000",
		}
		if p.name == "kube-controller-manager" {
			args = append(args,
				"--use-service-account-credentials=true",
				"--root-ca-file="+c.pki("ca.crt"),
				"--service-account-private-key-file="+c.pki("service-account.key"),
				"--cluster-signing-cert-file="+c.pki("ca.crt"),
				"--cluster-signing-key-file="+c.pki("ca.key"),
				"--flex-volume-plugin-dir="+c.path("volume-plugins"),
			)
		}
		if err := c.start(p.name, c.component(p.name), args...); err != nil {
			return err
		}
	}
	return nil
}

func (c *cluster) startEtcd() error {
	// Peers do not exist; port 0 keeps their listener out of everybody's way.
	const peers = "http://127.0.0.1:0"
	return c.start("etcd", c.component("etcd"),
		"--data-dir", c.path("etcd"),
		"--listen-client-urls", etcdURL, "--advertise-client-urls", etcdURL,
		"--listen-peer-urls", peers, "--initial-advertise-peer-urls", peers, "--initial-cluster", "default="+peers,
		"--cert-file", c.pki("etcd.crt"), "--key-file", c.pki("etcd.key"),
		"--client-cert-auth", "--trusted-ca-file", c.pki("ca.crt"),
		"--log-level", "warn",
		// What a power failure takes from a test cluster is no loss.
		"--unsafe-no-fsync",
	)
}

func (c *cluster) startAPIServer() error {
	err := c.start("kube-apiserver", c.component("kube-apiserver"),
		"--etcd-servers="+etcdURL, "--etcd-cafile="+c.pki("ca.crt"),
		"--etcd-certfile="+c.pki("apiserver.crt"), "--etcd-keyfile="+c.pki("apiserver.key"),
		"--bind-address="+c.NodeIP, "--advertise-address="+c.NodeIP, "--secure-port=6443",
		"--tls-cert-file="+c.pki("apiserver.crt"), "--tls-private-key-file="+c.pki("apiserver.key"),
		"--client-ca-file="+c.pki("ca.crt"),
		"--authorization-mode=Node,RBAC", "--enable-admission-plugins=NodeRestriction",
		"--service-cluster-ip-range="+serviceNet,
		"--service-account-issuer=https://kubernetes.default.svc."+dnsDomain,
		"--service-account-key-file="+c.pki("service-account.crt"),
		"--service-account-signing-key-file="+c.pki("service-account.key"),
		"--kubelet-certificate-authority="+c.pki("ca.crt"),
		"--kubelet-client-certificate="+c.pki("apiserver-kubelet-client.crt"),
		"--kubelet-client-key="+c.pki("apiserver-kubelet-client.key"),
		// The node's name cannot be resolved: logs and exec go by its address.
		"--kubelet-preferred-address-types=InternalIP",
		"--audit-policy-file="+c.path("audit-policy.yaml"), "--audit-log-path="+c.path("log", "audit.log"),
		"--profiling=false",
	)
	if err != nil {
		return err
	}
	return c.await("kube-apiserver is ready", "kube-apiserver", 2*time.Minute, c.apiReady)
}

// apiReady asks the API server whether it is ready.
func (c *cluster) apiReady() error {
	ca, err := os.ReadFile(c.pki("ca.crt"))
	if err != nil {
		return err
	}
	cert, err := tls.LoadX509KeyPair(c.pki("admin.crt"), c.pki("admin.key"))
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{cert}}}
	defer transport.CloseIdleConnections()
	client := http.Client{Transport: transport, Timeout: 5 * time.Second}
	resp, err := client.Get(c.apiServer() + "/readyz")
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("/readyz says %s", resp.Status)
	}
	return nil
}
