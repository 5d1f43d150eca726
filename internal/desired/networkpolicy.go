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
func networkPolicy(in Inputs) *networkingv1ac.NetworkPolicyApplyConfiguration {
	repo := in.Repository
	own := map[string]string{LabelName: AppName, LabelInstance: repo.Name}
	operator := map[string]string{corev1.LabelMetadataName: in.Install.OperatorNamespace}
	return networkingv1ac.NetworkPolicy(ServerName(repo.Name), repo.Namespace).
		WithLabels(Labels(repo, ComponentServer)).
		WithOwnerReferences(ownerReference(repo)).
		WithSpec(networkingv1ac.NetworkPolicySpec().
			WithPodSelector(metav1ac.LabelSelector().WithMatchLabels(own)).
			WithPolicyTypes(networkingv1.PolicyTypeIngress).
			WithIngress(
				networkingv1ac.NetworkPolicyIngressRule().
					WithPorts(networkPolicyPort(portHTTP)),
				networkingv1ac.NetworkPolicyIngressRule().
					WithPorts(networkPolicyPort(portAdmin)).
					WithFrom(
						networkingv1ac.NetworkPolicyPeer().
							WithNamespaceSelector(metav1ac.LabelSelector().WithMatchLabels(operator)),
						networkingv1ac.NetworkPolicyPeer().
							WithPodSelector(metav1ac.LabelSelector().WithMatchLabels(own)),
					),
			))
}

// networkPolicyPort names a port of the container, so that pods without a port
// of that name are open nowhere.
func networkPolicyPort(name string) *networkingv1ac.NetworkPolicyPortApplyConfiguration {
	return networkingv1ac.NetworkPolicyPort().
		WithProtocol(corev1.ProtocolTCP).
		WithPort(intstr.FromString(name))
}
