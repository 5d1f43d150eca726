package desired

import (
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
)

// ConfigFile is the key of the server's configuration in the ConfigMap.
const ConfigFile = "config.yaml"

// ServerConfigMap holds the configuration of a server.
func ServerConfigMap(in Inputs, rendered []byte) *corev1ac.ConfigMapApplyConfiguration {
	return configMap(in, in.Server(), ComponentServer, rendered)
}

// configMap holds the configuration of the programs in a place. It carries no secret.
func configMap(in Inputs, at Place, component string, rendered []byte) *corev1ac.ConfigMapApplyConfiguration {
	return corev1ac.ConfigMap(ServerName(at.Base), at.Namespace).
		WithLabels(in.labels(at, component)).
		WithOwnerReferences(in.owners(at)...).
		WithData(map[string]string{ConfigFile: string(rendered)})
}
