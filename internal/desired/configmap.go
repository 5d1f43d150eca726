package desired

import (
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
)

// ConfigFile is the key of the server's configuration in the ConfigMap.
const ConfigFile = "config.yaml"

// configMap holds the server's configuration. It carries no secret.
func configMap(in Inputs, rendered []byte) *corev1ac.ConfigMapApplyConfiguration {
	repo := in.Repository
	return corev1ac.ConfigMap(ServerName(repo.Name), repo.Namespace).
		WithLabels(Labels(repo, ComponentServer)).
		WithOwnerReferences(ownerReference(repo)).
		WithData(map[string]string{ConfigFile: string(rendered)})
}
