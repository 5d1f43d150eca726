package controllers

import (
	"testing"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lfs-operator/lfs-operator/api/v1alpha1"
	"github.com/lfs-operator/lfs-operator/internal/desired"
)

// TestRoutes: an HTTPRoute that the Gateway API's own schema takes and an Ingress are
// made, made again, and go when they are no longer asked for.
func TestRoutes(t *testing.T) {
	w := newWorld(t)
	w.create("models", func(r *v1alpha1.LFSRepository) {
		r.Spec.Exposure = &v1alpha1.Exposure{
			Endpoints: []v1alpha1.Endpoint{{Host: "lfs.example.com"}},
			HTTPRoute: &v1alpha1.HTTPRouteExposure{ParentRefs: []v1alpha1.GatewayReference{{Name: "main", Namespace: "gateways"}}},
			Ingress:   &v1alpha1.IngressExposure{ClassName: "nginx"},
		}
	})
	w.ready("models")
	repo := w.wait("models", v1alpha1.ConditionExposed, metav1.ConditionUnknown, v1alpha1.ReasonRoutePending)
	if url := repo.Status.Endpoints[0].URL; url != "https://lfs.example.com/"+w.ns+"/models.git/info/lfs" {
		t.Errorf("the first endpoint is %s", url)
	}
	route := &unstructured.Unstructured{}
	route.SetGroupVersionKind(desired.HTTPRouteKind)
	route.SetNamespace(w.ns)
	route.SetName("models-lfs")
	ingress := named(&networkingv1.Ingress{}, "models-lfs")
	for _, o := range []client.Object{route, ingress} {
		if err := w.exists(w.ns, o); err != nil {
			t.Fatal(err)
		}
		if err := w.c.Delete(t.Context(), o); err != nil {
			t.Fatal(err)
		}
		w.eventually("a deleted route is made again", func() string {
			if err := w.exists(w.ns, o); err != nil {
				return err.Error()
			}
			return ""
		})
	}
	w.change("models", func(r *v1alpha1.LFSRepository) { r.Spec.Exposure.HTTPRoute = nil })
	w.wait("models", v1alpha1.ConditionExposed, metav1.ConditionTrue, v1alpha1.ReasonRoutesMade)
	w.change("models", func(r *v1alpha1.LFSRepository) { r.Spec.Exposure.Ingress = nil })
	for _, o := range []client.Object{route, ingress} {
		w.eventually("a route that is not wanted goes", func() string {
			if err := w.exists(w.ns, o); !apierrors.IsNotFound(err) {
				return "still there"
			}
			return ""
		})
	}
}

// TestNoGatewayAPI: a cluster without HTTPRoutes is asked now and then, and the
// condition says what is missing.
func TestNoGatewayAPI(t *testing.T) {
	mapper := meta.NewDefaultRESTMapper(nil)
	g := &gatewayAPI{mapper: mapper}
	now := time.Now()
	if here, err := g.here(t.Context(), now); here || err != nil {
		t.Fatalf("HTTPRoutes are here: %t, %v", here, err)
	}
	repo := &v1alpha1.LFSRepository{ObjectMeta: metav1.ObjectMeta{Namespace: "team-a", Name: "models"}}
	repo.Spec.Storage = &v1alpha1.Storage{}
	repo.Spec.Exposure = &v1alpha1.Exposure{
		Endpoints: []v1alpha1.Endpoint{{Host: "lfs.example.com"}}, HTTPRoute: &v1alpha1.HTTPRouteExposure{},
	}
	p := newPass(repo, now)
	p.in.Repository = repo
	if v := exposed(p); v == nil || v.reason != v1alpha1.ReasonGatewayAPIMissing {
		t.Errorf("the verdict is %+v", v)
	}
}
