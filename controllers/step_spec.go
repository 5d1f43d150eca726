package controllers

import (
	"context"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/lfs-operator/lfs-operator/api/v1alpha1"
)

// supported stops at a spec that asks for what this version does not do and
// that cannot be left out without doing something else than was asked for.
func (r *LFSRepositoryReconciler) supported(_ context.Context, p *pass) error {
	p.unsupported = p.repo.Spec.UnsupportedFields()
	var blocking []string
	for _, f := range p.unsupported {
		if f.Blocking {
			blocking = append(blocking, f.Path+" is not supported yet: "+f.Remedy)
		}
	}
	if len(blocking) > 0 {
		return &stalledError{v1alpha1.ReasonFieldNotSupported, strings.Join(blocking, "; ")}
	}
	return nil
}

// policy resolves the values that apply, and shows them in status.
func (r *LFSRepositoryReconciler) policy(_ context.Context, p *pass) error {
	p.in.Repository = p.live
	p.in.Install = r.Install
	var defaults *v1alpha1.PolicyDefaults
	if p.in.Store != nil {
		defaults = p.in.Store.PolicyDefaults()
	}
	p.in.Policy = v1alpha1.ResolvePolicy(p.live, defaults)
	if p.in.Store != nil && len(p.in.Store.Exceeds(p.live, p.in.Policy)) > 0 {
		return nil // the policy in force is the one before
	}
	p.repo.Status.Policy = p.in.Policy.DeepCopy()
	return nil
}

// location pins where the data lies the first time that it is known. From then
// on status says it, whatever becomes of the spec.
func (r *LFSRepositoryReconciler) location(_ context.Context, p *pass) error {
	if p.repo.Status.Location == nil {
		p.repo.Status.Location = resolveLocation(p.repo, p.in.Store)
		p.persist = true
	}
	p.in.Location = *p.repo.Status.Location
	p.repo.Status.Endpoints = p.in.EndpointStatus()
	p.repo.Status.URL = p.repo.Status.Endpoints[0].URL
	return nil
}

func resolveLocation(repo *v1alpha1.LFSRepository, store *v1alpha1.LFSStore) *v1alpha1.Location {
	if store != nil {
		location := store.Place(repo)
		return &location
	}
	return &v1alpha1.Location{Endpoint: repo.Spec.Storage.Endpoint, Bucket: repo.Spec.Bucket, Prefix: repo.OwnPrefix()}
}

// persisted writes the status now when it holds something new that the next steps
// rely on: intents to create Secrets, token generations, the location. What the
// conditions say is decided at the end of the pass; but no status is without Ready.
func (r *LFSRepositoryReconciler) persisted(ctx context.Context, p *pass) error {
	if !p.persist {
		return nil
	}
	if len(p.repo.Status.Conditions) == 0 {
		ready := readiness(p, errPersistFirst)
		p.put(v1alpha1.ConditionReady, ready)
		p.put(v1alpha1.ConditionReconciling, reconciling(ready))
		p.put(v1alpha1.ConditionStalled, stalled(ready))
		p.repo.Status.ObservedGeneration = p.repo.Generation
	}
	switch err := r.updateStatus(ctx, p); {
	case apierrors.IsConflict(err):
		return errPersistFirst // somebody was quicker; look again
	case apierrors.IsNotFound(err):
		return errGone
	case err != nil:
		return err
	}
	p.live, p.persist = p.repo.DeepCopy(), false
	p.in.Repository = p.live
	return nil
}
