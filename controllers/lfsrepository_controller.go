package controllers

import (
	"context"
	"errors"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/events"

	"github.com/lfs-operator/lfs-operator/api/v1alpha1"
	"github.com/lfs-operator/lfs-operator/controllers/poll"
	"github.com/lfs-operator/lfs-operator/internal/apply"
	"github.com/lfs-operator/lfs-operator/internal/derive"
	"github.com/lfs-operator/lfs-operator/internal/desired"
)

const fieldManager = apply.FieldManager

// LFSRepositoryReconciler brings LFSRepositories into being.
type LFSRepositoryReconciler struct {
	client.Client
	// Applier brings children into the cluster.
	Applier *apply.Applier
	// Poller asks the servers.
	Poller *poll.Poller
	// Recorder sends events.
	Recorder events.EventRecorder
	// Master derives all secrets.
	Master *derive.Master
	// Install says how the operator was installed.
	Install desired.Install
	// Targets are the servers to poll; PodTargets in a cluster.
	Targets func(*v1alpha1.LFSRepository, []corev1.Pod) []poll.Target
	// Watched tells whether the operator looks after a namespace.
	Watched func(namespace string) bool
	// Clock tells the time.
	Clock clock.PassiveClock

	// gateway tells whether the cluster knows HTTPRoutes.
	gateway *gatewayAPI
	// stageLasts, where set, replaces the constant of that name: tests are less
	// patient, or more.
	stageLasts time.Duration
	memory     memory
	sets       *sets
	places     places
}

// What the operator may do in tenants' namespaces is all listed here. Of Secrets
// it may make and delete its own; it reads none.
//
// +kubebuilder:rbac:groups=lfs-operator.dev,resources=lfsrepositories,verbs=get;list;watch;patch
// +kubebuilder:rbac:groups=lfs-operator.dev,resources=lfsrepositories/status,verbs=update
// +kubebuilder:rbac:groups=lfs-operator.dev,resources=lfsrepositories/finalizers,verbs=update
// +kubebuilder:rbac:groups=lfs-operator.dev,resources=lfsstores,verbs=get;list;watch
// +kubebuilder:rbac:groups="",resources=namespaces,verbs=get;list;watch
// +kubebuilder:rbac:groups="",resources=configmaps;serviceaccounts;services,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups=apps,resources=deployments,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups=batch,resources=cronjobs,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups=batch,resources=jobs,verbs=get;list;watch;create;delete
// +kubebuilder:rbac:groups=networking.k8s.io,resources=networkpolicies;ingresses,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups=gateway.networking.k8s.io,resources=httproutes,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups=autoscaling,resources=horizontalpodautoscalers,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups=policy,resources=poddisruptionbudgets,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups=rbac.authorization.k8s.io,resources=rolebindings,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups="",resources=pods,verbs=get;list;watch;patch
// +kubebuilder:rbac:groups="",resources=secrets,verbs=create;delete
// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch

// steps of a pass, in order.
func (r *LFSRepositoryReconciler) steps(p *pass) []step {
	if p.repo.DeletionTimestamp != nil {
		return r.deletionSteps()
	}
	return []step{
		{"supported", r.supported},
		{"store", r.store},
		{"policy", r.policy},
		{"limits", r.limits},
		{"location", r.location},
		{"credentials", r.credentials},
		{"place", r.place},
		{"planSecrets", r.planSecrets},
		{"finalizer", r.finalizer},
		{"persisted", r.persisted},
		{"createSecrets", r.createSecrets},
		{"build", r.build},
		{"apply", r.apply},
		{"prune", r.prune},
		{"observe", r.observe},
		{"poll", r.poll},
		{"share", r.share},
		{"nudge", r.nudge},
		{"move", r.move},
		{"adopt", r.adopt},
		{"replaceSecrets", r.replaceSecrets},
		{"checkHistory", r.checkHistory},
		{"runGC", r.runGC},
		{"sweep", r.sweep},
	}
}

// Reconcile takes one LFSRepository from its manifest to its status.
func (r *LFSRepositoryReconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	live := &v1alpha1.LFSRepository{}
	if err := r.Get(ctx, req.NamespacedName, live); err != nil {
		if apierrors.IsNotFound(err) {
			r.forget(req)
		}
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	known := r.memory.of(req.NamespacedName, live.UID)
	if known.released {
		return ctrl.Result{}, nil
	}
	if known.stale(live.ResourceVersion) {
		// Our own last write is not in the cache yet; acting on less would repeat it.
		return ctrl.Result{RequeueAfter: cacheLag}, nil
	}
	p := newPass(live, r.Clock.Now())
	r.recall(p)
	end := r.walk(ctx, p)
	if p.live.DeletionTimestamp != nil && len(p.live.Finalizers) == 0 {
		return ctrl.Result{}, transient(end) // gone, or left to others
	}
	conclude(p, end)
	r.holdUsage(p)
	r.holdStage(p, end)
	r.transitions(p)
	if err := r.writeStatus(ctx, p); apierrors.IsConflict(err) {
		return ctrl.Result{RequeueAfter: cacheLag}, nil // somebody was quicker; look again
	} else if err != nil {
		return ctrl.Result{}, errors.Join(err, transient(end))
	}
	if !p.expecting(p.repo) {
		r.Poller.Calm(p.key())
	}
	r.send(p)
	if err := transient(end); err != nil {
		return ctrl.Result{}, err
	}
	return p.result(end), nil
}

// cacheLag is how long a watch event usually takes.
const cacheLag = 20 * time.Millisecond

// walk runs the steps until one ends the pass.
func (r *LFSRepositoryReconciler) walk(ctx context.Context, p *pass) error {
	for _, s := range r.steps(p) {
		if err := s.run(ctx, p); err != nil {
			if isTransient(err) {
				err = fmt.Errorf("%s: %w", s.name, err)
			}
			return err
		}
		if !equality.Semantic.DeepEqual(p.repo.Spec, p.live.Spec) {
			panic("step " + s.name + " changed the spec")
		}
	}
	return nil
}

// writeStatus writes the status at the end of a pass, if it says something new.
func (r *LFSRepositoryReconciler) writeStatus(ctx context.Context, p *pass) error {
	if equality.Semantic.DeepEqual(p.live.Status, p.repo.Status) {
		return nil
	}
	return client.IgnoreNotFound(r.updateStatus(ctx, p))
}

func (r *LFSRepositoryReconciler) updateStatus(ctx context.Context, p *pass) error {
	if err := r.Status().Update(ctx, p.repo, client.FieldOwner(fieldManager)); err != nil {
		return err
	}
	r.memory.of(p.key(), p.repo.UID).version = p.repo.ResourceVersion
	logf.FromContext(ctx).V(1).Info("Wrote status", "resourceVersion", p.repo.ResourceVersion)
	return nil
}

// result says when to come back.
func (p *pass) result(end error) ctrl.Result {
	var waiting *waitingError
	switch {
	case errors.Is(end, errPersistFirst):
		p.again(time.Millisecond)
	case errors.As(end, &waiting):
		p.again(waiting.after)
	}
	return ctrl.Result{RequeueAfter: p.next}
}

// transient returns an error that is to be retried with growing pauses.
func transient(end error) error {
	if isTransient(end) {
		return end
	}
	return nil
}

// forget drops all that is kept of an LFSRepository that is gone.
func (r *LFSRepositoryReconciler) forget(req ctrl.Request) {
	r.Poller.Forget(req.NamespacedName)
	if uid := r.memory.forget(req.NamespacedName); uid != "" {
		r.Applier.Forget(uid)
		r.places.forget(uid)
	}
}
