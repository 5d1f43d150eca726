package controllers

import (
	"context"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"github.com/lfs-operator/lfs-operator/api/v1alpha1"
)

// finalizer is there exactly while the data is to be deleted with the resource,
// and before anything is written to the store.
func (r *LFSRepositoryReconciler) finalizer(ctx context.Context, p *pass) error {
	wanted := p.repo.Spec.DeletionPolicy == v1alpha1.DeletionDelete
	if controllerutil.ContainsFinalizer(p.repo, v1alpha1.FinalizerData) == wanted {
		return nil
	}
	if wanted {
		return r.patchFinalizers(ctx, p, controllerutil.AddFinalizer)
	}
	return r.patchFinalizers(ctx, p, controllerutil.RemoveFinalizer)
}

// patchFinalizers changes the finalizers in the cluster and in the pass.
func (r *LFSRepositoryReconciler) patchFinalizers(ctx context.Context, p *pass, change func(client.Object, string) bool) error {
	patched := p.live.DeepCopy()
	change(patched, v1alpha1.FinalizerData)
	patch := client.MergeFromWithOptions(p.live, client.MergeFromWithOptimisticLock{})
	if err := r.Patch(ctx, patched, patch, client.FieldOwner(fieldManager)); err != nil {
		return client.IgnoreNotFound(err)
	}
	// The status of the answer is what the cluster has; the pass keeps its own.
	status := p.repo.Status
	p.live = patched
	p.repo = patched.DeepCopy()
	p.repo.Status = status
	p.in.Repository = p.live
	r.memory.of(p.key(), p.repo.UID).version = patched.ResourceVersion
	return nil
}
