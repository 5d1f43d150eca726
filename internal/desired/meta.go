package desired

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metav1ac "k8s.io/client-go/applyconfigurations/meta/v1"

	"github.com/lfs-operator/lfs-operator/api/v1alpha1"
)

// OwnerKind is the kind in the owner references of all children.
const OwnerKind = "LFSRepository"

// ownerReference makes the repository the one controller of an object.
func ownerReference(repo *v1alpha1.LFSRepository) *metav1ac.OwnerReferenceApplyConfiguration {
	return metav1ac.OwnerReference().
		WithAPIVersion(v1alpha1.GroupVersion.String()).
		WithKind(OwnerKind).
		WithName(repo.Name).
		WithUID(repo.UID).
		WithController(true).
		WithBlockOwnerDeletion(true)
}

// ownerReferences is the same for objects that are created, not applied.
func ownerReferences(repo *v1alpha1.LFSRepository) []metav1.OwnerReference {
	return []metav1.OwnerReference{*metav1.NewControllerRef(repo, v1alpha1.GroupVersion.WithKind(OwnerKind))}
}
