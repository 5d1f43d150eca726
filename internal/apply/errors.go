package apply

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// Classify tells refusals from failures that pass by themselves.
func Classify(ref Ref, err error) error {
	switch {
	case err == nil:
		return nil
	case IsTerminating(err):
		return fmt.Errorf("%s: %w", ref, err)
	case apierrors.IsForbidden(err), apierrors.IsInvalid(err), apierrors.IsBadRequest(err):
		return &RefusedError{Ref: ref, Err: err}
	default:
		return fmt.Errorf("%s: %w", ref, err)
	}
}

// IsTerminating is true when the namespace is being deleted and takes nothing new.
func IsTerminating(err error) bool {
	return apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause)
}
