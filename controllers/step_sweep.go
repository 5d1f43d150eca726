package controllers

import (
	"context"

	batchv1 "k8s.io/api/batch/v1"

	"github.com/lfs-operator/lfs-operator/internal/desired"
)

// sweep follows a scan that has ended, where the two do not run beside each
// other: the scan with the tenant's Git credentials, the sweep with the store's.
// Whoever may make Jobs in the tenant's namespace can ask for one; so only the
// newest scan is followed, and one sweep runs at a time.
func (r *LFSRepositoryReconciler) sweep(ctx context.Context, p *pass) error {
	if !p.in.Apart() || p.in.SuspendsGC() {
		return nil
	}
	scan := newestScan(p.jobs)
	if scan == nil || sweptBefore(p, scan.Name) {
		return nil
	}
	return r.sortErrors(p, r.Applier.Create(ctx, desired.SweepJob(p.in, scan.Name)))
}

// newestScan is the scan that ended well last.
func newestScan(jobs []batchv1.Job) *batchv1.Job {
	var newest *batchv1.Job
	for i := range jobs {
		job := &jobs[i]
		if done, _ := jobFinished(job); job.Labels[desired.LabelComponent] != desired.ComponentGC || done != batchv1.JobComplete {
			continue
		}
		if newest == nil || newest.CreationTimestamp.Before(&job.CreationTimestamp) {
			newest = job
		}
	}
	return newest
}

// sweptBefore is true for a run that was swept, and while a sweep is under way.
func sweptBefore(p *pass, run string) bool {
	if gc := p.repo.Status.GC; gc != nil && gc.LastRun != nil && gc.LastRun.ID == run {
		return true
	}
	for i := range p.jobs {
		job := &p.jobs[i]
		if job.Labels[desired.LabelComponent] != desired.ComponentSweep {
			continue
		}
		if done, _ := jobFinished(job); done == "" || job.Labels[desired.LabelRun] == run {
			return true
		}
	}
	return false
}

// runOf is the run that a Job belongs to: its own name, or that of its scan.
func runOf(job *batchv1.Job) string {
	if run := job.Labels[desired.LabelRun]; run != "" {
		return run
	}
	return job.Name
}
