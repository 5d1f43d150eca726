package controllers

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lfs-operator/lfs-operator/api/v1alpha1"
	"github.com/lfs-operator/lfs-operator/controllers/poll"
	"github.com/lfs-operator/lfs-operator/internal/desired"
	"github.com/lfs-operator/lfs-operator/internal/serverstatus"
)

// annotationMounts on a pod names the configuration and keys that it was last
// asked to look at. It means nothing to the server.
const annotationMounts = "lfs-operator.dev/mounts"

// nudge makes changed files reach a pod at once. The kubelet refreshes what is
// mounted whenever a pod changes, and else about once a minute: so each pod that
// still works by something older gets an annotation, once per change.
func (r *LFSRepositoryReconciler) nudge(ctx context.Context, p *pass) error {
	keys := ""
	if record := secretRecord(p.repo, desired.KeysSecretName(p.in.Server().Base)); record != nil {
		keys = "." + record.UID
	}
	mem := r.memory.of(p.key(), p.repo.UID)
	for _, a := range r.Poller.Answers(p.key()) {
		pod := p.pod(a.Target.Name)
		if pod == nil {
			continue
		}
		hash := p.hashFor(serverOfPod(pod))
		mounts := hash + keys
		if hash == "" || upToDate(a, hash) || pod.Annotations[annotationMounts] == mounts || mem.nudged[pod.UID] == mounts {
			continue
		}
		if err := r.annotateMounts(ctx, pod, mounts); err != nil {
			return err
		}
		mem.nudged[pod.UID] = mounts
	}
	return r.nudgeRuns(ctx, p, p.set.ConfigHash+keys)
}

// serverOfPod names the server that a pod is of, as status does.
func serverOfPod(pod *corev1.Pod) string {
	if pod.Labels[desired.LabelComponent] == desired.ComponentShared {
		return pod.Labels[desired.LabelInstance]
	}
	return v1alpha1.ServerOwn
}

// nudgeRuns does so for runs of garbage collection: whoever stops them must not
// wait for a minute while they delete. One that was not seen before has begun with
// what is mounted now, unless that is to stop it.
func (r *LFSRepositoryReconciler) nudgeRuns(ctx context.Context, p *pass, mounts string) error {
	mem := r.memory.of(p.key(), p.repo.UID)
	maps.DeleteFunc(mem.nudged, func(uid types.UID, _ string) bool {
		return !slices.ContainsFunc(p.pods, func(pod corev1.Pod) bool { return pod.UID == uid })
	})
	for i := range p.pods {
		pod := &p.pods[i]
		kind := pod.Labels[desired.LabelComponent]
		if kind != desired.ComponentGC && kind != desired.ComponentSweep || pod.Status.Phase != corev1.PodRunning || pod.DeletionTimestamp != nil {
			continue
		}
		seen, known := mem.nudged[pod.UID]
		mem.nudged[pod.UID] = mounts
		if seen == mounts || !known && !p.in.SuspendsGC() {
			continue
		}
		if err := r.annotateMounts(ctx, pod, mounts); err != nil {
			return err
		}
	}
	return nil
}

// annotateMounts changes a pod, and nothing in it.
func (r *LFSRepositoryReconciler) annotateMounts(ctx context.Context, pod *corev1.Pod, mounts string) error {
	patch := fmt.Appendf(nil, `{"metadata":{"uid":%q,"annotations":{%q:%q}}}`, pod.UID, annotationMounts, mounts)
	target := &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Namespace: pod.Namespace, Name: pod.Name}}
	target.SetGroupVersionKind(podKind)
	err := r.Patch(ctx, target, client.RawPatch(types.MergePatchType, patch), client.FieldOwner(fieldManager))
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("Pod/%s: %w", pod.Name, err)
	}
	return nil
}

// upToDate is true for a server that works by the wanted configuration and keys.
// One that did not answer is not known to be behind: it may be starting, and
// then it reads the newest anyway.
func upToDate(a poll.Answer, hash string) bool {
	if a.Err != nil {
		return !errors.Is(a.Err, poll.ErrRefused)
	}
	reason := a.Status.Store.Reason
	return a.Status.Config.Hash == hash &&
		reason != serverstatus.ReasonSigningKeysMissing && reason != serverstatus.ReasonSigningKeysMismatched
}
