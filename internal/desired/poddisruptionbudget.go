package desired

import (
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	metav1ac "k8s.io/client-go/applyconfigurations/meta/v1"
	policyv1ac "k8s.io/client-go/applyconfigurations/policy/v1"
)

// podDisruptionBudget lets a drain take one pod at a time. It counts what may be
// missing, not what must be there, so that a single replica never blocks a drain.
func podDisruptionBudget(in Inputs) *policyv1ac.PodDisruptionBudgetApplyConfiguration {
	at := in.Server()
	return policyv1ac.PodDisruptionBudget(ServerName(at.Base), at.Namespace).
		WithLabels(in.labels(at, ComponentServer)).
		WithOwnerReferences(in.owners(at)...).
		WithSpec(policyv1ac.PodDisruptionBudgetSpec().
			WithMaxUnavailable(intstr.FromInt32(1)).
			WithUnhealthyPodEvictionPolicy(policyv1.AlwaysAllow).
			WithSelector(metav1ac.LabelSelector().
				WithMatchLabels(SelectorLabels(at.Base, ComponentServer))))
}
