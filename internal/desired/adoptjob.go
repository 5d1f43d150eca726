package desired

import (
	corev1 "k8s.io/api/core/v1"
	batchv1ac "k8s.io/client-go/applyconfigurations/batch/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"

	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
	"github.com/lfs-operator/lfs-operator/internal/storesession"
)

// adoptKeepSeconds is the time between an adoption that failed and the next one.
const adoptKeepSeconds int32 = 60

// adoptDeadlineSeconds ends an adoption that hangs. The next one goes on where it
// was, so it may be shorter than a large one takes.
const adoptDeadlineSeconds int64 = 24 * 3600

// AdoptJob takes over what spec.adoptFrom names, beside the server. Where servers hold
// sessions, the Job's may read there as well.
func AdoptJob(in Inputs, request string) *batchv1ac.JobApplyConfiguration {
	at := in.Server()
	adopt := container(in, ContainerAdopt, gcDefaults(), "adopt").
		WithEnv(corev1ac.EnvVar().WithName("LFS_ADOPT_REQUEST").WithValue(AdoptRequest(request)))
	store := storeMounts(in)
	if in.sessions() {
		grant, err := adoptGrant(in)
		if err == nil {
			adopt.WithEnv(corev1ac.EnvVar().WithName(serverconfig.EnvStoreGrant).WithValue(grant))
		} else if in.storage().CredentialsSecretRef != nil {
			store = keyMounts(in) // no session can be bound to such a place
		}
	}
	mounts := append([]mount{configMount(at)}, store...)
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

// adoptGrant is the server's, and what is adopted to be read. In place that is the same.
func adoptGrant(in Inputs) (string, error) {
	may := grantOf(in)
	if from := adoptConfig(in); from != nil && *from != (serverconfig.AdoptFrom{Bucket: may.Bucket, Prefix: may.Prefix}) {
		may.Read = &storesession.Source{Bucket: from.Bucket, Prefix: from.Prefix}
	}
	return storesession.Sign(may, in.GrantKey)
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
