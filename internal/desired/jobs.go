package desired

import (
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	batchv1ac "k8s.io/client-go/applyconfigurations/batch/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	metav1ac "k8s.io/client-go/applyconfigurations/meta/v1"

	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
)

// GCJob runs garbage collection once, now, on somebody's request.
func GCJob(in Inputs, request string) *batchv1ac.JobApplyConfiguration {
	at := in.Tenant()
	return job(in, at, GCJobName(at.Base, request), ComponentGC).
		WithOwnerReferences(in.owners(at)...).
		WithSpec(gcJob(in))
}

// CheckJob tries whether every history entry can be read, and tells the server.
// attempt tells this one from those before it.
func CheckJob(in Inputs, attempt string) *batchv1ac.JobApplyConfiguration {
	at := in.Tenant()
	mounts := append([]mount{configMount(at), workMount(checkWorkSize)}, scanMounts(in)...)
	spec := podSpec(in, at).
		WithRestartPolicy(corev1.RestartPolicyNever).
		WithContainers(withMounts(gcContainer(in, ContainerScan, "scan", "--check"), mounts))
	return job(in, at, CheckJobName(at.Base, attempt), ComponentCheck).
		WithOwnerReferences(in.owners(at)...).
		WithSpec(batchv1ac.JobSpec().
			WithBackoffLimit(0).
			WithActiveDeadlineSeconds(120).
			WithTTLSecondsAfterFinished(60).
			WithTemplate(podTemplate(in, at, ComponentCheck, withVolumes(spec, mounts))))
}

const checkWorkSize = "1Gi"

// PurgeJob deletes everything under the repository's prefix. It must outlive
// the other children, which garbage collection of the cluster may take before
// it: so it has no owner reference and no ConfigMap of ours, and a ServiceAccount only
// where the store asks who comes (PurgeAccount).
func PurgeJob(in Inputs) (*batchv1ac.JobApplyConfiguration, error) {
	storage, mounts := storageConfig(in), keyMounts(in)
	if in.jobSessions() {
		storage, mounts = sessionStorage(in), storeMounts(in)
	}
	rendered, err := serverconfig.Marshal(&serverconfig.Config{Repository: repositoryConfig(in.Repository), Storage: storage})
	if err != nil {
		return nil, err
	}
	at, account := in.Server(), "default"
	if in.identified() {
		account = ServerName(at.Base)
	}
	purge := container(in, ContainerPurge, gcDefaults(), "purge").
		WithEnv(corev1ac.EnvVar().WithName(serverconfig.EnvPurgeConfig).WithValue(string(rendered)))
	spec := podSpec(in, at).
		WithServiceAccountName(account).
		WithRestartPolicy(corev1.RestartPolicyNever).
		WithContainers(withMounts(purge, mounts))
	return job(in, at, PurgeJobName(at.Base), ComponentPurge).
		WithSpec(batchv1ac.JobSpec().
			WithBackoffLimit(0).
			WithActiveDeadlineSeconds(gcDeadlineSeconds).
			WithTTLSecondsAfterFinished(purgeKeepSeconds).
			WithTemplate(podTemplate(in, at, ComponentPurge, withVolumes(spec, mounts)))), nil
}

// PurgeAccount is the ServiceAccount of the server once more, should the cluster's
// garbage collection have taken it already. It goes with the purge's Job. nil: the
// purge needs none.
func PurgeAccount(in Inputs, purge *batchv1.Job) *corev1ac.ServiceAccountApplyConfiguration {
	if !in.identified() {
		return nil
	}
	at := in.Server()
	return corev1ac.ServiceAccount(ServerName(at.Base), at.Namespace).
		WithLabels(in.labels(at, ComponentPurge)).
		WithOwnerReferences(metav1ac.OwnerReference().
			WithAPIVersion(batchv1.SchemeGroupVersion.String()).
			WithKind("Job").
			WithName(purge.Name).
			WithUID(purge.UID)).
		WithAutomountServiceAccountToken(false)
}

// purgeKeepSeconds is the time between a failed purge and the next one.
const purgeKeepSeconds int32 = 60

func job(in Inputs, at Place, name, component string) *batchv1ac.JobApplyConfiguration {
	return batchv1ac.Job(name, at.Namespace).WithLabels(in.labels(at, component))
}
