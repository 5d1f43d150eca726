package desired

import (
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	metav1ac "k8s.io/client-go/applyconfigurations/meta/v1"
	networkingv1ac "k8s.io/client-go/applyconfigurations/networking/v1"
)

// networkPolicy lets everybody reach the API and few the admin port: the
// operator, which polls, and the repository's own pods, which report scans.
// Pods of garbage collection are selected too, and nobody may connect to them.
// All of them may connect to what they need (egress.go).
func networkPolicy(in Inputs) *networkingv1ac.NetworkPolicyApplyConfiguration {
	at := in.Server()
	own := map[string]string{LabelName: AppName, LabelInstance: at.Base}
	operator := map[string]string{corev1.LabelMetadataName: in.Install.OperatorNamespace}
	return networkingv1ac.NetworkPolicy(ServerName(at.Base), at.Namespace).
		WithLabels(in.labels(at, ComponentServer)).
		WithOwnerReferences(in.owners(at)...).
		WithSpec(withEgress(in, at, networkingv1ac.NetworkPolicySpec()).
			WithPodSelector(metav1ac.LabelSelector().WithMatchLabels(own)).
			WithIngress(
				networkingv1ac.NetworkPolicyIngressRule().
					WithPorts(networkPolicyPort(portHTTP)),
				networkingv1ac.NetworkPolicyIngressRule().
					WithPorts(networkPolicyPort(portAdmin)).
					WithFrom(
						networkingv1ac.NetworkPolicyPeer().
							WithNamespaceSelector(metav1ac.LabelSelector().WithMatchLabels(operator)),
						scanPeer(in),
					),
			))
}

// scanPeer is who reports scans.
func scanPeer(in Inputs) *networkingv1ac.NetworkPolicyPeerApplyConfiguration {
	at := in.Tenant()
	peer := networkingv1ac.NetworkPolicyPeer().WithPodSelector(metav1ac.LabelSelector().
		WithMatchLabels(map[string]string{LabelName: AppName, LabelInstance: at.Base}))
	if in.Apart() {
		peer.WithNamespaceSelector(metav1ac.LabelSelector().
			WithMatchLabels(map[string]string{corev1.LabelMetadataName: at.Namespace}))
	}
	return peer
}

// scanNetworkPolicy lets nobody connect to the pods beside the tenant.
func scanNetworkPolicy(in Inputs) *networkingv1ac.NetworkPolicyApplyConfiguration {
	at := in.Tenant()
	own := map[string]string{LabelName: AppName, LabelInstance: at.Base}
	return networkingv1ac.NetworkPolicy(ServerName(at.Base), at.Namespace).
		WithLabels(in.labels(at, ComponentGC)).
		WithOwnerReferences(in.owners(at)...).
		WithSpec(withEgress(in, at, networkingv1ac.NetworkPolicySpec()).
			WithPodSelector(metav1ac.LabelSelector().WithMatchLabels(own)))
}

// withEgress sets the directions that the policy is about.
func withEgress(in Inputs, at Place, spec *networkingv1ac.NetworkPolicySpecApplyConfiguration) *networkingv1ac.NetworkPolicySpecApplyConfiguration {
	return bothWays(in.Install, spec, egress(in, at))
}

func bothWays(install Install, spec *networkingv1ac.NetworkPolicySpecApplyConfiguration, rules []*networkingv1ac.NetworkPolicyEgressRuleApplyConfiguration) *networkingv1ac.NetworkPolicySpecApplyConfiguration {
	spec.WithPolicyTypes(networkingv1.PolicyTypeIngress)
	if install.NetworkPolicies == NetworkPoliciesIngress {
		return spec
	}
	return spec.WithPolicyTypes(networkingv1.PolicyTypeEgress).WithEgress(rules...)
}

// networkPolicyPort names a port of the container, so that pods without a port
// of that name are open nowhere.
func networkPolicyPort(name string) *networkingv1ac.NetworkPolicyPortApplyConfiguration {
	return networkingv1ac.NetworkPolicyPort().
		WithProtocol(corev1.ProtocolTCP).
		WithPort(intstr.FromString(name))
}
