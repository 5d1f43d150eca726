package apply

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-logr/logr"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// FieldManager is the name under which the operator owns fields.
const FieldManager = "lfs-operator"

// Applier applies sets of objects. It is safe for concurrent use by different
// owners.
type Applier struct {
	// Writer applies and deletes.
	Writer client.Writer
	// Cache reads metadata from informers that hold objects with our label.
	Cache client.Reader
	// Direct reads metadata from the API server.
	Direct client.Reader
	// UIDLabel holds the owner's UID on objects in other namespaces than the
	// owner's, where owner references cannot reach. Only who may write in those
	// namespaces could forge it. Names there are made from the UID too, so that
	// nobody else has an object of such a name by accident.
	UIDLabel string

	memory memory
}

// RefusedError: the API server does not want an object as it is: admission,
// quota or validation. Trying again changes nothing until a person acts.
type RefusedError struct {
	Ref Ref
	Err error
}

// Error is what the API server said.
func (e *RefusedError) Error() string { return fmt.Sprintf("%s was refused: %v", e.Ref, e.Err) }

// Unwrap returns the API server's error.
func (e *RefusedError) Unwrap() error { return e.Err }

// Apply brings every object of the set into the cluster. It goes on after an
// error and returns all of them joined: among them [*ForeignError],
// [*RefusedError] and whatever the API server answered else.
func (a *Applier) Apply(ctx context.Context, owner metav1.Object, set []runtime.ApplyConfiguration) error {
	var errs []error
	for _, config := range set {
		w, err := newWanted(config)
		if err == nil {
			err = a.applyOne(ctx, owner, w)
		}
		if err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func (a *Applier) applyOne(ctx context.Context, owner metav1.Object, w wanted) error {
	last, known := a.memory.get(owner.GetUID(), w.ref)
	live, err := a.guard(ctx, owner, w.ref, known)
	if err != nil {
		return err
	}
	if live != nil && known && last.desired == w.hash && last.unchanged(live) {
		return nil
	}
	answer, err := a.write(ctx, w, live == nil)
	if live == nil && apierrors.IsConflict(err) { // it is there, and the cache does not hold it
		if live, err = a.direct(ctx, owner, w.ref); err == nil {
			answer, err = a.write(ctx, w, live == nil)
		}
	}
	if err != nil {
		return err
	}
	a.memory.put(owner.GetUID(), w.ref, applied{
		desired: w.hash,
		uid:     answer.GetUID(),
		version: answer.GetResourceVersion(),
		essence: essenceOf(answer),
	})
	a.log(ctx).V(1).Info("Applied", "object", w.ref.String(), "resourceVersion", answer.GetResourceVersion())
	return nil
}

// write applies an object; a new one only where there is none. The answer is its
// metadata, which is all that is remembered: the API server need not send what it
// has just been sent.
func (a *Applier) write(ctx context.Context, w wanted, isNew bool) (*metav1.PartialObjectMetadata, error) {
	body := w.json
	if isNew {
		var err error
		if body, err = w.ofNoVersion(); err != nil {
			return nil, err
		}
	}
	answer := partial(w.ref.GroupVersionKind)
	answer.Namespace, answer.Name = w.ref.Namespace, w.ref.Name
	patch := client.RawPatch(types.ApplyPatchType, body)
	err := a.Writer.Patch(ctx, answer, patch, client.ForceOwnership, client.FieldOwner(FieldManager))
	return answer, Classify(w.ref, err)
}

// Create makes an object that is never changed afterwards, such as a Job. Its
// name says what it is for, so one that exists already is no error.
func (a *Applier) Create(ctx context.Context, config runtime.ApplyConfiguration) error {
	w, err := newWanted(config)
	if err != nil {
		return err
	}
	u, err := w.unstructured()
	if err != nil {
		return err
	}
	err = a.Writer.Create(ctx, u, client.FieldOwner(FieldManager))
	return Classify(w.ref, client.IgnoreAlreadyExists(err))
}

// Made is true of an object that is as the owner's last apply left it.
func (a *Applier) Made(owner types.UID, live metav1.Object) bool {
	return a.memory.made(owner, live)
}

// Forget drops what is remembered of an owner that is gone.
func (a *Applier) Forget(owner types.UID) { a.memory.forget(owner) }

func (a *Applier) log(ctx context.Context) logr.Logger { return logr.FromContextOrDiscard(ctx) }
