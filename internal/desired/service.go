package desired

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"

	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
)

// ServicePort is where clients in the cluster reach the API, so that a plain
// http URL needs no port.
const ServicePort = 80

// service gives the server its name in the cluster: port 80 for LFS clients, and
// the admin port for garbage collection and metrics.
func service(in Inputs) *corev1ac.ServiceApplyConfiguration {
	repo := in.Repository
	return corev1ac.Service(ServerName(repo.Name), repo.Namespace).
		WithLabels(Labels(repo, ComponentServer)).
		WithOwnerReferences(ownerReference(repo)).
		WithSpec(corev1ac.ServiceSpec().
			WithType(corev1.ServiceTypeClusterIP).
			WithSelector(SelectorLabels(repo.Name, ComponentServer)).
			WithPorts(
				servicePort(portHTTP, ServicePort),
				servicePort(portAdmin, serverconfig.PortAdmin),
			))
}

func servicePort(name string, port int32) *corev1ac.ServicePortApplyConfiguration {
	return corev1ac.ServicePort().
		WithName(name).
		WithProtocol(corev1.ProtocolTCP).
		WithPort(port).
		WithTargetPort(intstr.FromString(name))
}
