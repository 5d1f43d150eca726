package desired

import (
	corev1 "k8s.io/api/core/v1"
	batchv1ac "k8s.io/client-go/applyconfigurations/batch/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"

	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
)

// GCJob runs garbage collection once, now, on somebody's request.
func GCJob(in Inputs, request string) *batchv1ac.JobApplyConfiguration {
	return job(in, GCJobName(in.Repository.Name, request), ComponentGC).
		WithOwnerReferences(ownerReference(in.Repository)).
		WithSpec(gcJob(in))
}

// CheckJob tries whether every history entry can be read, and tells the server.
// attempt tells this one from those before it.
func CheckJob(in Inputs, attempt string) *batchv1ac.JobApplyConfiguration {
	mounts := append([]mount{configMount(in), workMount(checkWorkSize)}, scanMounts(in)...)
	spec := podSpec(in).
		WithRestartPolicy(corev1.RestartPolicyNever).
		WithContainers(withMounts(gcContainer(in, ContainerScan, "scan", "--check"), mounts))
	return job(in, CheckJobName(in.Repository.Name, attempt), ComponentCheck).
		WithOwnerReferences(ownerReference(in.Repository)).
		WithSpec(batchv1ac.JobSpec().
			WithBackoffLimit(0).
			WithActiveDeadlineSeconds(120).
			WithTTLSecondsAfterFinished(60).
			WithTemplate(podTemplate(in, ComponentCheck, withVolumes(spec, mounts))))
}

const checkWorkSize = "1Gi"

// PurgeJob deletes everything under the repository's prefix. It must outlive
// the other children, which garbage collection of the cluster may take before
// it: so it has no owner reference, no ConfigMap and no ServiceAccount of ours.
func PurgeJob(in Inputs) (*batchv1ac.JobApplyConfiguration, error) {
	rendered, err := serverconfig.Marshal(&serverconfig.Config{
		Repository: repositoryConfig(in.Repository),
		Storage:    storageConfig(in),
	})
	if err != nil {
		return nil, err
	}
	mounts := storeMounts(in)
	purge := container(in, ContainerPurge, gcDefaults(), "purge").
		WithEnv(corev1ac.EnvVar().WithName(serverconfig.EnvPurgeConfig).WithValue(string(rendered)))
	spec := podSpec(in).
		WithServiceAccountName("default").
		WithRestartPolicy(corev1.RestartPolicyNever).
		WithContainers(withMounts(purge, mounts))
	return job(in, PurgeJobName(in.Repository.Name), ComponentPurge).
		WithSpec(batchv1ac.JobSpec().
			WithBackoffLimit(0).
			WithActiveDeadlineSeconds(gcDeadlineSeconds).
			WithTTLSecondsAfterFinished(purgeKeepSeconds).
			WithTemplate(podTemplate(in, ComponentPurge, withVolumes(spec, mounts)))), nil
}

// purgeKeepSeconds is the time between a failed purge and the next one.
const purgeKeepSeconds int32 = 60

func job(in Inputs, name, component string) *batchv1ac.JobApplyConfiguration {
	return batchv1ac.Job(name, in.Repository.Namespace).WithLabels(Labels(in.Repository, component))
}
