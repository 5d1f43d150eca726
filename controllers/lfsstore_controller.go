package controllers

import (
	"context"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"

	"github.com/lfs-operator/lfs-operator/api/v1alpha1"
	"github.com/lfs-operator/lfs-operator/internal/apply"
	"github.com/lfs-operator/lfs-operator/internal/derive"
	"github.com/lfs-operator/lfs-operator/internal/desired"
	"github.com/lfs-operator/lfs-operator/internal/serverstatus"
)

// LFSStoreReconciler says of each LFSStore whether it works, what it can do, and
// how many repositories lie in it.
type LFSStoreReconciler struct {
	client.Client
	// Applier makes Jobs and what issues sessions.
	Applier *apply.Applier
	// Sharing makes shared servers. It remembers them apart: what is not among those
	// is pruned, and the issuer is.
	Sharing *apply.Applier
	// Recorder sends events.
	Recorder events.EventRecorder
	// Install says how the operator was installed.
	Install desired.Install
	// Watched tells whether the operator looks after a namespace.
	Watched func(namespace string) bool
	// Master derives the keys that grants are signed with.
	Master *derive.Master
	// Clock tells the time.
	Clock clock.PassiveClock

	memory memory
}

// +kubebuilder:rbac:groups=lfs-operator.dev,resources=lfsstores/status,verbs=update

// storePass is one reconcile of one LFSStore.
type storePass struct {
	live, store *v1alpha1.LFSStore
	now         time.Time
	// ready is what the condition will say; nil: as before.
	ready *verdict
	// sessions is what the condition SessionsIssued will say; nil: as before.
	sessions *verdict
	// noSessions is why the probe of this pass found that the store makes none.
	noSessions string
	next       time.Duration
}

func (p *storePass) again(d time.Duration) {
	if p.next == 0 || d < p.next {
		p.next = max(d, time.Millisecond)
	}
}

// Reconcile takes one LFSStore from its manifest to its status.
func (r *LFSStoreReconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	live := &v1alpha1.LFSStore{}
	if err := r.Get(ctx, req.NamespacedName, live); err != nil {
		if !apierrors.IsNotFound(err) {
			return ctrl.Result{}, err
		}
		r.memory.forget(req.NamespacedName)
		return ctrl.Result{}, r.outlive(ctx, req.Name)
	}
	if r.memory.of(req.NamespacedName, live.UID).stale(live.ResourceVersion) {
		// The answer of a probe that has been taken is not in the cache yet;
		// without it the store would be probed again.
		return ctrl.Result{RequeueAfter: cacheLag}, nil
	}
	if live.DeletionTimestamp != nil || !r.Watched(live.Spec.ServerNamespace) {
		return ctrl.Result{}, nil // on its way out, or another operator's
	}
	p := &storePass{live: live, store: live.DeepCopy(), now: r.Clock.Now()}
	for _, step := range []func(context.Context, *storePass) error{r.count, r.probe, r.sessions, r.shared} {
		if err := step(ctx, p); err != nil {
			return ctrl.Result{}, err
		}
	}
	p.conclude()
	if equality.Semantic.DeepEqual(live.Status, p.store.Status) {
		return ctrl.Result{RequeueAfter: p.next}, nil
	}
	if err := r.Status().Update(ctx, p.store, client.FieldOwner(fieldManager)); apierrors.IsConflict(err) {
		return ctrl.Result{RequeueAfter: cacheLag}, nil // somebody was quicker; look again
	} else if err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	r.memory.of(req.NamespacedName, live.UID).version = p.store.ResourceVersion
	r.tell(p)
	return ctrl.Result{RequeueAfter: p.next}, nil
}

// count counts the repositories that lie in the store.
func (r *LFSStoreReconciler) count(ctx context.Context, p *storePass) error {
	var list v1alpha1.LFSRepositoryList
	if err := r.List(ctx, &list, client.UnsafeDisableDeepCopy); err != nil {
		return fmt.Errorf("listing LFSRepositories: %w", err)
	}
	var n int32
	for i := range list.Items {
		if storeOf(&list.Items[i]) == p.store.Name {
			n++
		}
	}
	if n == p.store.Status.Repositories {
		return nil
	}
	mem := r.memory.of(client.ObjectKeyFromObject(p.live), p.live.UID)
	if wait := mem.usageWritten.Add(countEvery).Sub(p.now); wait > 0 {
		p.again(wait)
		return nil
	}
	mem.usageWritten, p.store.Status.Repositories = p.now, n
	return nil
}

// countEvery is the least time between two writes of the number of repositories.
// Where hundreds come at once, not every one is worth a write.
const countEvery = 5 * time.Second

// storeOf is the store that a repository lies in.
func storeOf(o client.Object) string {
	repo, ok := o.(*v1alpha1.LFSRepository)
	if !ok || repo.Status.Location == nil {
		return ""
	}
	return repo.Status.Location.Store
}

// conclude decides the conditions.
func (p *storePass) conclude() {
	p.store.Status.ObservedGeneration = p.store.Generation
	if p.sessions != nil {
		p.put(v1alpha1.ConditionSessionsIssued, p.sessions)
	}
	p.put(v1alpha1.ConditionWritesAuthentic, p.writesAuthentic())
	if p.ready == nil {
		was := meta.FindStatusCondition(p.live.Status.Conditions, v1alpha1.ConditionReady)
		if was != nil && was.ObservedGeneration == p.store.Generation {
			return
		}
		p.ready = unknown(serverstatus.ReasonChecking, "a Job is finding out whether the store works")
	}
	for kind, v := range map[string]*verdict{
		v1alpha1.ConditionReady:       p.ready,
		v1alpha1.ConditionReconciling: reconciling(p.ready),
		v1alpha1.ConditionStalled:     stalled(p.ready),
	} {
		p.put(kind, v)
	}
}

// put sets a condition, or removes it where there is no verdict.
func (p *storePass) put(kind string, v *verdict) {
	if v == nil {
		meta.RemoveStatusCondition(&p.store.Status.Conditions, kind)
		return
	}
	meta.SetStatusCondition(&p.store.Status.Conditions, metav1.Condition{
		Type: kind, Status: v.status, Reason: v.reason, Message: truncate(v.message, maxMessage),
		ObservedGeneration: p.store.Generation, LastTransitionTime: metav1.NewTime(p.now),
	})
}

// tell sends an event when the store has come to be, or ceased to be, Ready.
func (r *LFSStoreReconciler) tell(p *storePass) {
	before := meta.FindStatusCondition(p.live.Status.Conditions, v1alpha1.ConditionReady)
	now := meta.FindStatusCondition(p.store.Status.Conditions, v1alpha1.ConditionReady)
	if now == nil || quiet[now.Reason] || before != nil && before.Reason == now.Reason {
		return
	}
	kind := warning
	if now.Status == metav1.ConditionTrue {
		kind = normal
	}
	r.Recorder.Eventf(p.live, nil, kind, now.Reason, "Probe", "%s", truncate(now.Message, maxNote))
}

// setupStores adds the controller of LFSStores, which shares what that of the
// LFSRepositories has.
func setupStores(mgr ctrl.Manager, of *LFSRepositoryReconciler) error {
	// It has a memory of its own, and tells its objects by another label.
	applier := func() *apply.Applier {
		return &apply.Applier{Writer: of.Applier.Writer, Cache: of.Applier.Cache, Direct: of.Applier.Direct, UIDLabel: v1alpha1.LabelStoreUID}
	}
	r := &LFSStoreReconciler{
		Client: of.Client, Applier: applier(), Sharing: applier(), Recorder: of.Recorder, Install: of.Install, Watched: of.Watched, Master: of.Master, Clock: of.Clock,
	}
	return ctrl.NewControllerManagedBy(mgr).
		For(&v1alpha1.LFSStore{}, builder.WithPredicates(specChanged())).
		Watches(&batchv1.Job{}, handler.EnqueueRequestsFromMapFunc(storeByLabel)).
		Watches(&appsv1.Deployment{}, handler.EnqueueRequestsFromMapFunc(storeByLabel)).
		Watches(&corev1.Pod{}, handler.EnqueueRequestsFromMapFunc(storeByLabel), builder.WithPredicates(podChanged())).
		WatchesMetadata(&corev1.ConfigMap{}, handler.EnqueueRequestsFromMapFunc(storeByLabel), builder.WithPredicates(cameOrWent())).
		Watches(&v1alpha1.LFSRepository{}, gathered(storeOfRepository), builder.WithPredicates(movedIn())).
		WithOptions(controller.Options{ReconciliationTimeout: reconcileTimeout}).
		Complete(r)
}

// storeByLabel finds the store that a probe is about.
func storeByLabel(_ context.Context, o client.Object) []reconcile.Request {
	return storeRequest(o.GetLabels()[v1alpha1.LabelStore])
}

func storeOfRepository(_ context.Context, o client.Object) []reconcile.Request {
	return storeRequest(storeOf(o))
}

func storeRequest(name string) []reconcile.Request {
	if name == "" {
		return nil
	}
	return []reconcile.Request{{NamespacedName: types.NamespacedName{Name: name}}}
}

// gathered lets what happens within gatherFor be one request: where thousands of
// repositories come at once, not each is worth a look at all of them.
func gathered(find handler.MapFunc) handler.EventHandler {
	type queue = workqueue.TypedRateLimitingInterface[reconcile.Request]
	add := func(ctx context.Context, q queue, objects ...client.Object) {
		for _, o := range objects {
			for _, request := range find(ctx, o) {
				q.AddAfter(request, gatherFor)
			}
		}
	}
	return handler.Funcs{
		CreateFunc: func(ctx context.Context, e event.CreateEvent, q queue) { add(ctx, q, e.Object) },
		UpdateFunc: func(ctx context.Context, e event.UpdateEvent, q queue) { add(ctx, q, e.ObjectOld, e.ObjectNew) },
		DeleteFunc: func(ctx context.Context, e event.DeleteEvent, q queue) { add(ctx, q, e.Object) },
	}
}

const gatherFor = 200 * time.Millisecond

// movedIn passes on what changes the number of repositories in a store, or at its
// shared servers.
func movedIn() predicate.Predicate {
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		return storeOf(e.ObjectOld) != storeOf(e.ObjectNew) || !slices.Equal(sharedOf(e.ObjectOld), sharedOf(e.ObjectNew))
	}}
}

func sharedOf(o client.Object) []string {
	repo, ok := o.(*v1alpha1.LFSRepository)
	if !ok {
		return nil
	}
	return repo.Placement().Shared()
}
