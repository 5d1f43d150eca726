package apply

import (
	"context"
	"errors"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Prune deletes the owner's objects of these kinds in a namespace that are not
// in the set. It looks for them by mine, and deletes only what is the owner's; and
// what was applied so lately that the cache does not show it.
func (a *Applier) Prune(ctx context.Context, owner metav1.Object, namespace string, kinds []schema.GroupVersionKind, set []runtime.ApplyConfiguration, mine ...client.ListOption) error {
	keep := map[Ref]bool{}
	for _, config := range set {
		ref, err := refOf(config)
		if err != nil {
			return err
		}
		keep[ref] = true
	}
	var errs []error
	for _, kind := range kinds {
		errs = append(errs, a.pruneKind(ctx, owner, kind, keep, append(mine[:len(mine):len(mine)], client.InNamespace(namespace))...))
	}
	for ref, last := range a.memory.others(owner.GetUID(), keep) {
		if ref.Namespace == namespace && slices.Contains(kinds, ref.GroupVersionKind) {
			errs = append(errs, a.pruneApplied(ctx, owner, ref, last.uid))
		}
	}
	return errors.Join(errs...)
}

// pruneApplied deletes what was applied, if it is still that object.
func (a *Applier) pruneApplied(ctx context.Context, owner metav1.Object, ref Ref, uid types.UID) error {
	o := partial(ref.GroupVersionKind)
	o.Namespace, o.Name, o.UID = ref.Namespace, ref.Name, uid
	if err := a.delete(ctx, ref, o); err != nil && !apierrors.IsConflict(err) {
		return err
	}
	a.memory.drop(owner.GetUID(), ref)
	return nil
}

func (a *Applier) pruneKind(ctx context.Context, owner metav1.Object, kind schema.GroupVersionKind, keep map[Ref]bool, mine ...client.ListOption) error {
	list := &metav1.PartialObjectMetadataList{}
	list.SetGroupVersionKind(kind.GroupVersion().WithKind(kind.Kind + "List"))
	if err := a.Cache.List(ctx, list, mine...); err != nil {
		return fmt.Errorf("listing %s: %w", kind.Kind, err)
	}
	var errs []error
	for i := range list.Items {
		o := &list.Items[i]
		ref := Ref{GroupVersionKind: kind, NamespacedName: client.ObjectKeyFromObject(o)}
		if keep[ref] || !a.Owns(owner, o) || o.DeletionTimestamp != nil {
			continue
		}
		err := a.delete(ctx, ref, o)
		if errs = append(errs, err); err == nil {
			a.memory.drop(owner.GetUID(), ref)
		}
	}
	return errors.Join(errs...)
}

// Delete removes one object of the owner's, if it is there.
func (a *Applier) Delete(ctx context.Context, owner metav1.Object, ref Ref) error {
	live := partial(ref.GroupVersionKind)
	if err := a.Cache.Get(ctx, ref.NamespacedName, live); err != nil {
		return client.IgnoreNotFound(err)
	}
	if !a.Owns(owner, live) || live.DeletionTimestamp != nil {
		return nil
	}
	err := a.delete(ctx, ref, live)
	if err == nil {
		a.memory.drop(owner.GetUID(), ref)
	}
	return err
}

// delete removes exactly the object that was looked at.
func (a *Applier) delete(ctx context.Context, ref Ref, o *metav1.PartialObjectMetadata) error {
	o.SetGroupVersionKind(ref.GroupVersionKind)
	err := a.Writer.Delete(ctx, o,
		client.Preconditions{UID: ptr.To(o.UID)},
		client.PropagationPolicy(metav1.DeletePropagationBackground))
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("deleting %s: %w", ref, err)
	}
	a.log(ctx).Info("Deleted what is no longer wanted", "object", ref.String())
	return nil
}
