package desired

import (
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
)

// serviceAccount is the identity of all pods of a repository. It has no
// permissions, and its token is mounted nowhere.
func serviceAccount(in Inputs) *corev1ac.ServiceAccountApplyConfiguration {
	repo := in.Repository
	return corev1ac.ServiceAccount(ServerName(repo.Name), repo.Namespace).
		WithLabels(Labels(repo, ComponentServer)).
		WithOwnerReferences(ownerReference(repo)).
		WithAutomountServiceAccountToken(false)
}
