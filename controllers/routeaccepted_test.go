package controllers

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lfs-operator/lfs-operator/api/v1alpha1"
	"github.com/lfs-operator/lfs-operator/internal/desired"
)

// answer is what the controller of a Gateway says of a route.
type answer struct {
	gateway    string
	conditions []metav1.Condition
}

func says(kind string, status metav1.ConditionStatus, reason, message string) metav1.Condition {
	return metav1.Condition{Type: kind, Status: status, Reason: reason, Message: message}
}

// routeStatus writes what controllers answer about the HTTPRoute of an
// LFSRepository, as of its current generation less some.
func (w *world) routeStatus(name string, behind int64, answers ...answer) {
	w.t.Helper()
	route := &unstructured.Unstructured{}
	route.SetGroupVersionKind(desired.HTTPRouteKind)
	w.eventually("a route that can be answered", func() string {
		if err := w.c.Get(w.t.Context(), client.ObjectKey{Namespace: w.ns, Name: desired.ServerName(name)}, route); err != nil {
			return err.Error()
		}
		var parents []any
		for _, a := range answers {
			var conditions []any
			for _, c := range a.conditions {
				c.ObservedGeneration, c.LastTransitionTime = route.GetGeneration()-behind, metav1.Now()
				raw, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&c)
				if err != nil {
					return err.Error()
				}
				raw["message"] = c.Message // required, even if empty
				conditions = append(conditions, raw)
			}
			parents = append(parents, map[string]any{
				"parentRef":      map[string]any{"name": a.gateway, "namespace": "gateways"},
				"controllerName": "example.com/gateways",
				"conditions":     conditions,
			})
		}
		if err := unstructured.SetNestedSlice(route.Object, parents, "status", "parents"); err != nil {
			return err.Error()
		}
		if err := w.c.Status().Update(w.t.Context(), route); err != nil {
			return err.Error()
		}
		return ""
	})
}

// TestRouteAccepted: the condition says what the controllers of all Gateways make of
// the route, and of its newest generation only; the server is Ready all the while, and
// an answer that says nothing new costs no request.
func TestRouteAccepted(t *testing.T) {
	w := newWorld(t)
	w.create("models", func(r *v1alpha1.LFSRepository) {
		r.Spec.Exposure = &v1alpha1.Exposure{
			Endpoints: []v1alpha1.Endpoint{{Host: "lfs.example.com"}},
			HTTPRoute: &v1alpha1.HTTPRouteExposure{ParentRefs: []v1alpha1.GatewayReference{
				{Name: "inner", Namespace: "gateways"}, {Name: "outer", Namespace: "gateways"},
			}},
		}
	})
	w.ready("models")
	w.wait("models", v1alpha1.ConditionExposed, metav1.ConditionUnknown, v1alpha1.ReasonRoutePending)
	// A route of the second generation, so that there is an earlier one.
	w.change("models", func(r *v1alpha1.LFSRepository) {
		r.Spec.Exposure.Endpoints = append(r.Spec.Exposure.Endpoints, v1alpha1.Endpoint{Host: "lfs.example.org"})
	})
	w.ready("models")

	accepted := says("Accepted", metav1.ConditionTrue, "Accepted", "")
	resolved := says("ResolvedRefs", metav1.ConditionTrue, "ResolvedRefs", "")
	inner := answer{"inner", []metav1.Condition{accepted, resolved}}
	outer := answer{"outer", []metav1.Condition{accepted, resolved}}
	elsewhere := answer{"elsewhere", []metav1.Condition{accepted, resolved}}
	for _, step := range []struct {
		what    string
		behind  int64
		answers []answer
		status  metav1.ConditionStatus
		reason  string
		// says are parts of the message.
		says []string
	}{
		{
			what: "one of two", answers: []answer{inner, elsewhere},
			status: metav1.ConditionUnknown, reason: v1alpha1.ReasonRoutePending, says: []string{"Gateway gateways/outer;"},
		},
		{
			what: "both", answers: []answer{inner, outer},
			status: metav1.ConditionTrue, reason: v1alpha1.ReasonRouteAccepted, says: []string{"lfs.example.com", "gateways/inner", "gateways/outer"},
		},
		{
			what: "both, of an earlier generation", behind: 1, answers: []answer{inner, outer},
			status: metav1.ConditionUnknown, reason: v1alpha1.ReasonRoutePending, says: []string{"gateways/inner", "gateways/outer"},
		},
		{
			what: "refused by one", answers: []answer{inner, {"outer", []metav1.Condition{says("Accepted", metav1.ConditionFalse, "NotAllowedByListeners", ""), resolved}}},
			status: metav1.ConditionFalse, reason: v1alpha1.ReasonRouteNotAccepted, says: []string{"gateways/outer", "NotAllowedByListeners", "namespace " + w.ns},
		},
		{
			what: "undecided", answers: []answer{inner, {"outer", []metav1.Condition{says("Accepted", metav1.ConditionUnknown, "Pending", "")}}},
			status: metav1.ConditionUnknown, reason: v1alpha1.ReasonRoutePending, says: []string{"gateways/outer"},
		},
		{
			what: "not resolved", answers: []answer{inner, {"outer", []metav1.Condition{accepted, says("ResolvedRefs", metav1.ConditionFalse, "BackendNotFound", "no such port")}}},
			status: metav1.ConditionFalse, reason: v1alpha1.ReasonRouteRefsNotResolved, says: []string{"gateways/outer", "BackendNotFound", "no such port"},
		},
		{
			what: "both again", answers: []answer{inner, outer},
			status: metav1.ConditionTrue, reason: v1alpha1.ReasonRouteAccepted,
		},
	} {
		w.routeStatus("models", step.behind, step.answers...)
		repo := w.wait("models", v1alpha1.ConditionExposed, step.status, step.reason)
		c := meta.FindStatusCondition(repo.Status.Conditions, v1alpha1.ConditionExposed)
		for _, part := range step.says {
			if !strings.Contains(c.Message, part) {
				t.Errorf("%s: %q does not say %q", step.what, c.Message, part)
			}
		}
		if !meta.IsStatusConditionTrue(repo.Status.Conditions, v1alpha1.ConditionReady) {
			t.Errorf("%s: not Ready%s", step.what, describe(repo))
		}
	}

	w.settled()
	passes, writes := w.spy.passes(), len(w.spy.writes())
	w.routeStatus("models", 0, inner, outer, elsewhere)
	w.eventually("the answer is looked at", func() string {
		if w.spy.passes() == passes {
			return "not yet"
		}
		return ""
	})
	w.settled()
	if got := w.spy.writes()[writes:]; len(got) != 0 {
		t.Errorf("an answer that says nothing new was written: %v", got)
	}
}
