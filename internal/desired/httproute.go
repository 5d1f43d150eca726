package desired

import (
	"k8s.io/apimachinery/pkg/runtime/schema"
	metav1ac "k8s.io/client-go/applyconfigurations/meta/v1"
)

// HTTPRouteKind is the Gateway API's. Its Go module is not used: the few fields that
// are set here are those of the standard channel since version 1.2.
var HTTPRouteKind = schema.GroupVersionKind{Group: "gateway.networking.k8s.io", Version: "v1", Kind: "HTTPRoute"}

// GatewayKind is what an HTTPRoute attaches to, of the same group.
const GatewayKind = "Gateway"

// httpRouteApplyConfiguration holds the fields of an HTTPRoute that we own.
type httpRouteApplyConfiguration struct {
	metav1ac.TypeMetaApplyConfiguration    `json:",inline"`
	*metav1ac.ObjectMetaApplyConfiguration `json:"metadata,omitempty"`

	Spec httpRouteSpec `json:"spec"`
}

// IsApplyConfiguration marks it as one.
func (httpRouteApplyConfiguration) IsApplyConfiguration() {}

type httpRouteSpec struct {
	ParentRefs []parentReference `json:"parentRefs"`
	Hostnames  []string          `json:"hostnames"`
	Rules      []httpRouteRule   `json:"rules"`
}

type parentReference struct {
	Group       string `json:"group"`
	Kind        string `json:"kind"`
	Namespace   string `json:"namespace,omitempty"`
	Name        string `json:"name"`
	SectionName string `json:"sectionName,omitempty"`
}

type httpRouteRule struct {
	Matches     []httpRouteMatch `json:"matches"`
	BackendRefs []backendRef     `json:"backendRefs"`
	Timeouts    httpTimeouts     `json:"timeouts"`
}

type httpRouteMatch struct {
	Path pathMatch `json:"path"`
}

type pathMatch struct {
	Type  string `json:"type"`
	Value string `json:"value"`
}

type backendRef struct {
	Name string `json:"name"`
	Port int32  `json:"port"`
}

// httpTimeouts of 0s are none (GEP-1742): an upload takes as long as it takes.
type httpTimeouts struct {
	Request        string `json:"request"`
	BackendRequest string `json:"backendRequest"`
}

// httpRoute attaches the server to Gateways; nil where that is not asked for. TLS is
// the listener's.
func httpRoute(in Inputs) *httpRouteApplyConfiguration {
	at, e := in.Server(), in.Exposure()
	if reason, _ := in.Obstacle(); e.HTTPRoute == nil || reason != "" || !in.GatewayAPI {
		return nil
	}
	name := ServerName(at.Base)
	rule := httpRouteRule{
		BackendRefs: []backendRef{{Name: name, Port: ServicePort}},
		Timeouts:    httpTimeouts{Request: "0s", BackendRequest: "0s"},
	}
	for _, path := range paths(in.Repository) {
		rule.Matches = append(rule.Matches, httpRouteMatch{Path: pathMatch{Type: "PathPrefix", Value: path}})
	}
	route := &httpRouteApplyConfiguration{
		TypeMetaApplyConfiguration: *metav1ac.TypeMeta().WithAPIVersion(HTTPRouteKind.GroupVersion().String()).WithKind(HTTPRouteKind.Kind),
		ObjectMetaApplyConfiguration: metav1ac.ObjectMeta().WithName(name).WithNamespace(at.Namespace).
			WithLabels(in.labels(at, ComponentServer)),
		Spec: httpRouteSpec{Hostnames: e.Hosts, Rules: []httpRouteRule{rule}},
	}
	route.ObjectMetaApplyConfiguration.WithOwnerReferences(in.owners(at)...)
	for _, ref := range e.HTTPRoute.ParentRefs {
		route.Spec.ParentRefs = append(route.Spec.ParentRefs, parentReference{
			Group: HTTPRouteKind.Group, Kind: GatewayKind, Namespace: ref.Namespace, Name: ref.Name, SectionName: ref.SectionName,
		})
	}
	return route
}
