package desired

import (
	"strconv"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	metav1ac "k8s.io/client-go/applyconfigurations/meta/v1"
	networkingv1ac "k8s.io/client-go/applyconfigurations/networking/v1"

	"github.com/lfs-operator/lfs-operator/api/v1alpha1"
	"github.com/lfs-operator/lfs-operator/internal/derive"
	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
)

// This file is about a repository that shares its server with others. What the
// server itself is made of belongs to the LFSStore: see sharedserver.go.

// SharedServer is a server of many repositories, by its name and what signing keys
// are sealed with for it.
type SharedServer struct {
	Name string
	Key  []byte
}

// SharedConfig is a repository's configuration as a shared server has it.
type SharedConfig struct {
	// Rendered is the content of the file SharedFile.
	Rendered string
	// Hash names it.
	Hash string
}

// MaxSharedConfig is the longest configuration that a shared server is given, in
// bytes: a hundred of them fit into a ConfigMap, which holds 1 MiB.
const MaxSharedConfig = 10_000

// maxSharedStore keeps the names of pods under 63 characters.
const maxSharedStore = 20

// SharedName names a shared server of a store: Deployment, ConfigMap, ServiceAccount,
// NetworkPolicy and PodDisruptionBudget.
func SharedName(store *v1alpha1.LFSStore, index int) string {
	name := strings.ReplaceAll(store.Name, ".", "-")
	return "lfs-shared-" + strings.TrimRight(name[:min(len(name), maxSharedStore)], "-") + "-" +
		shortHash(string(store.UID)) + "-" + strconv.Itoa(index)
}

// SharedFile is the key of a repository in the ConfigMap of a shared server.
func SharedFile(repo *v1alpha1.LFSRepository) string { return string(repo.UID) + ".yaml" }

// SharedServerConfig is the configuration of the repository for one of in.Shared. It
// differs from that of a server of its own in two things: the signing keys stand in
// it, sealed, because no Secret of a single repository is mounted there; and the grant
// is for the shared server's ServiceAccount.
func SharedServerConfig(in Inputs, server SharedServer) (SharedConfig, error) {
	config := ServerConfig(in)
	if in.sessions() {
		may := grantOf(in)
		may.ServiceAccount = in.Server().Namespace + "/" + server.Name
		config.Storage.Sessions = sessionsOf(in, may)
	}
	for i, key := range in.Credentials.SigningKeys {
		sealed, err := derive.Seal(server.Key, string(in.Repository.UID), key.ID, key.Key)
		if err != nil {
			return SharedConfig{}, err
		}
		config.SigningKeys[i].Sealed = sealed
	}
	rendered, err := serverconfig.Marshal(config)
	return SharedConfig{Rendered: string(rendered), Hash: serverconfig.Hash(rendered)}, err
}

// addShared adds what the repository needs of shared servers.
func (s *Set) addShared(in Inputs) error {
	s.Shared = map[string]SharedConfig{}
	for _, server := range in.Shared {
		config, err := SharedServerConfig(in, server)
		if err != nil {
			return err
		}
		s.Shared[server.Name] = config
		if in.Install.NetworkPolicies != NetworkPoliciesNone {
			s.Rest = append(s.Rest, sharedNetworkPolicy(in, server.Name))
		}
	}
	return nil
}

// selector of the pods that clients are sent to.
func (in Inputs) selector() map[string]string {
	if in.Clients != "" {
		return sharedSelector(in.Clients)
	}
	return SelectorLabels(in.Server().Base, ComponentServer)
}

func sharedSelector(name string) map[string]string { return SelectorLabels(name, ComponentShared) }

// sharedNetworkPolicy lets the repository's scans report to a shared server.
func sharedNetworkPolicy(in Inputs, server string) *networkingv1ac.NetworkPolicyApplyConfiguration {
	at := in.Server()
	return networkingv1ac.NetworkPolicy(ServerName(at.Base)+"-"+shortHash(server), at.Namespace).
		WithLabels(in.labels(at, ComponentServer)).
		WithSpec(networkingv1ac.NetworkPolicySpec().
			WithPolicyTypes(networkingv1.PolicyTypeIngress).
			WithPodSelector(metav1ac.LabelSelector().WithMatchLabels(sharedSelector(server))).
			WithIngress(networkingv1ac.NetworkPolicyIngressRule().
				WithPorts(networkPolicyPort(portAdmin)).
				WithFrom(scanPeer(in))))
}

// servers are the labels of all pods that may serve the repository.
func (in Inputs) servers() []map[string]string {
	out := []map[string]string{{LabelName: AppName, LabelInstance: in.Server().Base}}
	for _, server := range in.Shared {
		out = append(out, map[string]string{LabelName: AppName, LabelInstance: server.Name})
	}
	return out
}

// sharedConfigMount holds the configurations of a shared server's repositories.
func sharedConfigMount(name string) mount {
	source := corev1ac.ConfigMapVolumeSource().WithName(name).WithDefaultMode(fileMode)
	return mountAt("repositories", serverconfig.RepositoriesDir, corev1ac.Volume().WithConfigMap(source))
}
