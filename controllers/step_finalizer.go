package controllers

import (
	"context"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"github.com/lfs-operator/lfs-operator/api/v1alpha1"
)

// ourFinalizers are all that the operator sets.
var ourFinalizers = []string{v1alpha1.FinalizerData, v1alpha1.FinalizerServer}

// finalizer sets one exactly while the data is to be deleted with the resource,
// and one where owner references do not reach what runs; both before anything is
// written there.
func (r *LFSRepositoryReconciler) finalizer(ctx context.Context, p *pass) error {
	return r.patchFinalizers(ctx, p, map[string]bool{
		v1alpha1.FinalizerData:   p.repo.Spec.DeletionPolicy == v1alpha1.DeletionDelete,
		v1alpha1.FinalizerServer: p.in.Apart(),
	})
}

// patchFinalizers changes the finalizers in the cluster and in the pass.
func (r *LFSRepositoryReconciler) patchFinalizers(ctx context.Context, p *pass, wanted map[string]bool) error {
	patched := p.live.DeepCopy()
	changed := false
	for _, finalizer := range ourFinalizers {
		change := controllerutil.RemoveFinalizer
		if wanted[finalizer] {
			change = controllerutil.AddFinalizer
		}
		changed = change(patched, finalizer) || changed
	}
	if !changed {
		return nil
	}
	patch := client.MergeFromWithOptions(p.live, client.MergeFromWithOptimisticLock{})
	if err := r.Patch(ctx, patched, patch, client.FieldOwner(fieldManager)); apierrors.IsNotFound(err) {
		p.live = patched // gone already, and the cache does not know it yet
		return errGone
	} else if err != nil {
		return err
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
