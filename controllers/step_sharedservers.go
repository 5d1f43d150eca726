package controllers

import (
	"context"
	"errors"
	"fmt"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lfs-operator/lfs-operator/api/v1alpha1"
	"github.com/lfs-operator/lfs-operator/internal/apply"
	"github.com/lfs-operator/lfs-operator/internal/desired"
)

// sharedKinds are what shared servers are made of, Secrets aside.
var sharedKinds = []schema.GroupVersionKind{
	configMapKind,
	corev1.SchemeGroupVersion.WithKind("ServiceAccount"),
	appsv1.SchemeGroupVersion.WithKind("Deployment"),
	policyv1.SchemeGroupVersion.WithKind("PodDisruptionBudget"),
	networkingv1.SchemeGroupVersion.WithKind("NetworkPolicy"),
}

// shared makes the shared servers that repositories have a place at, and removes
// those that the last one has left.
func (r *LFSStoreReconciler) shared(ctx context.Context, p *storePass) error {
	names, repositories, err := r.sharedServers(ctx, p.store.Name)
	if err != nil {
		return err
	}
	var errs []error
	for _, name := range names {
		_, key := r.Master.SharedKey(string(p.store.UID), name)
		server := desired.SharedServer{Name: name, Key: key}
		errs = append(errs, r.keepSharedKey(ctx, p, server),
			r.Sharing.Apply(ctx, p.live, desired.SharedServerObjects(p.store, server, r.Install)))
	}
	errs = append(errs, r.removeShared(ctx, p.live, names))
	switch {
	case len(names) == 0 && p.store.RepositoriesPerServer() == 0:
		p.put(v1alpha1.ConditionServersShared, nil)
	default:
		p.put(v1alpha1.ConditionServersShared, yes(v1alpha1.ReasonSharedServersMade,
			fmt.Sprintf("%d shared servers have %d repositories", len(names), repositories)))
	}
	return r.sharedRefused(p, errors.Join(errs...))
}

// keepSharedKey creates a Secret from time to time, as those of repositories: the
// operator cannot see whether it is there.
func (r *LFSStoreReconciler) keepSharedKey(ctx context.Context, p *storePass, server desired.SharedServer) error {
	mem := r.memory.of(client.ObjectKeyFromObject(p.live), p.live.UID)
	name := desired.SharedSecretName(server)
	if p.now.Before(mem.secrets[name].due) {
		return nil
	}
	if err := makeSharedKey(ctx, r.Client, p.store, server); err != nil {
		ref := apply.Ref{GroupVersionKind: corev1.SchemeGroupVersion.WithKind("Secret"), NamespacedName: client.ObjectKey{Namespace: p.store.Spec.ServerNamespace, Name: name}}
		return apply.Classify(ref, err)
	}
	mem.secrets[name] = confirmation{revision: name, due: p.now.Add(confirmEvery)}
	return nil
}

// removeShared deletes a store's shared servers but for those named, and their keys.
func (r *LFSStoreReconciler) removeShared(ctx context.Context, store *v1alpha1.LFSStore, keep []string) error {
	var errs []error
	mine := append(ofStore(store, desired.ComponentShared), client.InNamespace(store.Spec.ServerNamespace))
	for _, kind := range sharedKinds {
		list := &metav1.PartialObjectMetadataList{}
		list.SetGroupVersionKind(kind.GroupVersion().WithKind(kind.Kind + "List"))
		if err := r.Sharing.Cache.List(ctx, list, mine...); err != nil {
			return fmt.Errorf("listing %s: %w", kind.Kind, err)
		}
		for i := range list.Items {
			o := &list.Items[i]
			if slices.Contains(keep, o.Name) || o.DeletionTimestamp != nil {
				continue
			}
			if kind.Kind == deploymentKind.Kind {
				_, key := r.Master.SharedKey(string(store.UID), o.Name)
				secret := desired.SharedSecret(store, desired.SharedServer{Name: o.Name, Key: key})
				errs = append(errs, client.IgnoreNotFound(r.Delete(ctx, secret)))
				delete(r.memory.of(client.ObjectKeyFromObject(store), store.UID).secrets, secret.Name)
			}
			errs = append(errs, r.Sharing.Delete(ctx, store, apply.Ref{GroupVersionKind: kind, NamespacedName: client.ObjectKeyFromObject(o)}))
		}
	}
	return errors.Join(errs...)
}

// outlive looks after the shared servers of a store that is gone. They serve on, as
// servers of single repositories do, until the last of their repositories goes.
func (r *LFSStoreReconciler) outlive(ctx context.Context, name string) error {
	var list appsv1.DeploymentList
	if err := r.List(ctx, &list, client.MatchingLabels{v1alpha1.LabelStore: name, desired.LabelComponent: desired.ComponentShared}); err != nil || len(list.Items) == 0 {
		return err
	}
	keep, _, err := r.sharedServers(ctx, name)
	if err != nil {
		return err
	}
	var errs []error
	for i := range list.Items {
		d := &list.Items[i]
		gone := &v1alpha1.LFSStore{ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID(d.Labels[v1alpha1.LabelStoreUID])}}
		gone.Spec.ServerNamespace = d.Namespace
		errs = append(errs, r.removeShared(ctx, gone, keep))
	}
	return errors.Join(errs...)
}

// sharedRefused tells what keeps shared servers from being made.
func (r *LFSStoreReconciler) sharedRefused(p *storePass, err error) error {
	var refused *apply.RefusedError
	var foreign *apply.ForeignError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &foreign):
		p.put(v1alpha1.ConditionServersShared, no(v1alpha1.ReasonForeignObject, foreign.Error()))
	case errors.As(err, &refused):
		p.put(v1alpha1.ConditionServersShared, no(v1alpha1.ReasonApplyRefused, refused.Error()))
	case apierrors.IsNotFound(err), apply.IsTerminating(err):
		p.put(v1alpha1.ConditionServersShared, no(v1alpha1.ReasonProgressing, fmt.Sprintf("namespace %q does not exist or is being deleted", p.store.Spec.ServerNamespace)))
	default:
		return err
	}
	p.again(recheck)
	return nil
}
