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
	at := in.Server()
	return corev1ac.Service(ServerName(at.Base), at.Namespace).
		WithLabels(in.labels(at, ComponentServer)).
		WithOwnerReferences(in.owners(at)...).
		WithSpec(corev1ac.ServiceSpec().
			WithType(corev1.ServiceTypeClusterIP).
			WithSelector(in.selector()).
			WithPorts(
				servicePort(portHTTP, ServicePort),
				servicePort(portAdmin, serverconfig.PortAdmin),
			))
}

// serviceAlias is the server's name beside the tenant where it runs elsewhere: a
// CNAME, so that the URL of a repository is of the same form wherever its server
// is, names no namespace of the administrator's, and needs nobody to follow the
// server's pods.
func serviceAlias(in Inputs) *corev1ac.ServiceApplyConfiguration {
	at, server := in.Tenant(), in.Server()
	return corev1ac.Service(ServerName(at.Base), at.Namespace).
		WithLabels(in.labels(at, ComponentServer)).
		WithOwnerReferences(in.owners(at)...).
		WithSpec(corev1ac.ServiceSpec().
			WithType(corev1.ServiceTypeExternalName).
			WithExternalName(ServerName(server.Base) + "." + server.Namespace + ".svc." + in.Install.ClusterDomain).
			WithPorts(servicePort(portHTTP, ServicePort)))
}

func servicePort(name string, port int32) *corev1ac.ServicePortApplyConfiguration {
	return corev1ac.ServicePort().
		WithName(name).
		WithProtocol(corev1.ProtocolTCP).
		WithPort(port).
		WithTargetPort(intstr.FromString(name))
}
