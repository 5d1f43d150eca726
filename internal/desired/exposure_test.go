package desired

import (
	"testing"

	"github.com/lfs-operator/lfs-operator/api/v1alpha1"
)

// TestObstacle: no route takes more than the paths of one repository.
func TestObstacle(t *testing.T) {
	for name, tc := range map[string]struct {
		namespace, host, want string
	}{
		"a host":             {namespace: "team-a", host: "lfs.example.com"},
		"no host":            {namespace: "team-a", want: v1alpha1.ReasonHostMissing},
		"an address":         {namespace: "team-a", host: "192.0.2.1:80", want: v1alpha1.ReasonHostMissing},
		"everybody's prefix": {namespace: "models", host: "lfs.example.com", want: v1alpha1.ReasonNamespaceReserved},
		"the API's prefix":   {namespace: "api", host: "lfs.example.com", want: v1alpha1.ReasonNamespaceReserved},
	} {
		t.Run(name, func(t *testing.T) {
			repo := repository()
			repo.Namespace = tc.namespace
			repo.Spec.Exposure = &v1alpha1.Exposure{Ingress: &v1alpha1.IngressExposure{}}
			if tc.host != "" {
				repo.Spec.Exposure.Endpoints = []v1alpha1.Endpoint{{Host: tc.host}}
			}
			in := inputs(repo)
			if reason, _ := in.Obstacle(); reason != tc.want {
				t.Errorf("the obstacle is %q, want %q", reason, tc.want)
			}
			if made := ingress(in) != nil; made != (tc.want == "") {
				t.Errorf("an Ingress is made: %t", made)
			}
		})
	}
}

// TestStoreRoutes: in an administrator's namespace only the administrator's hosts
// are routed, by routes that the administrator asked for.
func TestStoreRoutes(t *testing.T) {
	repo := repository()
	repo.Spec.Storage = nil
	theirs := &v1alpha1.Exposure{
		Endpoints: []v1alpha1.Endpoint{{Host: "git.example.com"}},
		Ingress:   &v1alpha1.IngressExposure{ClassName: "theirs"},
	}
	store := &v1alpha1.LFSStore{Spec: v1alpha1.LFSStoreSpec{
		ServerNamespace: "servers",
		Exposure: &v1alpha1.StoreExposure{
			Endpoints: []v1alpha1.StoreEndpoint{{HostTemplate: "{namespace}.lfs.example.com"}},
			Ingress:   &v1alpha1.IngressExposure{ClassName: "main"},
		},
	}}
	in := inputs(repo)
	in.Store, in.Location.ServerNamespace = store, "servers"
	got := ingress(in)
	if got == nil || *got.Namespace != "servers" || *got.Spec.IngressClassName != "main" || *got.Spec.Rules[0].Host != "team-a.lfs.example.com" {
		t.Fatalf("the Ingress is %+v", got)
	}
	repo.Spec.Exposure = theirs
	if got := ingress(in); got != nil {
		t.Errorf("a tenant's host is routed from the administrator's namespace: %+v", got.Spec)
	}
	store.Spec.Exposure = nil
	if got := ingress(in); got != nil {
		t.Errorf("a tenant's Ingress is made in the administrator's namespace: %+v", got.Spec)
	}
}
