package desired

import (
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
)

// serviceAccount is the identity of all pods of a repository in one place. It has
// no permissions and its token is mounted nowhere, but where the server has to
// ask the API server about ServiceAccounts (rolebinding.go).
func serviceAccount(in Inputs, at Place, component string) *corev1ac.ServiceAccountApplyConfiguration {
	return corev1ac.ServiceAccount(ServerName(at.Base), at.Namespace).
		WithLabels(in.labels(at, component)).
		WithOwnerReferences(in.owners(at)...).
		WithAutomountServiceAccountToken(false)
}
