package main

import (
	"flag"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestClusterDomain(t *testing.T) {
	for name, tc := range map[string]struct{ conf, want string }{
		"usual":      {"search lfs-operator-system.svc.cluster.local svc.cluster.local cluster.local\nnameserver 10.0.0.10\n", "cluster.local"},
		"another":    {"nameserver 10.0.0.10\nsearch ns.svc.corp.example svc.corp.example corp.example\n", "corp.example"},
		"no cluster": {"search example.com\n", "cluster.local"},
		"empty":      {"", "cluster.local"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "resolv.conf")
			if err := os.WriteFile(path, []byte(tc.conf), 0o600); err != nil {
				t.Fatal(err)
			}
			if got := clusterDomain(path); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
	if got := clusterDomain("/does/not/exist"); got != "cluster.local" {
		t.Errorf("without the file: %q", got)
	}
}

func TestFlags(t *testing.T) {
	for name, tc := range map[string]struct {
		args  []string
		valid bool
		watch []string
	}{
		"least":        {args: []string{"--server-image=x", "--namespace=y"}, valid: true},
		"no image":     {args: []string{"--namespace=y"}},
		"no namespace": {args: []string{"--server-image=x"}},
		"log level":    {args: []string{"--server-image=x", "--namespace=y", "--server-log-level=loud"}},
		"policies":     {args: []string{"--server-image=x", "--namespace=y", "--network-policies=Egress"}},
		"namespaces":   {args: []string{"--server-image=x", "--namespace=y", "--watch-namespaces=a, b,,"}, valid: true, watch: []string{"a", "b"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("SERVER_IMAGE", "")
			t.Setenv("POD_NAMESPACE", "")
			set := flag.NewFlagSet("manager", flag.ContinueOnError)
			f := defineFlags(set)
			if err := set.Parse(tc.args); err != nil {
				t.Fatal(err)
			}
			if err := f.validate(); (err == nil) != tc.valid {
				t.Errorf("validate says %v", err)
			}
			if got := f.namespaces(); !slices.Equal(got, tc.watch) {
				t.Errorf("namespaces are %q, want %q", got, tc.watch)
			}
		})
	}
}

// TestVerbosityHidesSecrets: at 8 the Kubernetes client would log request bodies.
func TestVerbosityHidesSecrets(t *testing.T) {
	for asked, want := range map[int]slog.Level{0: 0, 1: -1, 7: -7, 8: -7, 10: -7} {
		if got := (&flags{verbosity: asked}).logLevel(); got != want {
			t.Errorf("-v=%d: level %d, want %d", asked, got, want)
		}
	}
}
