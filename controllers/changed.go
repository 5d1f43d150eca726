package controllers

import (
	"fmt"
	"maps"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"github.com/lfs-operator/lfs-operator/api/v1alpha1"
)

// What passes look at. Most events of a cluster with thousands of repositories tell
// the operator what it has just done itself, or what makes no difference to it.

// specChanged drops the events of our own writes to status and metadata.
func specChanged() predicate.Predicate {
	return predicate.Or(
		predicate.GenerationChangedPredicate{},
		predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
			return e.ObjectNew.GetDeletionTimestamp() != nil && e.ObjectOld.GetDeletionTimestamp() == nil ||
				!maps.Equal(withoutRecord(e.ObjectOld), withoutRecord(e.ObjectNew))
		}},
	)
}

// withoutRecord are the annotations that others set.
func withoutRecord(o client.Object) map[string]string {
	annotations := maps.Clone(o.GetAnnotations())
	delete(annotations, annotationRecord)
	return annotations
}

// childChanged passes on that a child is gone or no longer what was applied. That
// there is one is no news: whoever applied it goes on by itself.
func (r *LFSRepositoryReconciler) childChanged() predicate.Predicate {
	return predicate.Funcs{
		CreateFunc: func(event.CreateEvent) bool { return false },
		UpdateFunc: func(e event.UpdateEvent) bool { return r.drifted(e.ObjectNew) },
	}
}

// deploymentChanged passes on how far pods are, too.
func (r *LFSRepositoryReconciler) deploymentChanged() predicate.Predicate {
	return predicate.Funcs{
		CreateFunc: func(event.CreateEvent) bool { return false },
		UpdateFunc: func(e event.UpdateEvent) bool {
			before, ok1 := e.ObjectOld.(*appsv1.Deployment)
			after, ok2 := e.ObjectNew.(*appsv1.Deployment)
			return !ok1 || !ok2 || deploymentFace(before) != deploymentFace(after) || r.drifted(after)
		},
	}
}

// drifted is true of an object that is not as it was applied last, as far as memory
// goes.
func (r *LFSRepositoryReconciler) drifted(o client.Object) bool {
	return o.GetDeletionTimestamp() != nil || !r.Applier.Made(types.UID(o.GetLabels()[v1alpha1.LabelRepositoryUID]), o)
}

// deploymentFace is what a pass looks at in the status of a Deployment.
func deploymentFace(d *appsv1.Deployment) string {
	problem := ""
	for _, c := range d.Status.Conditions {
		if c.Type == appsv1.DeploymentReplicaFailure {
			problem = string(c.Status) + c.Message
		}
	}
	return fmt.Sprint(d.Status.ObservedGeneration >= d.Generation, d.Status.Replicas, d.Status.UpdatedReplicas, d.Status.AvailableReplicas, problem)
}

// podChanged passes those changes of pods on that a pass would see. Kubelets
// report more than that, and a new pod has nothing to say.
func podChanged() predicate.Predicate {
	silent := podFace(&corev1.Pod{Status: corev1.PodStatus{Phase: corev1.PodPending}})
	return predicate.Funcs{
		CreateFunc: func(e event.CreateEvent) bool {
			pod, ok := e.Object.(*corev1.Pod)
			return !ok || podFace(pod) != silent
		},
		UpdateFunc: func(e event.UpdateEvent) bool {
			before, ok1 := e.ObjectOld.(*corev1.Pod)
			after, ok2 := e.ObjectNew.(*corev1.Pod)
			return !ok1 || !ok2 || podFace(before) != podFace(after)
		},
	}
}

// podFace is what a pass looks at in a pod.
func podFace(pod *corev1.Pod) string {
	return fmt.Sprint(pod.Status.Phase, pod.Status.PodIP, podReady(pod), pod.DeletionTimestamp != nil, problemOf(pod))
}
