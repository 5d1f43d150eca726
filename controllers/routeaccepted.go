package controllers

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lfs-operator/lfs-operator/api/v1alpha1"
	"github.com/lfs-operator/lfs-operator/internal/desired"
)

// Conditions of a route under each of its Gateways (Gateway API v1,
// RouteConditionType): whether it is taken, and whether what it names was found.
const (
	routeAccepted     = "Accepted"
	routeResolvedRefs = "ResolvedRefs"
)

// routeTaken passes on what the controllers of the Gateways made of the HTTPRoute.
func routeTaken(p *pass) *verdict {
	var refused, unresolved, silent, taken []string
	for _, ref := range p.in.Exposure().HTTPRoute.ParentRefs {
		name := gatewayName(ref, p.in.Server().Namespace)
		accepted := false
		for _, c := range p.routeConditions(ref) {
			problem := fmt.Sprintf("%s: %s=%s, %s", name, c.Type, c.Status, strings.TrimSuffix(c.Reason+": "+c.Message, ": "))
			switch {
			case c.Type == routeAccepted && c.Status == metav1.ConditionTrue:
				accepted = true
			case c.Type == routeAccepted && c.Status == metav1.ConditionFalse:
				refused = append(refused, problem+p.routeRemedy(c.Reason))
			case c.Type == routeResolvedRefs && c.Status == metav1.ConditionFalse:
				unresolved = append(unresolved, problem)
			}
		}
		if accepted {
			taken = append(taken, name)
		} else {
			silent = append(silent, name)
		}
	}
	what := "HTTPRoute/" + desired.ServerName(p.in.Server().Base)
	switch {
	case len(refused) > 0:
		return no(v1alpha1.ReasonRouteNotAccepted, what+" is not accepted by "+strings.Join(append(refused, unresolved...), "; "))
	case len(unresolved) > 0:
		return no(v1alpha1.ReasonRouteRefsNotResolved, "a reference of "+what+" is not resolved by "+strings.Join(unresolved, "; "))
	case len(silent) > 0:
		return unknown(v1alpha1.ReasonRoutePending, fmt.Sprintf("no controller has accepted %s yet for %s; if that lasts, see that the Gateway exists and that a controller runs for its GatewayClass",
			what, strings.Join(silent, ", ")))
	}
	return yes(v1alpha1.ReasonRouteAccepted, "accepted by "+strings.Join(taken, ", "))
}

// routeConditions are what controllers say of the route as it is now, under that
// Gateway. What they said of an earlier generation counts no more.
func (p *pass) routeConditions(ref v1alpha1.GatewayReference) (out []metav1.Condition) {
	if p.route == nil {
		return nil
	}
	want := routeParentReference{Kind: desired.GatewayKind, Namespace: orElse(ref.Namespace, p.route.Namespace), Name: ref.Name, SectionName: ref.SectionName}
	for _, parent := range p.route.Status.Parents {
		got := parent.ParentRef
		if got.Namespace = orElse(got.Namespace, p.route.Namespace); got != want {
			continue
		}
		for _, kind := range []string{routeAccepted, routeResolvedRefs} {
			c := meta.FindStatusCondition(parent.Conditions, kind)
			if c != nil && (c.ObservedGeneration == 0 || c.ObservedGeneration >= p.route.Generation) {
				out = append(out, *c)
			}
		}
	}
	return out
}

// routeRemedy is what to do about the standard reasons (Gateway API v1,
// RouteConditionReason), which many controllers give without a message.
func (p *pass) routeRemedy(reason string) string {
	switch reason {
	case "NotAllowedByListeners":
		return fmt.Sprintf(" (allowedRoutes of its listener must let in HTTPRoutes from namespace %s)", p.in.Server().Namespace)
	case "NoMatchingListenerHostname":
		return fmt.Sprintf(" (a listener of it must serve %s)", strings.Join(p.in.Exposure().Hosts, ", "))
	case "NoMatchingParent":
		return " (it has no such listener)"
	}
	return ""
}

// gatewayName is what people call a Gateway.
func gatewayName(ref v1alpha1.GatewayReference, namespace string) string {
	name := "Gateway " + orElse(ref.Namespace, namespace) + "/" + ref.Name
	if ref.SectionName != "" {
		name += ", listener " + ref.SectionName
	}
	return name
}
