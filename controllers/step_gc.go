package controllers

import (
	"context"
	"fmt"
	"slices"
	"time"

	batchv1 "k8s.io/api/batch/v1"

	"github.com/lfs-operator/lfs-operator/api/v1alpha1"
	"github.com/lfs-operator/lfs-operator/internal/desired"
	"github.com/lfs-operator/lfs-operator/internal/serverstatus"
)

// gcRequest asks for one garbage collection.
type gcRequest struct {
	// id tells it from all others; the Job is named by it.
	id string
	// by says for people how it came.
	by string
	// handled is where status remembers the last one that came this way.
	handled func(*v1alpha1.GCStatus) *string
	// kind keeps the IDs of one way apart from those of the others; empty for those
	// that people choose.
	kind string
}

// job is what the Job is named by.
func (g gcRequest) job() string { return g.kind + g.id }

// gcRequests are what the annotation asks for and what somebody asked a server.
// A request to the server that a newer run has answered is none any more.
func (p *pass) gcRequests() []gcRequest {
	var out []gcRequest
	if id := p.repo.Annotations[v1alpha1.AnnotationRunGC]; id != "" {
		out = append(out, gcRequest{id, "by annotation", func(s *v1alpha1.GCStatus) *string { return &s.LastHandledRequest }, ""})
	}
	if q := p.server.gcRequest; q != nil && !q.ServedBy(p.server.gc) {
		out = append(out, gcRequest{q.ID, "by " + q.By + " at the server", func(s *v1alpha1.GCStatus) *string { return &s.LastServerRequest }, ""})
	}
	if id, by := p.uploadsRequest(); id != "" {
		out = append(out, gcRequest{id, by, func(s *v1alpha1.GCStatus) *string { return &s.LastUploadsRequest }, "uploads after "})
	}
	return out
}

// uploadsPause is the least time between the end of a run and one that uploads
// start.
const uploadsPause = 10 * time.Minute

// uploadsRequest asks for a run when enough has been uploaded since the last one
// (gc.afterUploads). What is compared are two counts of the store, so nothing is
// forgotten in a restart, and what was deleted by hand counts against it.
//
// One run asks for one more at most; after one that did not come to its end the
// schedule tries again, or a person: uploads would do so all day.
func (p *pass) uploadsRequest() (id, by string) {
	gc, usage, last := p.repo.Spec.GC, p.server.usage, p.server.gc
	if gc == nil || gc.AfterUploads == nil || usage == nil || p.runUnderWay() {
		return "", ""
	}
	grown, after := usage.Objects, "the first"
	if last != nil {
		if last.Outcome != serverstatus.GCSucceeded {
			return "", ""
		}
		if !usage.CountedAt.After(last.FinishedAt) {
			p.again(uploadsPause) // the server counts again before that
			return "", ""
		}
		grown, after = usage.Objects-last.Objects, last.ID
	}
	if grown < int64(*gc.AfterUploads) {
		return "", ""
	}
	if last != nil {
		if wait := last.FinishedAt.Add(uploadsPause).Sub(p.now); wait > 0 {
			p.again(wait)
			return "", ""
		}
	}
	return after, fmt.Sprintf("by gc.afterUploads: %d objects have come since", grown)
}

// runUnderWay is true while a scan or a sweep runs.
func (p *pass) runUnderWay() bool {
	return slices.ContainsFunc(p.jobs, func(job batchv1.Job) bool {
		kind := job.Labels[desired.LabelComponent]
		done, _ := jobFinished(&job)
		return done == "" && (kind == desired.ComponentGC || kind == desired.ComponentSweep)
	})
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
		if err := r.sortErrors(p, r.Applier.Create(ctx, desired.GCJob(p.in, request.job()))); err != nil {
			return err
		}
		if len(p.problems) > before {
			continue // refused; asked again
		}
		*request.handled(p.gcStatus()) = request.id
		p.event(normal, "GarbageCollectionStarted", "RunGC", "Job %s runs garbage collection, as asked %s",
			desired.GCJobName(p.repo.Name, request.job()), request.by)
	}
	return nil
}
