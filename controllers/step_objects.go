package controllers

import (
	"context"
	"errors"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lfs-operator/lfs-operator/internal/desired"
)

// childKinds are the kinds that are applied, and pruned when no longer wanted.
var childKinds = []schema.GroupVersionKind{
	corev1.SchemeGroupVersion.WithKind("ConfigMap"),
	corev1.SchemeGroupVersion.WithKind("ServiceAccount"),
	corev1.SchemeGroupVersion.WithKind("Service"),
	appsv1.SchemeGroupVersion.WithKind("Deployment"),
	batchv1.SchemeGroupVersion.WithKind("CronJob"),
	networkingv1.SchemeGroupVersion.WithKind("NetworkPolicy"),
	networkingv1.SchemeGroupVersion.WithKind("Ingress"),
	policyv1.SchemeGroupVersion.WithKind("PodDisruptionBudget"),
	autoscalingv2.SchemeGroupVersion.WithKind("HorizontalPodAutoscaler"),
	rbacv1.SchemeGroupVersion.WithKind("RoleBinding"),
}

// kinds that are applied and pruned in this cluster.
func (r *LFSRepositoryReconciler) kinds(ctx context.Context, p *pass) ([]schema.GroupVersionKind, error) {
	here, err := r.gateway.here(ctx, p.now)
	if here {
		return append(slices.Clone(childKinds), desired.HTTPRouteKind), err
	}
	return childKinds, err
}

// build makes the desired objects.
func (r *LFSRepositoryReconciler) build(ctx context.Context, p *pass) error {
	if server := p.live.Spec.Server; server != nil && server.Autoscaling != nil {
		deployment, err := r.ownDeployment(ctx, p)
		if err != nil {
			return err
		}
		if deployment != nil {
			p.in.Scaled = ptr.Deref(deployment.Spec.Replicas, 0)
		}
	}
	here, err := r.gateway.here(ctx, p.now)
	if err != nil {
		return err
	}
	if p.in.GatewayAPI = here; !here && p.in.Exposure().HTTPRoute != nil {
		p.again(gatewayRecheck) // nothing tells of a new kind
	}
	p.set, err = r.sets.of(p.in)
	return err
}

// apply brings them into the cluster. One that is foreign or refused does not
// keep the others away, but no pod is made that could not run: what stood in its
// way would have to be found out by the kubelet, again and again.
func (r *LFSRepositoryReconciler) apply(ctx context.Context, p *pass) error {
	before := len(p.problems)
	if err := r.sortErrors(p, r.Applier.Apply(ctx, p.live, p.set.Base)); err != nil {
		return err
	}
	objects := p.set.Rest
	if len(p.problems) == before {
		objects = slices.Concat(p.set.Workloads, p.set.Rest)
	}
	return r.sortErrors(p, r.Applier.Apply(ctx, p.live, objects))
}

// prune removes what earlier generations of the spec wanted.
func (r *LFSRepositoryReconciler) prune(ctx context.Context, p *pass) error {
	kinds, err := r.kinds(ctx, p)
	if err != nil {
		return err
	}
	var errs []error
	for _, namespace := range p.namespaces() {
		errs = append(errs, r.Applier.Prune(ctx, p.live, namespace, kinds, p.set.All(), p.mine()))
	}
	return r.sortErrors(p, errors.Join(errs...))
}

// mine finds all that belongs to the repository.
func (p *pass) mine() client.ListOption {
	return client.MatchingFields{byOwner: string(p.repo.UID)}
}

// namespaces that hold something of the repository's.
func (p *pass) namespaces() []string {
	return slices.Compact([]string{p.in.Tenant().Namespace, p.in.Server().Namespace})
}
