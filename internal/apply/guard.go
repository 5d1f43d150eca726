package apply

import (
	"context"
	"fmt"
	"reflect"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// ForeignError: an object that we need exists and belongs to somebody else.
type ForeignError struct {
	Ref Ref
	// Owner is the controller that the object has, or empty.
	Owner string
	// Leftover: it belonged to an owner of the same kind and name that is gone,
	// and the cluster's garbage collection is about to take it.
	Leftover bool
}

// Error says what to do.
func (e *ForeignError) Error() string {
	if e.Leftover {
		return fmt.Sprintf("%s of an earlier %s is about to go", e.Ref, e.Owner)
	}
	owner := "it has no owner"
	if e.Owner != "" {
		owner = "it belongs to " + e.Owner
	}
	return fmt.Sprintf("%s exists and is not ours (%s); delete or rename it, or give the LFSRepository another name", e.Ref, owner)
}

// guard returns the live object, nil if there is none, or a ForeignError.
//
// The cache holds only objects with our label. What is not in there may still
// exist: of one that was never applied the write itself finds that out; one that was
// may have been deleted, or is too new for the cache, or has lost its label.
func (a *Applier) guard(ctx context.Context, owner metav1.Object, ref Ref, known bool) (*metav1.PartialObjectMetadata, error) {
	live := partial(ref.GroupVersionKind)
	switch err := a.Cache.Get(ctx, ref.NamespacedName, live); {
	case apierrors.IsNotFound(err) && !known:
		return nil, nil
	case apierrors.IsNotFound(err):
		a.log(ctx).V(1).Info("Object not in the cache", "object", ref.String())
		return a.direct(ctx, owner, ref)
	case err != nil:
		return nil, fmt.Errorf("reading %s: %w", ref, err)
	}
	if !a.Owns(owner, live) {
		return nil, foreign(owner, ref, live)
	}
	return live, nil
}

// direct is the guard of an object that the cache does not hold.
func (a *Applier) direct(ctx context.Context, owner metav1.Object, ref Ref) (*metav1.PartialObjectMetadata, error) {
	live := partial(ref.GroupVersionKind)
	switch err := a.Direct.Get(ctx, ref.NamespacedName, live); {
	case apierrors.IsNotFound(err):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("reading %s: %w", ref, err)
	}
	if !a.Owns(owner, live) {
		return nil, foreign(owner, ref, live)
	}
	return live, nil
}

// Owns is true for an object that the owner has made.
func (a *Applier) Owns(owner, live metav1.Object) bool {
	if live.GetNamespace() != owner.GetNamespace() {
		return a.UIDLabel != "" && live.GetLabels()[a.UIDLabel] == string(owner.GetUID())
	}
	return metav1.IsControlledBy(live, owner)
}

func foreign(owner metav1.Object, ref Ref, live metav1.Object) *ForeignError {
	e := &ForeignError{Ref: ref}
	if c := metav1.GetControllerOf(live); c != nil {
		e.Owner = fmt.Sprintf("%s/%s", c.Kind, c.Name)
		e.Leftover = c.Kind == ownerKind(owner) && c.Name == owner.GetName()
	}
	return e
}

// ownerKind is the kind of an owner; typed objects from a cache do not carry it.
func ownerKind(owner metav1.Object) string {
	t := reflect.TypeOf(owner)
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t.Name()
}
