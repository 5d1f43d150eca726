package controllers

import (
	"context"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/lfs-operator/lfs-operator/api/v1alpha1"
	"github.com/lfs-operator/lfs-operator/controllers/poll"
	"github.com/lfs-operator/lfs-operator/internal/apply"
	"github.com/lfs-operator/lfs-operator/internal/derive"
	"github.com/lfs-operator/lfs-operator/internal/desired"
)

// reconcileTimeout ends a pass that hangs on the API server.
const reconcileTimeout = time.Minute

// Options of the controller.
type Options struct {
	// Master derives all secrets.
	Master *derive.Master
	// Install says how the operator was installed.
	Install desired.Install
	// Concurrency is how many LFSRepositories are reconciled at the same time.
	Concurrency int
	// Namespaces that are looked after; none: all.
	Namespaces []string
	// Targets overrides whom to poll; nil: PodTargets.
	Targets func(*v1alpha1.LFSRepository, []corev1.Pod) []poll.Target
}

// Setup adds the controller of LFSRepositories to a manager made with
// CacheOptions.
func Setup(mgr ctrl.Manager, opts Options) (*LFSRepositoryReconciler, error) {
	addHTTPRoutes(mgr.GetScheme())
	changed := make(chan event.TypedGenericEvent[types.NamespacedName], 1024)
	poller := poll.New(func(key types.NamespacedName) {
		changed <- event.TypedGenericEvent[types.NamespacedName]{Object: key}
	})
	r := &LFSRepositoryReconciler{
		Client: mgr.GetClient(),
		Applier: &apply.Applier{
			Writer: mgr.GetClient(),
			Cache:  metadataReader{mgr.GetClient()},
			Direct: mgr.GetAPIReader(),

			UIDLabel: v1alpha1.LabelRepositoryUID,
		},
		Poller:   poller,
		Recorder: mgr.GetEventRecorder(fieldManager),
		Master:   opts.Master,
		Install:  opts.Install,
		Targets:  opts.Targets,
		Watched:  watched(opts.Namespaces),
		Clock:    clock.RealClock{},
		sets:     newSets(),
	}
	if r.Targets == nil {
		r.Targets = PodTargets
	}
	if err := mgr.Add(manager.RunnableFunc(poller.Start)); err != nil {
		return nil, err
	}
	for _, kind := range append([]schema.GroupVersionKind{podKind, jobKind}, childKinds...) {
		if err := indexByOwner(context.Background(), mgr.GetFieldIndexer(), kind); err != nil {
			return nil, err
		}
	}
	if err := setupReviewers(mgr, opts.Namespaces); err != nil {
		return nil, err
	}
	if err := setupStores(mgr, r); err != nil {
		return nil, err
	}
	toRepository := handler.EnqueueRequestsFromMapFunc(repositoryOf)
	b := ctrl.NewControllerManagedBy(mgr).
		For(&v1alpha1.LFSRepository{}, builder.WithPredicates(specChanged())).
		Watches(&appsv1.Deployment{}, toRepository, builder.WithPredicates(r.deploymentChanged())).
		Watches(&corev1.Pod{}, toRepository, builder.WithPredicates(podChanged())).
		Watches(&batchv1.Job{}, toRepository).
		Watches(&v1alpha1.LFSStore{}, handler.EnqueueRequestsFromMapFunc(r.repositoriesOfStore), builder.WithPredicates(predicate.Or(specChanged(), sessionsChanged()))).
		WatchesMetadata(&corev1.Namespace{}, handler.EnqueueRequestsFromMapFunc(r.repositoriesInNamespace), builder.WithPredicates(predicate.LabelChangedPredicate{}))
	for _, child := range metadataOnly() {
		b = b.WatchesMetadata(child, toRepository, builder.WithPredicates(r.childChanged()))
	}
	toSharers := handler.EnqueueRequestsFromMapFunc(r.sharers)
	b = b.Watches(&appsv1.Deployment{}, toSharers, builder.WithPredicates(r.deploymentChanged())).
		Watches(&corev1.Pod{}, toSharers, builder.WithPredicates(podChanged())).
		WatchesMetadata(&corev1.ConfigMap{}, toSharers, builder.WithPredicates(cameOrWent()))
	c, err := b.
		WatchesRawSource(source.TypedChannel(changed, handler.TypedEnqueueRequestsFromMapFunc(
			func(_ context.Context, key types.NamespacedName) []reconcile.Request {
				return []reconcile.Request{{NamespacedName: key}}
			}))).
		WithOptions(controller.Options{
			MaxConcurrentReconciles: opts.Concurrency,
			ReconciliationTimeout:   reconcileTimeout,
		}).
		Build(r)
	if err != nil {
		return nil, err
	}
	r.gateway = newGatewayAPI(mgr, c)
	_, err = r.gateway.here(context.Background(), r.Clock.Now())
	return r, err
}

// metadataOnly are the children of which the operator needs no more than whose
// they are and in which version.
func metadataOnly() []client.Object {
	return []client.Object{
		&corev1.ConfigMap{},
		&corev1.ServiceAccount{},
		&corev1.Service{},
		&batchv1.CronJob{},
		&networkingv1.NetworkPolicy{},
		&networkingv1.Ingress{},
		&policyv1.PodDisruptionBudget{},
		&autoscalingv2.HorizontalPodAutoscaler{},
		&rbacv1.RoleBinding{},
	}
}

// repositoryOf finds the LFSRepository of an object by its label. Pods and the
// Jobs of a CronJob are owned by others, so owner references would not do.
func repositoryOf(_ context.Context, o client.Object) []reconcile.Request {
	name := o.GetLabels()[v1alpha1.LabelRepository]
	if name == "" {
		return nil
	}
	namespace := o.GetLabels()[v1alpha1.LabelRepositoryNamespace]
	if namespace == "" {
		namespace = o.GetNamespace()
	}
	return []reconcile.Request{{NamespacedName: types.NamespacedName{Namespace: namespace, Name: name}}}
}
