package desired

import (
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	appsv1ac "k8s.io/client-go/applyconfigurations/apps/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	metav1ac "k8s.io/client-go/applyconfigurations/meta/v1"

	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
)

const (
	// drainSeconds is how long a server may take to end what clients began: the
	// server's own DrainDelay and DrainTimeout, and some. Deleting a namespace
	// takes about as long, because its controller goes by this.
	drainSeconds int64 = 35
	// keepReplicaSets is for "kubectl rollout undo"; each one costs etcd space.
	keepReplicaSets int32 = 2
)

// deployment runs the LFS server. A rollout happens only when the pod itself
// must change: configuration and Secrets are mounted, and the server reloads
// them by itself, so no hash of theirs stands in the template.
func deployment(in Inputs) *appsv1ac.DeploymentApplyConfiguration {
	at := in.Server()
	return appsv1ac.Deployment(ServerName(at.Base), at.Namespace).
		WithLabels(in.labels(at, ComponentServer)).
		WithOwnerReferences(in.owners(at)...).
		WithSpec(appsv1ac.DeploymentSpec().
			WithReplicas(replicas(in)).
			WithRevisionHistoryLimit(keepReplicaSets).
			WithSelector(metav1ac.LabelSelector().WithMatchLabels(SelectorLabels(at.Base, ComponentServer))).
			WithStrategy(appsv1ac.DeploymentStrategy().
				WithType(appsv1.RollingUpdateDeploymentStrategyType).
				WithRollingUpdate(appsv1ac.RollingUpdateDeployment().
					WithMaxUnavailable(intstr.FromInt32(0)).
					WithMaxSurge(intstr.FromInt32(1)))).
			WithTemplate(podTemplate(in, at, ComponentServer, serverPod(in))))
}

// replicas is what the Deployment should have; none while suspended. Those that an
// autoscaler has chosen are repeated: a number that we had written and left out now
// would fall back to one.
func replicas(in Inputs) int32 {
	scaling := in.autoscaling()
	switch {
	case in.Repository.Spec.Suspend:
		return 0
	case scaling != nil:
		return min(max(in.Scaled, leastReplicas(scaling)), scaling.MaxReplicas)
	}
	return in.Policy.Replicas.Value
}

// several is true where more than one replica may run at once, rollouts aside.
func several(in Inputs) bool {
	if scaling := in.autoscaling(); scaling != nil {
		return scaling.MaxReplicas > 1
	}
	return replicas(in) > 1
}

func serverPod(in Inputs) *corev1ac.PodSpecApplyConfiguration {
	mounts := slices.Concat([]mount{configMount(in.Server()), keysMount(in)}, storeMounts(in), jwtMounts(in), kubernetesMounts(in))
	server := container(in, ContainerServer, serverResources(in), "serve").
		WithPorts(
			corev1ac.ContainerPort().WithName(portHTTP).WithContainerPort(serverconfig.PortAPI).WithProtocol(corev1.ProtocolTCP),
			corev1ac.ContainerPort().WithName(portAdmin).WithContainerPort(serverconfig.PortAdmin).WithProtocol(corev1.ProtocolTCP),
		).
		// The startup probe decides how soon a new server gets its first client,
		// the readiness probe after it how soon a sick one loses them.
		WithStartupProbe(probe("/readyz", 1, 60)).
		WithReadinessProbe(probe("/readyz", 5, 2)).
		WithLivenessProbe(probe("/healthz", 10, 6))
	spec := podSpec(in, in.Server()).
		WithContainers(withMounts(server, mounts)).
		WithTerminationGracePeriodSeconds(drainSeconds)
	if several(in) {
		spec.WithTopologySpreadConstraints(spread(SelectorLabels(in.Server().Base, ComponentServer)))
	}
	return withVolumes(spec, mounts)
}

func probe(path string, periodSeconds, failureThreshold int32) *corev1ac.ProbeApplyConfiguration {
	return corev1ac.Probe().
		WithHTTPGet(corev1ac.HTTPGetAction().WithPath(path).WithPort(intstr.FromString(portAdmin))).
		WithPeriodSeconds(periodSeconds).
		WithFailureThreshold(failureThreshold).
		WithTimeoutSeconds(2)
}

// spread puts replicas on different nodes where there are several.
func spread(pods map[string]string) *corev1ac.TopologySpreadConstraintApplyConfiguration {
	return corev1ac.TopologySpreadConstraint().
		WithMaxSkew(1).
		WithTopologyKey(corev1.LabelHostname).
		WithWhenUnsatisfiable(corev1.ScheduleAnyway).
		WithLabelSelector(metav1ac.LabelSelector().WithMatchLabels(pods)).
		WithMatchLabelKeys(appsv1.DefaultDeploymentUniqueLabelKey)
}
