package controllers

import (
	"context"
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"github.com/lfs-operator/lfs-operator/api/v1alpha1"
	"github.com/lfs-operator/lfs-operator/internal/apply"
	"github.com/lfs-operator/lfs-operator/internal/desired"
)

// deletionSteps take a repository down. Children go by their owner references;
// only data that is to be deleted needs the operator.
func (r *LFSRepositoryReconciler) deletionSteps() []step {
	return []step{
		{"letGo", r.letGo},
		{"policy", r.policy},
		{"stopServer", r.stopServer},
		{"purge", r.purge},
		{"release", r.release},
	}
}

// letGo releases a repository whose data stays, was never placed, or cannot be
// reached any more through this spec.
func (r *LFSRepositoryReconciler) letGo(ctx context.Context, p *pass) error {
	r.Poller.Forget(p.key())
	switch {
	case !controllerutil.ContainsFinalizer(p.repo, v1alpha1.FinalizerData):
		return errGone
	case p.repo.Spec.DeletionPolicy != v1alpha1.DeletionDelete:
		return r.release(ctx, p)
	case p.repo.Status.Location == nil || p.repo.Spec.Storage == nil:
		p.event(normal, "NothingToDelete", "Delete", "no data was ever placed; nothing is deleted")
		return r.release(ctx, p)
	}
	p.in.Repository, p.in.Install, p.in.Location = p.live, r.Install, *p.repo.Status.Location
	return r.namespaceLives(ctx, p)
}

// namespaceLives releases a repository whose namespace is being deleted: no Job
// can run there any more, and the resource must not hold up the namespace.
func (r *LFSRepositoryReconciler) namespaceLives(ctx context.Context, p *pass) error {
	probe := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Namespace: p.repo.Namespace, Name: desired.PurgeJobName(p.repo.Name) + "-probe"}}
	if err := r.Create(ctx, probe, client.DryRunAll); !apply.IsTerminating(err) {
		return nil // any other answer comes from a namespace that lives
	}
	p.event(warning, "DataRetained", "Delete", "the namespace is being deleted, so no Job can delete the data; it stays under prefix %q of bucket %q",
		p.in.Location.Prefix, p.in.Location.Bucket)
	return r.release(ctx, p)
}

// errGone ends a pass over an object that the operator has no more to do with.
var errGone = &waitingError{v1alpha1.ReasonDeleting, "deleted", 0}

// stopServer ends everything that could still write, and waits for its end.
func (r *LFSRepositoryReconciler) stopServer(ctx context.Context, p *pass) error {
	for kind, name := range map[schema.GroupVersionKind]string{
		appsv1.SchemeGroupVersion.WithKind("Deployment"): desired.ServerName(p.repo.Name),
		batchv1.SchemeGroupVersion.WithKind("CronJob"):   desired.GCName(p.repo.Name),
	} {
		ref := apply.Ref{GroupVersionKind: kind, NamespacedName: types.NamespacedName{Namespace: p.repo.Namespace, Name: name}}
		if err := r.Applier.Delete(ctx, p.live, ref); err != nil {
			return err
		}
	}
	if err := r.observe(ctx, p); err != nil {
		return err
	}
	for i := range p.jobs {
		job := &p.jobs[i]
		if job.Labels[desired.LabelComponent] == desired.ComponentPurge || job.DeletionTimestamp != nil {
			continue
		}
		if err := r.Delete(ctx, job, client.PropagationPolicy(metav1.DeletePropagationBackground)); client.IgnoreNotFound(err) != nil {
			return err
		}
	}
	writers := 0
	for i := range p.pods {
		if p.pods[i].Labels[desired.LabelComponent] != desired.ComponentPurge {
			writers++
		}
	}
	if writers > 0 {
		return &waitingError{v1alpha1.ReasonDeleting, fmt.Sprintf("%d pods of the server or of garbage collection are still ending", writers), 5 * time.Second}
	}
	return nil
}

// purge runs a Job that deletes everything under the prefix, again and again
// until one succeeds.
func (r *LFSRepositoryReconciler) purge(ctx context.Context, p *pass) error {
	var job *batchv1.Job
	for i := range p.jobs {
		if p.jobs[i].Labels[desired.LabelComponent] == desired.ComponentPurge {
			job = &p.jobs[i]
		}
	}
	const wayOut = "to keep the data instead, set spec.deletionPolicy to Retain"
	if job == nil {
		return r.startPurge(ctx, p, wayOut)
	}
	switch done, message := jobFinished(job); done {
	case batchv1.JobComplete:
		p.event(normal, "DataDeleted", "Purge", "everything under prefix %q of bucket %q has been deleted", p.in.Location.Prefix, p.in.Location.Bucket)
		return client.IgnoreNotFound(r.Delete(ctx, job, client.PropagationPolicy(metav1.DeletePropagationBackground)))
	case batchv1.JobFailed:
		// It goes by its time to live, and the next one takes its place.
		return &waitingError{v1alpha1.ReasonDeleting, fmt.Sprintf(
			"the data could not be deleted, which will be tried again: %s; %s", p.describeFailure(job, message), wayOut), recheck}
	default:
		return &waitingError{v1alpha1.ReasonDeleting, fmt.Sprintf("Job %s deletes the data; %s", job.Name, wayOut), recheck}
	}
}

func (r *LFSRepositoryReconciler) startPurge(ctx context.Context, p *pass, wayOut string) error {
	job, err := desired.PurgeJob(p.in)
	if err != nil {
		return err
	}
	if err := r.Applier.Create(ctx, job); err != nil {
		before := len(p.problems)
		if err = r.sortErrors(p, err); err == nil && len(p.problems) > before {
			return &waitingError{v1alpha1.ReasonDeleting, p.problems[before].message + "; " + wayOut, recheck}
		}
		return err
	}
	return &waitingError{v1alpha1.ReasonDeleting, "deleting the data; " + wayOut, recheck}
}

// release removes the finalizer; the API server does the rest.
func (r *LFSRepositoryReconciler) release(ctx context.Context, p *pass) error {
	if controllerutil.ContainsFinalizer(p.repo, v1alpha1.FinalizerData) {
		if err := r.patchFinalizers(ctx, p, controllerutil.RemoveFinalizer); err != nil {
			return err
		}
	}
	r.send(p)
	p.events = nil
	return errGone
}
