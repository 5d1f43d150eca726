package controllers

import (
	"context"

	"github.com/lfs-operator/lfs-operator/api/v1alpha1"
	"github.com/lfs-operator/lfs-operator/internal/desired"
)

// runGC starts a garbage collection when the annotation has a new value. It
// waits for a server that can take the scan.
func (r *LFSRepositoryReconciler) runGC(ctx context.Context, p *pass) error {
	request := p.repo.Annotations[v1alpha1.AnnotationRunGC]
	if request == "" || p.repo.Spec.Suspend || p.in.Store != nil && p.in.Store.SuspendsGC() || !p.server.inForce || !p.storeReady() {
		return nil
	}
	if p.repo.Status.GC != nil && p.repo.Status.GC.LastHandledRequest == request {
		return nil
	}
	before := len(p.problems)
	if err := r.sortErrors(p, r.Applier.Create(ctx, desired.GCJob(p.in, request))); err != nil {
		return err
	}
	if len(p.problems) > before {
		return nil // refused; asked again
	}
	p.gcStatus().LastHandledRequest = request
	p.event(normal, "GarbageCollectionStarted", "RunGC", "Job %s runs garbage collection, as asked by annotation",
		desired.GCJobName(p.repo.Name, request))
	return nil
}
