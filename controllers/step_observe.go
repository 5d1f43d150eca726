package controllers

import (
	"cmp"
	"context"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lfs-operator/lfs-operator/internal/desired"
)

// observe reads Deployment, HTTPRoute, pods and Jobs from the cache.
func (r *LFSRepositoryReconciler) observe(ctx context.Context, p *pass) error {
	deployment, err := r.deploymentOf(ctx, p, p.repo.Placement().Name)
	if err != nil {
		return err
	}
	at := p.in.Server()
	p.deployment = deployment
	if p.route, err = r.ownRoute(ctx, p); err != nil {
		return err
	}
	p.pods, p.jobs, p.observed = nil, nil, true
	for _, namespace := range p.namespaces() {
		mine := []client.ListOption{client.InNamespace(namespace), p.mine()}
		var pods corev1.PodList
		if err := r.List(ctx, &pods, mine...); err != nil {
			return err
		}
		var jobs batchv1.JobList
		if err := r.List(ctx, &jobs, mine...); err != nil {
			return err
		}
		if namespace != at.Namespace {
			// Servers run elsewhere: what calls itself one here must not be asked,
			// since it would be told the token, and believed.
			pods.Items = slices.DeleteFunc(pods.Items, func(pod corev1.Pod) bool { return isServer(&pod) })
		}
		p.pods, p.jobs = append(p.pods, pods.Items...), append(p.jobs, jobs.Items...)
	}
	if err := r.observeShared(ctx, p); err != nil {
		return err
	}
	slices.SortFunc(p.pods, func(a, b corev1.Pod) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(p.jobs, func(a, b batchv1.Job) int { return cmp.Compare(a.Name, b.Name) })
	return nil
}

// ownDeployment is the repository's, as the cache shows it; nil while there is none.
func (r *LFSRepositoryReconciler) ownDeployment(ctx context.Context, p *pass) (*appsv1.Deployment, error) {
	deployment := &appsv1.Deployment{}
	at := p.in.Server()
	err := r.Get(ctx, client.ObjectKey{Namespace: at.Namespace, Name: desired.ServerName(at.Base)}, deployment)
	if err != nil || !r.Applier.Owns(p.live, deployment) {
		return nil, client.IgnoreNotFound(err)
	}
	return deployment, nil
}

// ownRoute is the repository's HTTPRoute, as the cache shows it; nil where there is
// none, or none is asked for.
func (r *LFSRepositoryReconciler) ownRoute(ctx context.Context, p *pass) (*httpRoute, error) {
	if !p.in.GatewayAPI || p.in.Exposure().HTTPRoute == nil {
		return nil, nil
	}
	route := &httpRoute{}
	at := p.in.Server()
	err := r.Get(ctx, client.ObjectKey{Namespace: at.Namespace, Name: desired.ServerName(at.Base)}, route)
	if err != nil || !r.Applier.Owns(p.live, route) {
		return nil, client.IgnoreNotFound(err)
	}
	return route, nil
}

// serverPods are the pods that clients are sent to, but for those on their way out.
func (p *pass) serverPods() []corev1.Pod { return p.podsOf(p.repo.Placement().Name) }

// pod finds a server's pod by its name.
func (p *pass) pod(name string) *corev1.Pod {
	for i := range p.pods {
		if p.pods[i].Name == name && isServer(&p.pods[i]) && p.pods[i].DeletionTimestamp == nil {
			return &p.pods[i]
		}
	}
	return nil
}

// rollout says how far the Deployment is.
type rollout struct {
	// current is true when the Deployment controller has seen the last change
	// and all pods are made from it.
	current bool
	// wanted and available pods of it.
	wanted, available int32
}

func (p *pass) rollout() rollout { return rolloutOf(p.deployment) }

func rolloutOf(d *appsv1.Deployment) rollout {
	if d == nil {
		return rollout{}
	}
	out := rollout{available: d.Status.AvailableReplicas}
	if d.Spec.Replicas != nil {
		out.wanted = *d.Spec.Replicas
	}
	out.current = d.Status.ObservedGeneration >= d.Generation &&
		d.Status.UpdatedReplicas == d.Status.Replicas && d.Status.UpdatedReplicas >= out.wanted
	return out
}
