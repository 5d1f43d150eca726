package desired

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	batchv1ac "k8s.io/client-go/applyconfigurations/batch/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	metav1ac "k8s.io/client-go/applyconfigurations/meta/v1"

	"github.com/lfs-operator/lfs-operator/api/v1alpha1"
	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
)

const (
	// probeDeadlineSeconds ends a probe whose pod does not come up.
	probeDeadlineSeconds int64 = 120
	// probeKeepSeconds is for an operator that was away when the probe ended.
	probeKeepSeconds int32 = 600
	// maxProbeName keeps the Job's name, with what is put around it, under 63.
	maxProbeName = 40
)

// ProbeJobName names the Job that tries a store.
func ProbeJobName(store *v1alpha1.LFSStore) string {
	name := strings.ReplaceAll(store.Name, ".", "-")
	return "lfs-probe-" + strings.TrimRight(name[:min(len(name), maxProbeName)], "-") + "-" + shortHash(string(store.UID))
}

// AnnotationGeneration on a probe's Job is the generation of the LFSStore that
// it was made for.
const AnnotationGeneration = "lfs-operator.dev/generation"

// ProbeJob tries what a store can do, beside its servers and with their
// credentials.
func ProbeJob(store *v1alpha1.LFSStore, install Install) (*batchv1ac.JobApplyConfiguration, error) {
	// A repository that is none: it brings the store's words to the usual builders.
	in := Inputs{Repository: &v1alpha1.LFSRepository{}, Store: store, Install: install, Location: probeLocation(store)}
	rendered, err := serverconfig.Marshal(&serverconfig.Config{Storage: storageConfig(in)})
	if err != nil {
		return nil, err
	}
	mounts := keyMounts(in)
	probe := container(in, ContainerProbe, gcDefaults(), "probe").
		WithEnv(corev1ac.EnvVar().WithName(serverconfig.EnvProbeConfig).WithValue(string(rendered)))
	if store.SessionMode() != v1alpha1.SessionsOff {
		issuer, err := serverconfig.MarshalIssuer(issuerConfig(in, nil))
		if err != nil {
			return nil, err
		}
		probe.WithEnv(corev1ac.EnvVar().WithName(serverconfig.EnvSessionsConfig).WithValue(string(issuer)))
	}
	spec := podSpec(in, in.Server()).
		WithServiceAccountName("default").
		WithRestartPolicy(corev1.RestartPolicyNever).
		WithContainers(withMounts(probe, mounts))
	labels := map[string]string{
		LabelName: AppName, LabelComponent: ComponentProbe, LabelManagedBy: ManagedBy, v1alpha1.LabelStore: store.Name,
	}
	return batchv1ac.Job(ProbeJobName(store), store.Spec.ServerNamespace).
		WithLabels(labels).
		WithAnnotations(map[string]string{AnnotationGeneration: fmt.Sprint(store.Generation)}).
		WithOwnerReferences(metav1ac.OwnerReference().
			WithAPIVersion(v1alpha1.GroupVersion.String()).
			WithKind("LFSStore").
			WithName(store.Name).
			WithUID(store.UID).
			WithController(true)).
		WithSpec(batchv1ac.JobSpec().
			WithBackoffLimit(0).
			WithActiveDeadlineSeconds(probeDeadlineSeconds).
			WithTTLSecondsAfterFinished(probeKeepSeconds).
			WithTemplate(corev1ac.PodTemplateSpec().WithLabels(labels).WithSpec(withVolumes(spec, mounts)))), nil
}

// probeLocation is a place of its own in a bucket that repositories use.
func probeLocation(store *v1alpha1.LFSStore) v1alpha1.Location {
	bucket := store.OwnBucket(store.Spec.ServerNamespace, "probe", store.UID)
	if store.Spec.Bucket == "" && len(store.Spec.AllowedBuckets) > 0 {
		bucket = store.Spec.AllowedBuckets[0]
	}
	return v1alpha1.Location{
		Endpoint:        store.Spec.Endpoint,
		Bucket:          bucket,
		Prefix:          "lfs-operator-probe/" + string(store.UID) + "/",
		Store:           store.Name,
		ServerNamespace: store.Spec.ServerNamespace,
	}
}
