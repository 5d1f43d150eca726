package controllers

import (
	"context"
	"errors"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

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
	mounts := p.set.ConfigHash
	if keys := secretRecord(p.repo, desired.KeysSecretName(p.in.Server().Base)); keys != nil {
		mounts += "." + keys.UID
	}
	mem := r.memory.of(p.key(), p.repo.UID)
	for _, a := range r.Poller.Answers(p.key()) {
		pod := p.pod(a.Target.Name)
		if pod == nil || upToDate(a, p.set.ConfigHash) || pod.Annotations[annotationMounts] == mounts || mem.nudged[pod.UID] == mounts {
			continue
		}
		patch := fmt.Appendf(nil, `{"metadata":{"uid":%q,"annotations":{%q:%q}}}`, pod.UID, annotationMounts, mounts)
		target := &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Namespace: pod.Namespace, Name: pod.Name}}
		target.SetGroupVersionKind(podKind)
		err := r.Patch(ctx, target, client.RawPatch(types.MergePatchType, patch), client.FieldOwner(fieldManager))
		if client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("Pod/%s: %w", pod.Name, err)
		}
		mem.nudged[pod.UID] = mounts
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
