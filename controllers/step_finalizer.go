package controllers

import (
	"context"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"github.com/lfs-operator/lfs-operator/api/v1alpha1"
)

// ourFinalizers are all that the operator sets.
var ourFinalizers = []string{v1alpha1.FinalizerData, v1alpha1.FinalizerServer}

// finalizer sets one exactly while the data is to be deleted with the resource,
// and one where owner references do not reach what runs; both before anything is
// written there. What a new repository has to record goes along.
func (r *LFSRepositoryReconciler) finalizer(ctx context.Context, p *pass) error {
	patched := p.live.DeepCopy()
	if !setFinalizers(patched, map[string]bool{
		v1alpha1.FinalizerData:   p.repo.Spec.DeletionPolicy == v1alpha1.DeletionDelete,
		v1alpha1.FinalizerServer: p.in.Apart(),
	}) {
		return nil
	}
	records := p.persist && p.live.Status.Location == nil
	if records {
		sealed, err := r.sealRecord(p.repo)
		if err != nil {
			return err
		}
		metav1.SetMetaDataAnnotation(&patched.ObjectMeta, annotationRecord, sealed)
	}
	if err := r.patchMeta(ctx, p, patched); err != nil {
		return err
	}
	if records {
		p.persist, p.recorded = false, true
	}
	return nil
}

// setFinalizers tells whether that changed anything.
func setFinalizers(repo *v1alpha1.LFSRepository, wanted map[string]bool) (changed bool) {
	for _, finalizer := range ourFinalizers {
		change := controllerutil.RemoveFinalizer
		if wanted[finalizer] {
			change = controllerutil.AddFinalizer
		}
		changed = change(repo, finalizer) || changed
	}
	return changed
}

// patchMeta brings changed metadata into the cluster and into the pass.
func (r *LFSRepositoryReconciler) patchMeta(ctx context.Context, p *pass, patched *v1alpha1.LFSRepository) error {
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
