package controllers

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
)

// podChanged passes those changes of pods on that a pass would see. Kubelets
// report more than that.
func podChanged() predicate.Predicate {
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		before, ok1 := e.ObjectOld.(*corev1.Pod)
		after, ok2 := e.ObjectNew.(*corev1.Pod)
		return !ok1 || !ok2 || podFace(before) != podFace(after)
	}}
}

// podFace is what a pass looks at in a pod.
func podFace(pod *corev1.Pod) string {
	return fmt.Sprint(pod.Status.Phase, pod.Status.PodIP, podReady(pod), pod.DeletionTimestamp != nil, problemOf(pod))
}
