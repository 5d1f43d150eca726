package controllers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
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
// only data that is to be deleted, and what runs where those do not reach, needs
// the operator.
func (r *LFSRepositoryReconciler) deletionSteps() []step {
	return []step{
		{"letGo", r.letGo},
		{"policy", r.policy},
		{"stopServer", r.stopServer},
		{"purge", r.purge},
		{"clear", r.clear},
		{"release", r.release},
	}
}

// letGo releases a repository of which nothing is to be taken down, and decides
// whether the data can be.
func (r *LFSRepositoryReconciler) letGo(ctx context.Context, p *pass) error {
	r.Poller.Forget(p.key())
	placed := p.repo.Status.Location
	switch {
	case !slices.ContainsFunc(ourFinalizers, func(f string) bool { return controllerutil.ContainsFinalizer(p.repo, f) }):
		return errGone
	case placed == nil:
		p.event(normal, "NothingToDelete", "Delete", "no data was ever placed; nothing is deleted")
		return r.release(ctx, p)
	}
	p.in.Repository, p.in.Install, p.in.Location = p.live, r.Install, *placed
	if at := p.repo.Placement(); at.Name != v1alpha1.ServerOwn {
		p.in.Clients = at.Name
	}
	if p.repo.Spec.DeletionPolicy == v1alpha1.DeletionDelete {
		why, err := r.mustRetain(ctx, p)
		if err != nil {
			return err
		}
		if p.purges = why == ""; !p.purges {
			p.retained = fmt.Sprintf("%s, so no Job can delete the data; it stays under prefix %q of bucket %q", why, placed.Prefix, placed.Bucket)
		}
	}
	if !p.purges && !p.in.Apart() {
		return r.release(ctx, p)
	}
	return nil
}

// mustRetain says why the data cannot be deleted, or nothing. The resource must
// not hold up a namespace, or wait for a store that nobody knows any more.
func (r *LFSRepositoryReconciler) mustRetain(ctx context.Context, p *pass) (string, error) {
	if p.repo.Spec.Storage == nil {
		store, err := r.findStore(ctx, p)
		if err != nil {
			return "", err
		}
		if p.in.Store = store; store == nil {
			return fmt.Sprintf("the LFSStore %q is gone", p.in.Location.Store), nil
		}
		p.in.GrantKey = r.Master.GrantKey(string(store.UID))
	}
	at := p.in.Server()
	if !r.Watched(at.Namespace) {
		return "the operator does not look after the namespace that the server runs in", nil
	}
	probe := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Namespace: at.Namespace, Name: desired.PurgeJobName(at.Base) + "-probe"}}
	switch err := r.Create(ctx, probe, client.DryRunAll); {
	case apply.IsTerminating(err) && p.in.Apart():
		return "the namespace that the server runs in is being deleted", nil
	case apply.IsTerminating(err):
		return "the namespace is being deleted", nil
	case apierrors.IsNotFound(err):
		return "the namespace that the server runs in is gone", nil
	}
	return "", nil // any other answer comes from a namespace that lives
}

// errGone ends a pass over an object that the operator has no more to do with.
var errGone = &waitingError{v1alpha1.ReasonDeleting, "deleted", 0}

// stopServer ends everything that could still write to data that is to be
// deleted, and waits for its end.
func (r *LFSRepositoryReconciler) stopServer(ctx context.Context, p *pass) error {
	if !p.purges {
		return nil
	}
	at, tenant := p.in.Server(), p.in.Tenant()
	for kind, name := range map[schema.GroupVersionKind]types.NamespacedName{
		appsv1.SchemeGroupVersion.WithKind("Deployment"): {Namespace: at.Namespace, Name: desired.ServerName(at.Base)},
		batchv1.SchemeGroupVersion.WithKind("CronJob"):   {Namespace: tenant.Namespace, Name: desired.GCName(tenant.Base)},
	} {
		ref := apply.Ref{GroupVersionKind: kind, NamespacedName: name}
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
	if err := r.unserved(ctx, p); err != nil {
		return err
	}
	writers := 0
	for i := range p.pods {
		if kind := p.pods[i].Labels[desired.LabelComponent]; kind != desired.ComponentPurge && kind != desired.ComponentShared {
			writers++
		}
	}
	if writers > 0 {
		return &waitingError{v1alpha1.ReasonDeleting, fmt.Sprintf("%d pods of the server or of garbage collection are still ending", writers), 5 * time.Second}
	}
	return nil
}

// keepData is the way out for whoever waits for a deletion.
const keepData = "to keep the data instead, set spec.deletionPolicy to Retain"

// purge runs a Job that deletes everything under the prefix, again and again
// until one succeeds.
func (r *LFSRepositoryReconciler) purge(ctx context.Context, p *pass) error {
	if !p.purges {
		return nil
	}
	var job *batchv1.Job
	for i := range p.jobs {
		if p.jobs[i].Labels[desired.LabelComponent] == desired.ComponentPurge {
			job = &p.jobs[i]
		}
	}
	if job == nil {
		return r.startPurge(ctx, p)
	}
	switch done, message := jobFinished(job); done {
	case batchv1.JobComplete:
		p.event(normal, "DataDeleted", "Purge", "everything under prefix %q of bucket %q has been deleted", p.in.Location.Prefix, p.in.Location.Bucket)
		return client.IgnoreNotFound(r.Delete(ctx, job, client.PropagationPolicy(metav1.DeletePropagationBackground)))
	case batchv1.JobFailed:
		// It goes by its time to live, and the next one takes its place.
		return &waitingError{v1alpha1.ReasonDeleting, fmt.Sprintf(
			"the data could not be deleted, which will be tried again: %s; %s", p.describeFailure(job, message), keepData), recheck}
	default:
		if account := desired.PurgeAccount(p.in, job); account != nil {
			if err := r.sortErrors(p, r.Applier.Create(ctx, account)); err != nil {
				return err
			}
		}
		return &waitingError{v1alpha1.ReasonDeleting, fmt.Sprintf("Job %s deletes the data; %s", job.Name, keepData), recheck}
	}
}

func (r *LFSRepositoryReconciler) startPurge(ctx context.Context, p *pass) error {
	job, err := desired.PurgeJob(p.in)
	if err != nil {
		return err
	}
	if err := r.Applier.Create(ctx, job); err != nil {
		before := len(p.problems)
		if err = r.sortErrors(p, err); err == nil && len(p.problems) > before {
			return &waitingError{v1alpha1.ReasonDeleting, p.problems[before].message + "; " + keepData, recheck}
		}
		return err
	}
	return &waitingError{v1alpha1.ReasonDeleting, "deleting the data; " + keepData, recheck}
}

// clear removes what owner references do not reach. It waits for nothing: the
// cluster ends pods by itself.
func (r *LFSRepositoryReconciler) clear(ctx context.Context, p *pass) error {
	at := p.in.Server()
	if at.Namespace == p.repo.Namespace || !r.Watched(at.Namespace) {
		return nil
	}
	kinds, err := r.kinds(ctx, p)
	if err != nil {
		return err
	}
	errs := []error{r.Applier.Prune(ctx, p.live, at.Namespace, kinds, nil, p.mine())}
	for _, name := range p.repo.Placement().Shared() {
		errs = append(errs, r.leave(ctx, p, name))
	}
	var jobs batchv1.JobList
	if err := r.List(ctx, &jobs, client.InNamespace(at.Namespace), p.mine()); err != nil {
		return err
	}
	for i := range jobs.Items {
		errs = append(errs, client.IgnoreNotFound(r.Delete(ctx, &jobs.Items[i], client.PropagationPolicy(metav1.DeletePropagationBackground))))
	}
	for _, record := range p.repo.Status.Secrets {
		if record.Namespace == at.Namespace {
			_, err := r.deleteSecret(ctx, p, record)
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// release removes our finalizers; the API server does the rest.
func (r *LFSRepositoryReconciler) release(ctx context.Context, p *pass) error {
	patched := p.live.DeepCopy()
	if setFinalizers(patched, nil) {
		if err := r.patchMeta(ctx, p, patched); err != nil {
			return err
		}
	}
	r.memory.of(p.key(), p.repo.UID).released = true
	if p.retained != "" {
		p.event(warning, "DataRetained", "Delete", "%s", p.retained)
	}
	r.send(p)
	p.events = nil
	return errGone
}
