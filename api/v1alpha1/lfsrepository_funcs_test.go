package v1alpha1

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestUnsupportedFields(t *testing.T) {
	own := func(change func(*LFSRepositorySpec)) LFSRepositorySpec {
		spec := LFSRepositorySpec{Storage: &Storage{}, Bucket: "models"}
		change(&spec)
		return spec
	}
	cases := map[string]struct {
		spec         LFSRepositorySpec
		want         []string
		wantBlocking []string
	}{
		"storage of its own": {spec: own(func(*LFSRepositorySpec) {})},
		"what works already, written out": {
			spec: own(func(s *LFSRepositorySpec) {
				s.Transfer = TransferDirect
				s.Multipart = &Multipart{Dialect: DialectKohakuHub}
				s.Access = &Access{Tokens: []AccessToken{{Name: "ci", Scope: ScopeRead}}, JWT: &JWTAccess{}, Kubernetes: &KubernetesAccess{}}
				s.Server = &Server{Replicas: new(int32(2))}
				s.Exposure = &Exposure{Endpoints: []Endpoint{{Host: "lfs.example.com"}}}
				s.GC = &GarbageCollection{Rules: []GCRule{{Suffix: ".ckpt"}}}
			}),
		},
		"an admin's store":  {spec: LFSRepositorySpec{StoreRef: &StoreReference{Name: "standard"}}},
		"the default store": {},
		"keys that are not where the server is": {
			spec: LFSRepositorySpec{StoreRef: &StoreReference{Name: "standard"}, Access: &Access{JWT: &JWTAccess{Issuers: []JWTIssuer{
				{Name: "portal", KeySecretRef: &LocalReference{Name: "portal-key"}},
			}}}},
			want: []string{"spec.access.jwt.issuers[].keySecretRef and caSecretRef"},
		},
		"proxy": {spec: own(func(s *LFSRepositorySpec) { s.Transfer = TransferProxy })},
		"all that only waits": {
			spec: own(func(s *LFSRepositorySpec) {
				s.AdoptFrom = &AdoptFrom{Prefix: "old/"}
				s.Exposure = &Exposure{HTTPRoute: &HTTPRouteExposure{}, Ingress: &IngressExposure{}}
			}),
		},
		"routes in an admin's namespace": {
			spec: LFSRepositorySpec{Exposure: &Exposure{HTTPRoute: &HTTPRouteExposure{}, Ingress: &IngressExposure{}}},
			want: []string{"spec.exposure.httpRoute", "spec.exposure.ingress"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var got, gotBlocking []string
			for _, f := range tc.spec.UnsupportedFields() {
				if f.Remedy == "" {
					t.Errorf("%s has no remedy", f.Path)
				}
				if f.Blocking {
					gotBlocking = append(gotBlocking, f.Path)
				} else {
					got = append(got, f.Path)
				}
			}
			if diff := cmp.Diff(tc.wantBlocking, gotBlocking); diff != "" {
				t.Error("blocking: -want +got\n" + diff)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error("-want +got\n" + diff)
			}
		})
	}
}
