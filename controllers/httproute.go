package controllers

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/lfs-operator/lfs-operator/internal/desired"
)

// httpRoute is what the operator looks at of an HTTPRoute: its metadata, and what
// controllers of Gateways made of it. An informer decodes into this, and so holds no
// more. The fields are those of the Gateway API's v1.
type httpRoute struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Status httpRouteStatus `json:"status,omitempty"`
}

type httpRouteStatus struct {
	// Parents has an entry for each controller and each Gateway that it answers for.
	Parents []routeParentStatus `json:"parents,omitempty"`
}

type routeParentStatus struct {
	ParentRef  routeParentReference `json:"parentRef"`
	Conditions []metav1.Condition   `json:"conditions,omitempty"`
}

// routeParentReference repeats a parentRef of the spec.
type routeParentReference struct {
	Kind        string `json:"kind,omitempty"`
	Namespace   string `json:"namespace,omitempty"`
	Name        string `json:"name"`
	SectionName string `json:"sectionName,omitempty"`
}

type httpRouteList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	Items []httpRoute `json:"items"`
}

// DeepCopyObject copies a route.
func (r *httpRoute) DeepCopyObject() runtime.Object { return r.clone() }

func (r *httpRoute) clone() *httpRoute {
	out := &httpRoute{TypeMeta: r.TypeMeta, ObjectMeta: *r.ObjectMeta.DeepCopy()}
	out.Status.Parents = slices.Clone(r.Status.Parents)
	for i := range out.Status.Parents {
		out.Status.Parents[i].Conditions = slices.Clone(out.Status.Parents[i].Conditions)
	}
	return out
}

// DeepCopyObject copies a list.
func (l *httpRouteList) DeepCopyObject() runtime.Object {
	out := &httpRouteList{TypeMeta: l.TypeMeta, ListMeta: *l.ListMeta.DeepCopy(), Items: make([]httpRoute, len(l.Items))}
	for i := range l.Items {
		out.Items[i] = *l.Items[i].clone()
	}
	return out
}

// addHTTPRoutes makes the kind known, whether the cluster knows it or not.
func addHTTPRoutes(scheme *runtime.Scheme) {
	version := desired.HTTPRouteKind.GroupVersion()
	scheme.AddKnownTypeWithName(desired.HTTPRouteKind, &httpRoute{})
	scheme.AddKnownTypeWithName(version.WithKind(desired.HTTPRouteKind.Kind+"List"), &httpRouteList{})
	metav1.AddToGroupVersion(scheme, version)
}
