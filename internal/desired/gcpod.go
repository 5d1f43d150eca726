package desired

import (
	"fmt"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	batchv1ac "k8s.io/client-go/applyconfigurations/batch/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"

	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
)

const (
	// gcDeadlineSeconds ends a run that hangs; the next one takes over.
	gcDeadlineSeconds int64 = 6 * 3600
	// gcKeepSeconds is how long a finished run can be looked at.
	gcKeepSeconds int32 = 24 * 3600
	// gcWorkSize bounds the clones and sorted files of a run.
	gcWorkSize = "10Gi"
)

// gcJob is one run of garbage collection: first a scan of the Git history, which
// sees the Git credentials and not the store's, then the sweep, which sees the
// store's and not Git's.
func gcJob(in Inputs) *batchv1ac.JobSpecApplyConfiguration {
	work := workMount(gcWorkSize)
	scan := append([]mount{configMount(in), work}, scanMounts(in)...)
	sweep := append([]mount{configMount(in), work}, storeMounts(in)...)
	spec := podSpec(in).
		WithRestartPolicy(corev1.RestartPolicyNever).
		WithInitContainers(withMounts(gcContainer(in, ContainerScan, "scan"), scan)).
		WithContainers(withMounts(gcContainer(in, ContainerSweep, "sweep"), sweep))
	return batchv1ac.JobSpec().
		WithBackoffLimit(1).
		WithActiveDeadlineSeconds(gcDeadlineSeconds).
		WithTTLSecondsAfterFinished(gcKeepSeconds).
		WithPodFailurePolicy(stoppedByGuard()).
		WithTemplate(podTemplate(in, ComponentGC, withVolumes(spec, scan, sweep)))
}

// stoppedByGuard ends a run for which a second attempt would end the same way.
func stoppedByGuard() *batchv1ac.PodFailurePolicyApplyConfiguration {
	return batchv1ac.PodFailurePolicy().WithRules(batchv1ac.PodFailurePolicyRule().
		WithAction(batchv1.PodFailurePolicyActionFailJob).
		WithOnExitCodes(batchv1ac.PodFailurePolicyOnExitCodesRequirement().
			WithContainerName(ContainerSweep).
			WithOperator(batchv1.PodFailurePolicyOnExitCodesOpIn).
			WithValues(exitStopped)))
}

// exitStopped is how lfs-server sweep says that a guard stopped it.
const exitStopped int32 = 3

// gcContainer runs a subcommand that belongs to a run. The run is named by its
// Job, whoever made it: the CronJob, the operator, or a person with
// "kubectl create job --from".
func gcContainer(in Inputs, name string, args ...string) *corev1ac.ContainerApplyConfiguration {
	run := corev1ac.EnvVarSource().WithFieldRef(corev1ac.ObjectFieldSelector().
		WithFieldPath("metadata.labels['batch.kubernetes.io/job-name']"))
	return container(in, name, gcDefaults(), args...).WithEnv(
		corev1ac.EnvVar().WithName("LFS_RUN").WithValueFrom(run),
		corev1ac.EnvVar().WithName("LFS_SERVER_URL").WithValue(adminURL(in)),
		corev1ac.EnvVar().WithName("TMPDIR").WithValue(workDir),
		corev1ac.EnvVar().WithName("HOME").WithValue(workDir),
	)
}

// adminURL is where scans report to.
func adminURL(in Inputs) string {
	return fmt.Sprintf("http://%s.%s.svc:%d", ServerName(in.Repository.Name), in.Repository.Namespace, serverconfig.PortAdmin)
}
