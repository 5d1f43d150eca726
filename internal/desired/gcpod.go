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
//
// Where the server does not run beside the tenant, the Job ends with the scan,
// and [SweepJob] follows it there.
func gcJob(in Inputs) *batchv1ac.JobSpecApplyConfiguration {
	if in.Apart() {
		return scanJob(in)
	}
	at := in.Tenant()
	work := workMount(gcWorkSize)
	scan := append([]mount{configMount(at), work}, scanMounts(in)...)
	sweep := append([]mount{configMount(at), work}, storeMounts(in)...)
	spec := podSpec(in, at).
		WithRestartPolicy(corev1.RestartPolicyNever).
		WithInitContainers(withMounts(gcContainer(in, ContainerScan, "scan"), scan)).
		WithContainers(withMounts(gcContainer(in, ContainerSweep, "sweep"), sweep))
	return batchv1ac.JobSpec().
		WithBackoffLimit(1).
		WithActiveDeadlineSeconds(gcDeadlineSeconds).
		WithTTLSecondsAfterFinished(gcKeepSeconds).
		WithPodFailurePolicy(stoppedByGuard()).
		WithTemplate(podTemplate(in, at, ComponentGC, withVolumes(spec, scan, sweep)))
}

// scanJob reads the history and reports it to the server.
func scanJob(in Inputs) *batchv1ac.JobSpecApplyConfiguration {
	at := in.Tenant()
	mounts := append([]mount{configMount(at), workMount(gcWorkSize)}, scanMounts(in)...)
	spec := podSpec(in, at).
		WithRestartPolicy(corev1.RestartPolicyNever).
		WithContainers(withMounts(gcContainer(in, ContainerScan, "scan"), mounts))
	return batchv1ac.JobSpec().
		WithBackoffLimit(1).
		WithActiveDeadlineSeconds(gcDeadlineSeconds).
		WithTTLSecondsAfterFinished(gcKeepSeconds).
		WithTemplate(podTemplate(in, at, ComponentGC, withVolumes(spec, mounts)))
}

// SweepJob follows the Job of that name, which has scanned beside the tenant, and
// bears the name of its run.
func SweepJob(in Inputs, run string) *batchv1ac.JobApplyConfiguration {
	at := in.Server()
	mounts := append([]mount{configMount(at), workMount(gcWorkSize)}, storeMounts(in)...)
	sweep := gcContainerOf(in, corev1ac.EnvVar().WithName(envRun).WithValue(run), ContainerSweep, "sweep")
	spec := podSpec(in, at).
		WithRestartPolicy(corev1.RestartPolicyNever).
		WithContainers(withMounts(sweep, mounts))
	return job(in, at, SweepJobName(at.Base, run), ComponentSweep).
		WithLabels(map[string]string{LabelRun: run}).
		WithOwnerReferences(in.owners(at)...).
		WithSpec(batchv1ac.JobSpec().
			WithBackoffLimit(1).
			WithActiveDeadlineSeconds(gcDeadlineSeconds).
			// It outlives the scan, which else would be taken for one that has
			// not been acted on.
			WithTTLSecondsAfterFinished(2 * gcKeepSeconds).
			WithPodFailurePolicy(stoppedByGuard()).
			WithTemplate(podTemplate(in, at, ComponentSweep, withVolumes(spec, mounts))))
}

// SuspendsGC is true where the tenant has stopped everything, or the
// administrator garbage collection.
func (in Inputs) SuspendsGC() bool {
	return in.Repository.Spec.Suspend || in.Store != nil && in.Store.SuspendsGC()
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
	run := corev1ac.EnvVar().WithName(envRun).WithValueFrom(corev1ac.EnvVarSource().WithFieldRef(corev1ac.ObjectFieldSelector().
		WithFieldPath("metadata.labels['batch.kubernetes.io/job-name']")))
	return gcContainerOf(in, run, name, args...)
}

const envRun = "LFS_RUN"

func gcContainerOf(in Inputs, run *corev1ac.EnvVarApplyConfiguration, name string, args ...string) *corev1ac.ContainerApplyConfiguration {
	return container(in, name, gcDefaults(), args...).WithEnv(
		run,
		corev1ac.EnvVar().WithName("LFS_SERVER_URL").WithValue(adminURL(in)),
		corev1ac.EnvVar().WithName("TMPDIR").WithValue(workDir),
		corev1ac.EnvVar().WithName("HOME").WithValue(workDir),
	)
}

// adminURL is where scans report to.
func adminURL(in Inputs) string {
	at := in.Server()
	return fmt.Sprintf("http://%s.%s.svc:%d", ServerName(at.Base), at.Namespace, serverconfig.PortAdmin)
}
