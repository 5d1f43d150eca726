package main

import (
	"crypto/tls"
	"crypto/x509"
	"os"
	"os/exec"
	"strings"
	"testing"
)

func testCluster(t *testing.T) *cluster {
	t.Helper()
	return &cluster{Dir: t.TempDir(), Bin: "/nowhere", NodeIP: "198.51.100.7"}
}

func TestPKI(t *testing.T) {
	c := testCluster(t)
	if err := c.makePKI(); err != nil {
		t.Fatal(err)
	}
	ca, err := os.ReadFile(c.pki("ca.crt"))
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	for name, host := range map[string]string{"apiserver": c.NodeIP, "kubelet-server": c.NodeIP, "etcd": "127.0.0.1", "admin": ""} {
		pair, err := tls.LoadX509KeyPair(c.pki(name+".crt"), c.pki(name+".key"))
		if err != nil {
			t.Fatal(err)
		}
		options := x509.VerifyOptions{Roots: roots, DNSName: host, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
		if _, err := pair.Leaf.Verify(options); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A second start must keep the keys: what is stored is encrypted or signed
	// with them.
	if err := c.makePKI(); err != nil {
		t.Fatal(err)
	}
	if again, _ := os.ReadFile(c.pki("ca.crt")); string(again) != string(ca) {
		t.Error("the authority was replaced")
	}
}

func TestRunningKnowsProcessesApart(t *testing.T) {
	c := testCluster(t)
	cmd := exec.Command("sleep", "60")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	id, err := processID(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(c.path("pid"), 0o755); err != nil {
		t.Fatal(err)
	}
	record := func(id string) {
		if err := os.WriteFile(c.pidFile("x"), []byte(id), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	record(id)
	if !c.running("x") {
		t.Error("a process that runs is not seen")
	}
	number, _, _ := strings.Cut(id, " ")
	record(number + " 1")
	if c.running("x") {
		t.Error("another process with the same number is taken for it")
	}
	record(id)
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	if c.running("x") {
		t.Error("a process that has ended is seen")
	}
}

func TestMountsBelow(t *testing.T) {
	mounts, err := mountsBelow("/proc")
	if err != nil || len(mounts) == 0 {
		t.Fatalf("%v, %v", mounts, err)
	}
	if last := mounts[len(mounts)-1]; last != "/proc" {
		t.Errorf("the outermost comes last, not %s", last)
	}
	if mounts, _ := mountsBelow("/pro"); len(mounts) != 0 {
		t.Errorf("a folder's name is not a prefix: %v", mounts)
	}
}

func TestTemplates(t *testing.T) {
	c := testCluster(t)
	for _, tmpl := range templates.Templates() {
		if tmpl.Name() == "" {
			continue
		}
		if err := c.write(tmpl.Name(), tmpl.Name(), map[string]any{"Image": "an-image", "CgroupRoot": "/x"}); err != nil {
			t.Error(err)
		}
	}
	dns, err := os.ReadFile(c.path("dns.yaml"))
	if err != nil || !strings.Contains(string(dns), "image: an-image\n") {
		t.Errorf("dns.yaml: %v\n%s", err, dns)
	}
}
