package desired

import (
	"path"

	"k8s.io/apimachinery/pkg/api/resource"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"

	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
	"github.com/lfs-operator/lfs-operator/internal/storesession"
)

// Mounted files are for the group only, which fsGroup makes ours.
const fileMode int32 = 0o440

// mount is a volume and where a container sees it. The same volume can be
// mounted by several containers of a pod.
type mount struct {
	volume *corev1ac.VolumeApplyConfiguration
	at     *corev1ac.VolumeMountApplyConfiguration
}

// configMount is the configuration of the programs in a place. It is the one mount that is not
// optional: without it there is nothing to do.
func configMount(at Place) mount {
	source := corev1ac.ConfigMapVolumeSource().WithName(ServerName(at.Base)).WithDefaultMode(fileMode)
	return mountAt("config", path.Dir(serverconfig.File), corev1ac.Volume().WithConfigMap(source))
}

// storeMounts are what the store is reached with: sessions or its credentials, and
// its CA where one is named.
func storeMounts(in Inputs) []mount {
	if !in.sessions() {
		return keyMounts(in)
	}
	return append([]mount{storeTokenMount(storesession.Audience)}, caMounts(in)...)
}

// keyMounts are the credentials of the store and its CA, whoever else gets sessions: a
// key, or the token that its role is assumed by.
func keyMounts(in Inputs) []mount {
	storage := in.storage()
	if w := storage.WebIdentity; w != nil {
		return append([]mount{storeTokenMount(w.TokenAudience())}, caMounts(in)...)
	}
	return append([]mount{secretMount("store-credentials", serverconfig.StoreCredentialsDir, storage.CredentialsSecretRef.Name)}, caMounts(in)...)
}

func caMounts(in Inputs) (mounts []mount) {
	storage := in.storage()
	if storage.CASecretRef != nil {
		mounts = append(mounts, secretMount("store-ca", path.Dir(serverconfig.StoreCAFile), storage.CASecretRef.Name))
	}
	return mounts
}

// keysMount holds the signing keys.
func keysMount(in Inputs) mount {
	return secretMount("keys", serverconfig.KeysDir, KeysSecretName(in.Server().Base))
}

// jwtMounts are the Secrets of JWT issuers: keys, or a CA. They are the tenant's:
// where the server runs apart, another Secret would answer to the name.
func jwtMounts(in Inputs) []mount {
	a := in.Repository.Spec.Access
	if a == nil || a.JWT == nil || in.Apart() {
		return nil
	}
	var mounts []mount
	for _, issuer := range a.JWT.Issuers {
		if secret := issuer.SecretRef(); secret != nil {
			mounts = append(mounts, secretMount("jwt-"+issuer.Name, path.Join(serverconfig.JWTDir, issuer.Name), secret.Name))
		}
	}
	return mounts
}

// ownTokenSeconds is the life of the server's own ServiceAccount token; the
// kubelet replaces it when four fifths are over.
const ownTokenSeconds int64 = 3600

// kubernetesMounts are what the server asks the API server with: a token of its
// own ServiceAccount and the API server's CA. Only where it has to ask.
func kubernetesMounts(in Inputs) []mount {
	if !in.Repository.Spec.AdmitsServiceAccounts() {
		return nil
	}
	return []mount{apiServerMount()}
}

// storeTokenMount is the token that sessions with the store are asked for with. It
// opens nothing else.
func storeTokenMount(audience string) mount {
	source := corev1ac.ProjectedVolumeSource().WithDefaultMode(fileMode).WithSources(
		corev1ac.VolumeProjection().WithServiceAccountToken(corev1ac.ServiceAccountTokenProjection().
			WithAudience(audience).
			WithPath(path.Base(serverconfig.StoreTokenFile)).WithExpirationSeconds(ownTokenSeconds)))
	return mountAt("store-sessions", path.Dir(serverconfig.StoreTokenFile), corev1ac.Volume().WithProjected(source))
}

// apiServerMount holds a token of the pod's ServiceAccount and the API server's CA.
func apiServerMount() mount {
	source := corev1ac.ProjectedVolumeSource().WithDefaultMode(fileMode).WithSources(
		corev1ac.VolumeProjection().WithServiceAccountToken(corev1ac.ServiceAccountTokenProjection().
			WithPath(serverconfig.KubernetesToken).WithExpirationSeconds(ownTokenSeconds)),
		// Kubernetes puts this ConfigMap into every namespace.
		corev1ac.VolumeProjection().WithConfigMap(corev1ac.ConfigMapProjection().WithName("kube-root-ca.crt").
			WithItems(corev1ac.KeyToPath().WithKey("ca.crt").WithPath(serverconfig.KubernetesCA))),
	)
	return mountAt("kubernetes", serverconfig.KubernetesDir, corev1ac.Volume().WithProjected(source))
}

// scanMounts are what a scan needs: the token that it reports with, and one
// Secret per history entry. The store's credentials are not among them.
func scanMounts(in Inputs) []mount {
	mounts := []mount{secretMount("scan-token", path.Dir(serverconfig.ScanTokenFile), ScanSecretName(in.Repository))}
	for _, entry := range in.Repository.Spec.History {
		if entry.SecretRef == nil {
			continue
		}
		// Names of entries may hold what names of volumes may not.
		volume := "history-" + shortHash(entry.Name)
		mounts = append(mounts, secretMount(volume, path.Join(serverconfig.HistoryDir, entry.Name), entry.SecretRef.Name))
	}
	return mounts
}

// workMount is a directory to write to.
func workMount(sizeLimit string) mount {
	source := corev1ac.EmptyDirVolumeSource().WithSizeLimit(resource.MustParse(sizeLimit))
	m := mountAt("work", workDir, corev1ac.Volume().WithEmptyDir(source))
	m.at.ReadOnly = nil
	return m
}

const workDir = "/tmp"

// secretMount mounts a Secret that may be missing: the program says which one,
// and what to do, where the kubelet would only wait.
func secretMount(volume, dir, secret string) mount {
	source := corev1ac.SecretVolumeSource().WithSecretName(secret).WithOptional(true).WithDefaultMode(fileMode)
	return mountAt(volume, dir, corev1ac.Volume().WithSecret(source))
}

func mountAt(name, dir string, volume *corev1ac.VolumeApplyConfiguration) mount {
	return mount{
		volume: volume.WithName(name),
		at:     corev1ac.VolumeMount().WithName(name).WithMountPath(dir).WithReadOnly(true),
	}
}

// withMounts gives a container its mounts.
func withMounts(c *corev1ac.ContainerApplyConfiguration, mounts []mount) *corev1ac.ContainerApplyConfiguration {
	for _, m := range mounts {
		c.WithVolumeMounts(m.at)
	}
	return c
}

// withVolumes gives a pod each volume once.
func withVolumes(spec *corev1ac.PodSpecApplyConfiguration, mounts ...[]mount) *corev1ac.PodSpecApplyConfiguration {
	seen := map[string]bool{}
	for _, list := range mounts {
		for _, m := range list {
			if name := *m.volume.Name; !seen[name] {
				seen[name] = true
				spec.WithVolumes(m.volume)
			}
		}
	}
	return spec
}
