package desired

import (
	"fmt"

	"github.com/lfs-operator/lfs-operator/api/v1alpha1"
)

// Names of the objects of one LFSRepository, from the Base of their Place: its
// own name, or one that is unique where the objects of many lie together. Every name is made here, and
// nowhere else. A repository's own name has at most 40 characters, so the
// longest (of a Job of the CronJob) stays under 63.

// ServerName names the Deployment and what belongs to it: ConfigMap,
// ServiceAccount, RoleBinding, Service, NetworkPolicy and PodDisruptionBudget.
func ServerName(repository string) string { return repository + "-lfs" }

// GCName names the CronJob of garbage collection.
func GCName(repository string) string { return repository + "-lfs-gc" }

// GCJobName names the Job that answers one request to collect garbage at once.
func GCJobName(repository, request string) string {
	return GCName(repository) + "-" + shortHash(request)
}

// CheckJobName names the Job that tries whether the history can be read. what
// tells one attempt from the next.
func CheckJobName(repository, what string) string {
	return repository + "-lfs-check-" + shortHash(what)
}

// PurgeJobName names the Job that deletes the data of a deleted repository.
func PurgeJobName(repository string) string { return repository + "-lfs-purge" }

// AdoptJobName names the Job that takes objects over, once for each request.
func AdoptJobName(base, request string) string { return base + "-lfs-adopt-" + shortHash(request) }

// SweepJobName names the Job that follows a scan where the server runs.
func SweepJobName(base, run string) string { return base + "-lfs-sweep-" + shortHash(run) }

// AccessSecretName names the Secret for people: URL and default token.
func AccessSecretName(repository string) string { return repository + "-lfs-access" }

// TokenSecretName names the Secret of a named token.
func TokenSecretName(repository, token string) string {
	return repository + "-lfs-token-" + token
}

// KeysSecretName names the Secret with the server's signing keys.
func KeysSecretName(repository string) string { return repository + "-lfs-keys" }

// ScanSecretName names the Secret with the token that scans report with. Nobody else
// has one of that name.
func ScanSecretName(repo *v1alpha1.LFSRepository) string {
	return repo.Name + "-lfs-scan-" + shortHash(string(repo.UID))
}

// Kubernetes' own labels, and the values that are used for them.
const (
	LabelName      = "app.kubernetes.io/name"
	LabelInstance  = "app.kubernetes.io/instance"
	LabelComponent = "app.kubernetes.io/component"
	LabelManagedBy = "app.kubernetes.io/managed-by"

	// LabelRun names the run that a sweep belongs to: the Job of its scan.
	LabelRun = "lfs-operator.dev/run"

	AppName   = "lfs-server"
	ManagedBy = "lfs-operator"
)

// Components of a repository, the values of LabelComponent.
const (
	ComponentServer = "server"
	ComponentGC     = "gc"
	ComponentSweep  = "sweep"
	ComponentCheck  = "history-check"
	ComponentPurge  = "purge"
	ComponentAdopt  = "adopt"
	ComponentAccess = "access"
	ComponentProbe  = "probe"
	// ComponentSessions is the issuer of sessions of a store.
	ComponentSessions = "sessions"
)

// Names inside pods.
const (
	ContainerServer = "server"
	ContainerScan   = "scan"
	ContainerSweep  = "sweep"
	ContainerPurge  = "purge"
	ContainerAdopt  = "adopt"
	ContainerProbe  = "probe"

	ContainerSessions = "sessions"

	portHTTP  = "http"
	portAdmin = "admin"
)

// Labels are on every object that belongs to the repository.
func Labels(repo *v1alpha1.LFSRepository, component string) map[string]string {
	labels := SelectorLabels(repo.Name, component)
	labels[LabelManagedBy] = ManagedBy
	labels[v1alpha1.LabelRepository] = repo.Name
	labels[v1alpha1.LabelRepositoryUID] = string(repo.UID)
	return labels
}

// SelectorLabels select the pods of one component. Selectors of Deployments are
// immutable, so nothing may ever be added here.
func SelectorLabels(repository, component string) map[string]string {
	return map[string]string{
		LabelName:      AppName,
		LabelInstance:  repository,
		LabelComponent: component,
	}
}

// ServiceHosts are the hosts by which clients in the cluster reach the server,
// the one that always resolves first.
func ServiceHosts(repo *v1alpha1.LFSRepository, clusterDomain string) []string {
	short := fmt.Sprintf("%s.%s.svc", ServerName(repo.Name), repo.Namespace)
	return []string{short + "." + clusterDomain, short}
}

// APIRoot is the URL that clients set as lfs.url.
func APIRoot(scheme, host string, repo *v1alpha1.LFSRepository) string {
	return fmt.Sprintf("%s://%s/%s/%s.git/info/lfs", scheme, host, repo.Namespace, repo.Name)
}
