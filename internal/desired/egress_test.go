package desired

import (
	"net/netip"
	"slices"
	"testing"

	networkingv1ac "k8s.io/client-go/applyconfigurations/networking/v1"
)

// TestReach: which part of the network a URL opens. Link-local addresses stay
// closed, whoever asks.
func TestReach(t *testing.T) {
	for raw, want := range map[string]struct {
		port      int32
		address   string
		namespace string
	}{
		"https://s3.example.com":                      {port: 443},
		"http://s3.example.com":                       {port: 80},
		"https://s3.example.com:9000":                 {port: 9000},
		"ssh://git@git.example.com/x.git":             {port: 22},
		"ssh://git@git.example.com:2222/x.git":        {port: 2222},
		"http://minio.storage.svc:9000":               {namespace: "storage"},
		"http://minio.storage.svc.cluster.local:9000": {namespace: "storage"},
		"https://pod-0.minio.storage.svc":             {namespace: "storage"},
		"https://minio.storage.svc.":                  {namespace: "storage"},
		"http://minio:9000":                           {namespace: "team-a"},
		"https://svc":                                 {namespace: "team-a"},
		"https://minio.svc":                           {port: 443},
		"http://10.0.0.7:9000":                        {address: "10.0.0.7:9000"},
		"https://[2001:db8::7]":                       {address: "[2001:db8::7]:443"},
		"http://169.254.169.254":                      {},
		"http://[::ffff:169.254.169.254]":             {},
		"http://[fe80::1]":                            {},
		"file:///mnt/repo.git":                        {},
		"":                                            {},
	} {
		r := &reach{domain: "cluster.local", namespace: "team-a", ports: map[int32]bool{}, addresses: map[netip.AddrPort]bool{}, namespaces: map[string]bool{}}
		r.add(raw)
		var got []any
		for p := range r.ports {
			got = append(got, p)
		}
		for a := range r.addresses {
			got = append(got, a.String())
		}
		for n := range r.namespaces {
			got = append(got, "namespace "+n)
		}
		var expected []any
		switch {
		case want.port != 0:
			expected = []any{want.port}
		case want.address != "":
			expected = []any{want.address}
		case want.namespace != "":
			expected = []any{"namespace " + want.namespace}
		}
		if !slices.Equal(got, expected) {
			t.Errorf("%q opens %v, want %v", raw, got, expected)
		}
	}
}

// TestWithoutNetworkPolicies: one direction, or none at all.
func TestWithoutNetworkPolicies(t *testing.T) {
	for which, want := range map[NetworkPolicies][2]int{"": {1, 2}, NetworkPoliciesBoth: {1, 2}, NetworkPoliciesIngress: {1, 1}, NetworkPoliciesNone: {0, 0}} {
		in := inputs(repository())
		in.Install.NetworkPolicies = which
		set, err := Objects(in)
		if err != nil {
			t.Fatal(err)
		}
		policies, types := 0, 0
		for _, o := range set.All() {
			if p, ok := o.(*networkingv1ac.NetworkPolicyApplyConfiguration); ok {
				policies++
				types = len(p.Spec.PolicyTypes)
			}
		}
		if got := [2]int{policies, types}; got != want {
			t.Errorf("%q: %d policies of %d types, want %v", which, policies, types, want)
		}
	}
}
