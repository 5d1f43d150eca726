package desired

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	batchv1ac "k8s.io/client-go/applyconfigurations/batch/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	metav1ac "k8s.io/client-go/applyconfigurations/meta/v1"
	networkingv1ac "k8s.io/client-go/applyconfigurations/networking/v1"

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

// ProbeJob tries what a store can do, beside its servers and with its key or role.
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
	account := "default"
	if store.Spec.WebIdentity != nil {
		account = IssuerAccount(store) // the one that the role knows
	}
	spec := podSpec(in, in.Server()).
		WithServiceAccountName(account).
		WithRestartPolicy(corev1.RestartPolicyNever).
		WithContainers(withMounts(probe, mounts))
	labels := probeLabels(store)
	return batchv1ac.Job(ProbeJobName(store), store.Spec.ServerNamespace).
		WithLabels(labels).
		WithAnnotations(map[string]string{AnnotationGeneration: fmt.Sprint(store.Generation)}).
		WithOwnerReferences(storeReference(store)).
		WithSpec(batchv1ac.JobSpec().
			WithBackoffLimit(0).
			WithActiveDeadlineSeconds(probeDeadlineSeconds).
			WithTTLSecondsAfterFinished(probeKeepSeconds).
			WithTemplate(corev1ac.PodTemplateSpec().WithLabels(labels).WithSpec(withVolumes(spec, mounts)))), nil
}

func probeLabels(store *v1alpha1.LFSStore) map[string]string {
	return map[string]string{
		LabelName: AppName, LabelComponent: ComponentProbe, LabelManagedBy: ManagedBy, v1alpha1.LabelStore: store.Name,
	}
}

// ProbeNetworkPolicy lets nobody connect to the pod that tries a store, and lets it out
// to the store and what makes its sessions. It stays between probes. Empty where no
// policies are wanted.
func ProbeNetworkPolicy(store *v1alpha1.LFSStore, install Install) []runtime.ApplyConfiguration {
	if install.NetworkPolicies == NetworkPoliciesNone {
		return nil
	}
	in := Inputs{Repository: &v1alpha1.LFSRepository{}, Store: store, Install: install, Location: probeLocation(store)}
	labels := probeLabels(store)
	labels[v1alpha1.LabelStoreUID] = string(store.UID)
	return []runtime.ApplyConfiguration{networkingv1ac.NetworkPolicy(ProbeJobName(store), store.Spec.ServerNamespace).
		WithLabels(labels).
		WithOwnerReferences(storeReference(store)).
		WithSpec(bothWays(install, networkingv1ac.NetworkPolicySpec(), probeEgress(in)).
			WithPodSelector(metav1ac.LabelSelector().WithMatchLabels(probeLabels(store))))}
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
