package desired

import (
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2ac "k8s.io/client-go/applyconfigurations/autoscaling/v2"

	"github.com/lfs-operator/lfs-operator/api/v1alpha1"
)

const (
	// targetCPU in percent of the request. A server requests little, since it moves
	// no bytes itself, so that it is above that only under real load.
	targetCPU int32 = 80
	// scaleDownSeconds is how long fewer replicas must have been enough: pushes come
	// in bursts, and each pod that goes makes its clients repeat a request.
	scaleDownSeconds int32 = 600
)

// autoscaling asked for; nil: none.
func (in Inputs) autoscaling() *v1alpha1.Autoscaling {
	if in.Repository.Spec.Server == nil {
		return nil
	}
	return in.Repository.Spec.Server.Autoscaling
}

func leastReplicas(a *v1alpha1.Autoscaling) int32 { return ptr.Deref(a.MinReplicas, 1) }

// autoscaler sets the Deployment's replicas by the CPU that its pods use.
func autoscaler(in Inputs) *autoscalingv2ac.HorizontalPodAutoscalerApplyConfiguration {
	scaling := in.autoscaling()
	if scaling == nil {
		return nil
	}
	at := in.Server()
	return autoscalingv2ac.HorizontalPodAutoscaler(ServerName(at.Base), at.Namespace).
		WithLabels(in.labels(at, ComponentServer)).
		WithOwnerReferences(in.owners(at)...).
		WithSpec(autoscalingv2ac.HorizontalPodAutoscalerSpec().
			WithScaleTargetRef(autoscalingv2ac.CrossVersionObjectReference().
				WithAPIVersion(appsv1.SchemeGroupVersion.String()).
				WithKind("Deployment").
				WithName(ServerName(at.Base))).
			WithMinReplicas(leastReplicas(scaling)).
			WithMaxReplicas(scaling.MaxReplicas).
			WithMetrics(autoscalingv2ac.MetricSpec().
				WithType(autoscalingv2.ResourceMetricSourceType).
				WithResource(autoscalingv2ac.ResourceMetricSource().
					WithName(corev1.ResourceCPU).
					WithTarget(autoscalingv2ac.MetricTarget().
						WithType(autoscalingv2.UtilizationMetricType).
						WithAverageUtilization(ptr.Deref(scaling.TargetCPUUtilization, targetCPU))))).
			WithBehavior(autoscalingv2ac.HorizontalPodAutoscalerBehavior().
				WithScaleDown(autoscalingv2ac.HPAScalingRules().
					WithStabilizationWindowSeconds(scaleDownSeconds))))
}
