package controllers

import (
	"context"

	"github.com/lfs-operator/lfs-operator/api/v1alpha1"
	"github.com/lfs-operator/lfs-operator/internal/desired"
)

// gcRequest asks for one garbage collection.
type gcRequest struct {
	// id tells it from all others; the Job is named by it.
	id string
	// by says for people how it came.
	by string
	// handled is where status remembers the last one that came this way.
	handled func(*v1alpha1.GCStatus) *string
}

// gcRequests are what the annotation asks for and what somebody asked a server.
// A request to the server that a newer run has answered is none any more.
func (p *pass) gcRequests() []gcRequest {
	var out []gcRequest
	if id := p.repo.Annotations[v1alpha1.AnnotationRunGC]; id != "" {
		out = append(out, gcRequest{id, "by annotation", func(s *v1alpha1.GCStatus) *string { return &s.LastHandledRequest }})
	}
	if q := p.server.gcRequest; q != nil && !q.ServedBy(p.server.gc) {
		out = append(out, gcRequest{q.ID, "by " + q.By + " at the server", func(s *v1alpha1.GCStatus) *string { return &s.LastServerRequest }})
	}
	return out
}

// runGC starts a garbage collection for each request that is new. It waits for a
// server that can take the scan.
func (r *LFSRepositoryReconciler) runGC(ctx context.Context, p *pass) error {
	if p.in.SuspendsGC() || !p.server.inForce || !p.storeReady() {
		return nil
	}
	for _, request := range p.gcRequests() {
		if p.repo.Status.GC != nil && *request.handled(p.repo.Status.GC) == request.id {
			continue
		}
		before := len(p.problems)
		if err := r.sortErrors(p, r.Applier.Create(ctx, desired.GCJob(p.in, request.id))); err != nil {
			return err
		}
		if len(p.problems) > before {
			continue // refused; asked again
		}
		*request.handled(p.gcStatus()) = request.id
		p.event(normal, "GarbageCollectionStarted", "RunGC", "Job %s runs garbage collection, as asked %s",
			desired.GCJobName(p.repo.Name, request.id), request.by)
	}
	return nil
}
