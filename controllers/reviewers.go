package controllers

import (
	"cmp"
	"context"
	"slices"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/lfs-operator/lfs-operator/api/v1alpha1"
	"github.com/lfs-operator/lfs-operator/internal/desired"
)

// ReviewersReconciler looks after the subjects of the one ClusterRoleBinding that
// lets servers ask whose a ServiceAccount token is. It can neither make nor
// delete the binding, nor bind another role.
type ReviewersReconciler struct {
	client.Client
	// Direct reads the binding, of which there is no informer.
	Direct client.Reader
	// Namespaces that this operator looks after; none: all. Subjects of others
	// are another operator's.
	Namespaces []string
}

// reviewersRecheck is how often the binding is looked at when nothing has changed
// that the operator knows of.
const reviewersRecheck = 10 * time.Minute

// +kubebuilder:rbac:groups=rbac.authorization.k8s.io,resources=clusterroles,resourceNames=lfs-operator-token-reviewer;lfs-operator-access-reviewer,verbs=bind
// +kubebuilder:rbac:groups=rbac.authorization.k8s.io,resources=clusterrolebindings,resourceNames=lfs-operator-token-reviewers,verbs=get;patch

// setupReviewers adds the reconciler to a manager.
func setupReviewers(mgr ctrl.Manager, namespaces []string) error {
	r := &ReviewersReconciler{Client: mgr.GetClient(), Direct: mgr.GetAPIReader(), Namespaces: namespaces}
	one := handler.EnqueueRequestsFromMapFunc(func(context.Context, client.Object) []reconcile.Request {
		return []reconcile.Request{{NamespacedName: types.NamespacedName{Name: desired.TokenReviewers}}}
	})
	return ctrl.NewControllerManagedBy(mgr).
		Named("tokenreviewers").
		Watches(&v1alpha1.LFSRepository{}, one, builder.WithPredicates(admitting(), predicate.Or(specChanged(), placed()))).
		Watches(&v1alpha1.LFSStore{}, one, builder.WithPredicates(sessionsChanged())).
		Complete(r)
}

// admitting leaves out repositories that let no ServiceAccounts in. At the start one
// is enough to have the binding looked at: it may still name servers that are gone.
func admitting() predicate.Predicate {
	admits := func(o client.Object) bool {
		repo, ok := o.(*v1alpha1.LFSRepository)
		return ok && repo.Spec.AdmitsServiceAccounts()
	}
	return predicate.Funcs{
		CreateFunc: func(e event.CreateEvent) bool { return e.IsInInitialList || admits(e.Object) },
		UpdateFunc: func(e event.UpdateEvent) bool { return admits(e.ObjectOld) || admits(e.ObjectNew) },
		DeleteFunc: func(e event.DeleteEvent) bool { return admits(e.Object) },
	}
}

// placed lets the update through by which it is known where the server runs.
func placed() predicate.Predicate {
	located := func(o client.Object) bool {
		repo, ok := o.(*v1alpha1.LFSRepository)
		return ok && repo.Status.Location != nil
	}
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool { return located(e.ObjectNew) && !located(e.ObjectOld) }}
}

// Reconcile makes the subjects those of the LFSRepositories that need it. A
// conflict with somebody else's change is tried again.
func (r *ReviewersReconciler) Reconcile(ctx context.Context, _ ctrl.Request) (ctrl.Result, error) {
	var list v1alpha1.LFSRepositoryList
	if err := r.List(ctx, &list, client.UnsafeDisableDeepCopy); err != nil {
		return ctrl.Result{}, err
	}
	live := &rbacv1.ClusterRoleBinding{}
	if err := r.Direct.Get(ctx, client.ObjectKey{Name: desired.TokenReviewers}, live); err != nil {
		return ctrl.Result{}, err
	}
	subjects, busy, err := r.issuers(ctx) // busy: namespaces with programs of ours
	if err != nil {
		return ctrl.Result{}, err
	}
	for i := range list.Items {
		repo := &list.Items[i]
		if !repo.Spec.AdmitsServiceAccounts() || repo.Status.Location == nil {
			continue
		}
		subject := desired.Inputs{Repository: repo, Location: *repo.Status.Location}.ReviewerSubject()
		subjects, busy[subject.Namespace] = append(subjects, subject), true
	}
	for _, s := range live.Subjects {
		if !busy[s.Namespace] && !r.ours(s.Namespace) {
			subjects = append(subjects, s)
		}
	}
	slices.SortFunc(subjects, func(a, b rbacv1.Subject) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	if slices.Equal(subjects, live.Subjects) {
		return ctrl.Result{RequeueAfter: reviewersRecheck}, nil
	}
	changed := live.DeepCopy()
	changed.Subjects = subjects
	patch := client.MergeFromWithOptions(live, client.MergeFromWithOptimisticLock{})
	if err := r.Patch(ctx, changed, patch, client.FieldOwner(fieldManager)); err != nil {
		return ctrl.Result{}, err
	}
	return ctrl.Result{RequeueAfter: reviewersRecheck}, nil
}

// issuers are those who make the sessions of stores.
func (r *ReviewersReconciler) issuers(ctx context.Context) (subjects []rbacv1.Subject, namespaces map[string]bool, err error) {
	var stores v1alpha1.LFSStoreList
	if err := r.List(ctx, &stores); err != nil {
		return nil, nil, err
	}
	namespaces = map[string]bool{}
	for i := range stores.Items {
		store := &stores.Items[i]
		if store.Status.Sessions == "" || !r.ours(store.Spec.ServerNamespace) {
			continue
		}
		subjects = append(subjects, desired.IssuerSubject(store))
		namespaces[store.Spec.ServerNamespace] = true
	}
	return subjects, namespaces, nil
}

// ours is true for a namespace that this operator looks after.
func (r *ReviewersReconciler) ours(namespace string) bool {
	return len(r.Namespaces) == 0 || slices.Contains(r.Namespaces, namespace)
}
