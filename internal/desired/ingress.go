package desired

import (
	"maps"

	networkingv1 "k8s.io/api/networking/v1"
	networkingv1ac "k8s.io/client-go/applyconfigurations/networking/v1"
)

// ingressAnnotations keep ingress-nginx from breaking uploads, for which an Ingress
// has no fields: bodies of any size, passed on as they come, for as long as they
// take. Other controllers do not look at them.
var ingressAnnotations = map[string]string{
	"nginx.ingress.kubernetes.io/proxy-body-size":          "0",
	"nginx.ingress.kubernetes.io/proxy-request-buffering":  "off",
	"nginx.ingress.kubernetes.io/proxy-buffering":          "off",
	"nginx.ingress.kubernetes.io/proxy-read-timeout":       "3600",
	"nginx.ingress.kubernetes.io/proxy-send-timeout":       "3600",
	"nginx.ingress.kubernetes.io/proxy-max-temp-file-size": "0",
}

// ingress attaches the server to an ingress controller; nil where that is not asked
// for.
func ingress(in Inputs) *networkingv1ac.IngressApplyConfiguration {
	at, e := in.Server(), in.Exposure()
	if reason, _ := in.Obstacle(); e.Ingress == nil || reason != "" {
		return nil
	}
	name := ServerName(at.Base)
	annotations := maps.Clone(ingressAnnotations)
	maps.Copy(annotations, e.Ingress.Annotations)
	http := networkingv1ac.HTTPIngressRuleValue()
	for _, path := range paths(in.Repository) {
		http.WithPaths(networkingv1ac.HTTPIngressPath().
			WithPath(path).
			WithPathType(networkingv1.PathTypePrefix).
			WithBackend(networkingv1ac.IngressBackend().WithService(networkingv1ac.IngressServiceBackend().
				WithName(name).
				WithPort(networkingv1ac.ServiceBackendPort().WithName(portHTTP)))))
	}
	spec := networkingv1ac.IngressSpec()
	if e.Ingress.ClassName != "" {
		spec.WithIngressClassName(e.Ingress.ClassName)
	}
	for _, host := range e.Hosts {
		spec.WithRules(networkingv1ac.IngressRule().WithHost(host).WithHTTP(http))
	}
	if secret := e.Ingress.TLSSecretRef; secret != nil {
		spec.WithTLS(networkingv1ac.IngressTLS().WithHosts(e.Hosts...).WithSecretName(secret.Name))
	}
	return networkingv1ac.Ingress(name, at.Namespace).
		WithLabels(in.labels(at, ComponentServer)).
		WithAnnotations(annotations).
		WithOwnerReferences(in.owners(at)...).
		WithSpec(spec)
}
