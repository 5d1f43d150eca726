package controllers

import (
	"context"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// annotationConfig on a pod names the configuration that it was last asked to
// look at. It means nothing to the server.
const annotationConfig = "lfs-operator.dev/config"

// nudge makes a changed configuration reach a pod at once. The kubelet refreshes
// mounted files of a pod whenever the pod changes, and else about once a minute:
// so each pod that still works by another configuration gets an annotation, once
// per configuration.
func (r *LFSRepositoryReconciler) nudge(ctx context.Context, p *pass) error {
	if p.server.inForce || p.server.answered == 0 {
		return nil
	}
	mem := r.memory.of(p.key(), p.repo.UID)
	pods := p.serverPods()
	for i := range pods {
		pod := &pods[i]
		if pod.Annotations[annotationConfig] == p.set.ConfigHash || mem.nudged[pod.UID] == p.set.ConfigHash || r.hasLoaded(p, pod.Name) {
			continue
		}
		patch := fmt.Appendf(nil, `{"metadata":{"uid":%q,"annotations":{%q:%q}}}`, pod.UID, annotationConfig, p.set.ConfigHash)
		target := &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Namespace: pod.Namespace, Name: pod.Name}}
		target.SetGroupVersionKind(podKind)
		if err := r.Patch(ctx, target, client.RawPatch(mergePatch, patch), client.FieldOwner(fieldManager)); client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("Pod/%s: %w", pod.Name, err)
		}
		mem.nudged[pod.UID] = p.set.ConfigHash
	}
	return nil
}

// hasLoaded is true for a pod that answered with the wanted configuration, or
// has not answered yet: that one is starting and reads the newest anyway.
func (r *LFSRepositoryReconciler) hasLoaded(p *pass, pod string) bool {
	for _, a := range r.Poller.Answers(p.key()) {
		if a.Target.Name == pod && a.Err == nil {
			return a.Status.Config.Hash == p.set.ConfigHash
		}
	}
	return true
}
