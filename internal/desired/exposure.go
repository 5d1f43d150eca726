package desired

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/lfs-operator/lfs-operator/api/v1alpha1"
)

// Exposure is what stands between clients outside of the cluster and the server.
type Exposure struct {
	// HTTPRoute and Ingress as asked for; nil: none.
	HTTPRoute *v1alpha1.HTTPRouteExposure
	Ingress   *v1alpha1.IngressExposure
	// Hosts to be routed, without ports.
	Hosts []string
}

// Exposure says which routes are asked for. Whoever owns the server's namespace says
// so: for an LFSStore's servers its administrator, and then only under the hosts that
// the store makes from its template. A host that a tenant names gets no route there.
func (in Inputs) Exposure() Exposure {
	var out Exposure
	repo := in.Repository.Spec.Exposure
	switch {
	case in.Repository.Spec.Storage == nil:
		if in.Store == nil {
			return out
		}
		store := in.Store.Spec.Exposure
		if store == nil || repo != nil && len(repo.Endpoints) > 0 {
			return out
		}
		out.HTTPRoute, out.Ingress = store.HTTPRoute, store.Ingress
	case repo != nil:
		out.HTTPRoute, out.Ingress = repo.HTTPRoute, repo.Ingress
	}
	for _, endpoint := range in.exposed() {
		if host := hostname(endpoint.Host); host != "" && !slices.Contains(out.Hosts, host) {
			out.Hosts = append(out.Hosts, host)
		}
	}
	return out
}

// Wanted is true where there is something to make.
func (e Exposure) Wanted() bool { return e.HTTPRoute != nil || e.Ingress != nil }

// Kinds are what is made, each with the name.
func (e Exposure) Kinds(name string) []string {
	var out []string
	if e.HTTPRoute != nil {
		out = append(out, HTTPRouteKind.Kind+"/"+name)
	}
	if e.Ingress != nil {
		out = append(out, "Ingress/"+name)
	}
	return out
}

// Obstacle says why no route can be made, as reason and message; empty: none.
func (in Inputs) Obstacle() (reason, message string) {
	switch e := in.Exposure(); {
	case !e.Wanted():
		return "", ""
	case slices.Contains(reserved, in.Repository.Namespace):
		return v1alpha1.ReasonNamespaceReserved, "no route is made in a namespace called " + in.Repository.Namespace +
			": on a host that many share, its paths would be those of all repositories; use a namespace of another name"
	case len(e.Hosts) == 0:
		return v1alpha1.ReasonHostMissing, "no route is made without a host, which would take the requests to every host: " +
			"name one in exposure.endpoints (an IP address is none)"
	}
	return "", ""
}

// hostname is the host of host[:port], or nothing for an IP address, which no
// HTTPRoute and no Ingress can name.
func hostname(host string) string {
	if i := strings.LastIndexByte(host, ':'); i >= 0 && !strings.HasSuffix(host, "]") {
		host = host[:i]
	}
	if _, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
		return ""
	}
	return host
}

// reserved are the names with which paths of every repository may begin.
var reserved = []string{"api", "models", "datasets", "spaces"}

// paths under which clients look for the repository, each to be matched by whole
// elements: as Git has it and bare; and with what Hugging Face's and KohakuHub's
// clients put before. Each holds namespace and name, so that those of two
// repositories never meet.
func paths(repo *v1alpha1.LFSRepository) []string {
	var out []string
	for _, api := range []string{"", "/api"} {
		for _, kind := range []string{"", "/models", "/datasets", "/spaces"} {
			bare := api + kind + "/" + repo.Namespace + "/" + repo.Name
			out = append(out, bare+".git", bare)
		}
	}
	return out
}
