package desired

import (
	corev1 "k8s.io/api/core/v1"
	batchv1ac "k8s.io/client-go/applyconfigurations/batch/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"

	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
)

// adoptKeepSeconds is the time between an adoption that failed and the next one.
const adoptKeepSeconds int32 = 60

// adoptDeadlineSeconds ends an adoption that hangs. The next one goes on where it
// was, so it may be shorter than a large one takes.
const adoptDeadlineSeconds int64 = 24 * 3600

// AdoptJob takes over what spec.adoptFrom names, beside the server. It has the
// store's key also where servers hold sessions: those reach no other prefix.
func AdoptJob(in Inputs, request string) *batchv1ac.JobApplyConfiguration {
	at := in.Server()
	mounts := append([]mount{configMount(at)}, keyMounts(in)...)
	adopt := container(in, ContainerAdopt, gcDefaults(), "adopt").
		WithEnv(corev1ac.EnvVar().WithName("LFS_ADOPT_REQUEST").WithValue(AdoptRequest(request)))
	spec := podSpec(in, at).
		WithRestartPolicy(corev1.RestartPolicyNever).
		WithContainers(withMounts(adopt, mounts))
	return job(in, at, AdoptJobName(at.Base, request), ComponentAdopt).
		WithOwnerReferences(in.owners(at)...).
		WithSpec(batchv1ac.JobSpec().
			WithBackoffLimit(3).
			WithActiveDeadlineSeconds(adoptDeadlineSeconds).
			WithTTLSecondsAfterFinished(adoptKeepSeconds).
			WithTemplate(podTemplate(in, at, ComponentAdopt, withVolumes(spec, mounts))))
}

// AdoptRequest is how a request is named where it must be short; the first one has
// no name.
func AdoptRequest(request string) string {
	if request == "" {
		return ""
	}
	return shortHash(request)
}

func adoptConfig(in Inputs) *serverconfig.AdoptFrom {
	from := in.Repository.Spec.AdoptFrom
	if from == nil {
		return nil
	}
	return &serverconfig.AdoptFrom{Bucket: firstOf(from.Bucket, in.Location.Bucket), Prefix: from.Prefix}
}
