package controllers

import (
	"context"
	"fmt"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/lfs-operator/lfs-operator/api/v1alpha1"
)

// store finds the LFSStore of a repository without storage of its own, and stops
// where there is none that the namespace may use. What ran before keeps running.
func (r *LFSRepositoryReconciler) store(ctx context.Context, p *pass) error {
	if p.repo.Spec.Storage != nil {
		return nil
	}
	store, err := r.findStore(ctx, p)
	if err != nil {
		return err
	}
	allowed := false
	if store != nil {
		namespace := &metav1.PartialObjectMetadata{}
		namespace.SetGroupVersionKind(namespaceKind)
		if err := r.Get(ctx, client.ObjectKey{Name: p.repo.Namespace}, namespace); err != nil {
			return fmt.Errorf("reading namespace %s: %w", p.repo.Namespace, err)
		}
		allowed = store.Allows(namespace.Labels)
	}
	switch {
	case !allowed:
		if err := r.switches(ctx, p, store); err != nil {
			return err
		}
		// The same words whether it is there or not: which stores there are is
		// for those to know who may use them.
		return &stalledError{v1alpha1.ReasonStoreNotUsable, notUsable(p)}
	case !r.Watched(store.Spec.ServerNamespace):
		return &stalledError{v1alpha1.ReasonStoreNotUsable, fmt.Sprintf(
			"the operator does not look after the namespace that the servers of LFSStore %q run in: add it to the operator's --watch-namespaces", store.Name)}
	}
	p.in.Store, p.in.GrantKey = store, r.Master.GrantKey(string(store.UID))
	return nil
}

func notUsable(p *pass) string {
	const remedy = "ask the administrator of the object stores to allow the namespace"
	if name := storeName(p.repo); name != "" {
		return fmt.Sprintf("there is no LFSStore %q that namespace %q may use: %s, or name another store in a new LFSRepository", name, p.repo.Namespace, remedy)
	}
	return fmt.Sprintf("there is no default LFSStore that namespace %q may use: %s, or name a store in a new LFSRepository's spec.storeRef or spec.storage", p.repo.Namespace, remedy)
}

// storeName is the store that was pinned, or asked for; empty: the default one.
func storeName(repo *v1alpha1.LFSRepository) string {
	switch {
	case repo.Status.Location != nil && repo.Status.Location.Store != "":
		return repo.Status.Location.Store
	case repo.Spec.StoreRef != nil:
		return repo.Spec.StoreRef.Name
	default:
		return ""
	}
}

// findStore reads the repository's store; nil where there is none.
func (r *LFSRepositoryReconciler) findStore(ctx context.Context, p *pass) (*v1alpha1.LFSStore, error) {
	name := storeName(p.repo)
	if name == "" {
		var stores v1alpha1.LFSStoreList
		if err := r.List(ctx, &stores); err != nil {
			return nil, fmt.Errorf("listing LFSStores: %w", err)
		}
		return v1alpha1.DefaultStore(stores.Items), nil
	}
	store := &v1alpha1.LFSStore{}
	if err := r.Get(ctx, client.ObjectKey{Name: name}, store); apierrors.IsNotFound(err) {
		return nil, nil
	} else if err != nil {
		return nil, fmt.Errorf("reading LFSStore %s: %w", name, err)
	}
	// One of the same name that says another place is another store: its servers
	// would find another's data, or none.
	if at := p.repo.Status.Location; at != nil && (at.Endpoint != store.Spec.Endpoint || at.ServerNamespace != store.Spec.ServerNamespace) {
		return nil, nil
	}
	return store, nil
}

// limits stops at what the store does not allow. Nothing of such a change is
// taken: what ran before keeps running, but for what stops the whole store.
func (r *LFSRepositoryReconciler) limits(ctx context.Context, p *pass) error {
	if p.in.Store == nil {
		return nil
	}
	var found []string
	for _, excess := range p.in.Store.Exceeds(p.live, p.in.Policy) {
		found = append(found, excess.String())
	}
	if len(found) == 0 {
		return nil
	}
	if err := r.switches(ctx, p, p.in.Store); err != nil {
		return err
	}
	return &stalledError{v1alpha1.ReasonLimitExceeded, strings.Join(found, "; ")}
}

// watched tells whether a namespace is looked after.
func watched(namespaces []string) func(string) bool {
	return func(name string) bool { return len(namespaces) == 0 || slices.Contains(namespaces, name) }
}

// repositoriesOfStore are those that a change of a store may concern: its own,
// and those that have none yet.
func (r *LFSRepositoryReconciler) repositoriesOfStore(ctx context.Context, o client.Object) []reconcile.Request {
	return r.repositories(ctx, "", func(repo *v1alpha1.LFSRepository) bool {
		name := storeName(repo)
		return repo.Spec.Storage == nil && (name == "" || name == o.GetName())
	})
}

// repositoriesInNamespace are those that the labels of their namespace concern.
func (r *LFSRepositoryReconciler) repositoriesInNamespace(ctx context.Context, o client.Object) []reconcile.Request {
	if !r.Watched(o.GetName()) {
		return nil
	}
	return r.repositories(ctx, o.GetName(), func(repo *v1alpha1.LFSRepository) bool { return repo.Spec.Storage == nil })
}

func (r *LFSRepositoryReconciler) repositories(ctx context.Context, namespace string, concerned func(*v1alpha1.LFSRepository) bool) []reconcile.Request {
	var list v1alpha1.LFSRepositoryList
	if err := r.List(ctx, &list, client.InNamespace(namespace), client.UnsafeDisableDeepCopy); err != nil {
		return nil // the cache is not there yet; each is looked at when it is
	}
	var out []reconcile.Request
	for i := range list.Items {
		if repo := &list.Items[i]; concerned(repo) {
			out = append(out, reconcile.Request{NamespacedName: types.NamespacedName{Namespace: repo.Namespace, Name: repo.Name}})
		}
	}
	return out
}
