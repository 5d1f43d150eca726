package desired

import (
	"path"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
	appsv1ac "k8s.io/client-go/applyconfigurations/apps/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	metav1ac "k8s.io/client-go/applyconfigurations/meta/v1"
	networkingv1ac "k8s.io/client-go/applyconfigurations/networking/v1"
	policyv1ac "k8s.io/client-go/applyconfigurations/policy/v1"

	"github.com/lfs-operator/lfs-operator/api/v1alpha1"
	"github.com/lfs-operator/lfs-operator/internal/derive"
	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
)

// ComponentShared is a server of many repositories.
const ComponentShared = "shared-server"

const portMetrics = "metrics"

// sharedDefaults are for as many repositories as a server may be given: a change of
// that number alone replaces no pod. The limit covers all that is remembered of them.
func sharedDefaults() corev1.ResourceRequirements {
	return requirements("50m", "96Mi", "2", "1Gi")
}

type sharedBuilder struct {
	in     Inputs
	server SharedServer
}

// SharedServerObjects builds a shared server. The data of its ConfigMap is not among
// it: each repository's pass writes its own key there. Nothing is owned by the store:
// a server that serves goes on when that is deleted.
func SharedServerObjects(store *v1alpha1.LFSStore, server SharedServer, install Install) []runtime.ApplyConfiguration {
	// A repository that is none, as for probes. The grant key only says that there
	// are sessions; no grant is made here.
	in := Inputs{
		Repository: &v1alpha1.LFSRepository{}, Store: store, Install: install, Location: probeLocation(store),
		Policy: v1alpha1.ResolvePolicy(&v1alpha1.LFSRepository{}, store.PolicyDefaults()), GrantKey: []byte{0},
	}
	b := sharedBuilder{in: in, server: server}
	set := []runtime.ApplyConfiguration{b.configMap(), b.serviceAccount(), b.podDisruptionBudget(), b.deployment()}
	if install.NetworkPolicies != NetworkPoliciesNone {
		set = append(set, b.networkPolicy())
	}
	return set
}

// SharedSecretName names the Secret of a shared server: another one for another key.
func SharedSecretName(server SharedServer) string {
	return server.Name + "-" + derive.Fingerprint(server.Key)[:10]
}

// SharedSecret holds what opens the signing keys in a shared server's configurations.
func SharedSecret(store *v1alpha1.LFSStore, server SharedServer) *corev1.Secret {
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: store.Spec.ServerNamespace, Name: SharedSecretName(server),
			Labels: SharedLabels(store, server.Name),
		},
		Type: corev1.SecretTypeOpaque,
		Data: map[string][]byte{"key": server.Key},
	}
}

// SharedLabels are on all that belongs to a shared server.
func SharedLabels(store *v1alpha1.LFSStore, name string) map[string]string {
	labels := sharedSelector(name)
	labels[LabelManagedBy] = ManagedBy
	labels[v1alpha1.LabelStore] = store.Name
	labels[v1alpha1.LabelStoreUID] = string(store.UID)
	return labels
}

func (b sharedBuilder) namespace() string         { return b.in.Store.Spec.ServerNamespace }
func (b sharedBuilder) labels() map[string]string { return SharedLabels(b.in.Store, b.server.Name) }

func (b sharedBuilder) configMap() *corev1ac.ConfigMapApplyConfiguration {
	return corev1ac.ConfigMap(b.server.Name, b.namespace()).WithLabels(b.labels())
}

func (b sharedBuilder) serviceAccount() *corev1ac.ServiceAccountApplyConfiguration {
	return corev1ac.ServiceAccount(b.server.Name, b.namespace()).
		WithLabels(b.labels()).
		WithAutomountServiceAccountToken(false)
}

func (b sharedBuilder) podDisruptionBudget() *policyv1ac.PodDisruptionBudgetApplyConfiguration {
	return policyv1ac.PodDisruptionBudget(b.server.Name, b.namespace()).
		WithLabels(b.labels()).
		WithSpec(policyv1ac.PodDisruptionBudgetSpec().
			WithMaxUnavailable(intstr.FromInt32(1)).
			WithUnhealthyPodEvictionPolicy(policyv1.AlwaysAllow).
			WithSelector(metav1ac.LabelSelector().WithMatchLabels(sharedSelector(b.server.Name))))
}

// networkPolicy lets everybody reach the API, and the operator the rest. Scans get
// to the admin port by the policies of their repositories. The store, and what makes
// its sessions, is all that the server reaches.
func (b sharedBuilder) networkPolicy() *networkingv1ac.NetworkPolicyApplyConfiguration {
	operator := networkingv1ac.NetworkPolicyPeer().WithNamespaceSelector(metav1ac.LabelSelector().
		WithMatchLabels(map[string]string{corev1.LabelMetadataName: b.in.Install.OperatorNamespace}))
	return networkingv1ac.NetworkPolicy(b.server.Name, b.namespace()).
		WithLabels(b.labels()).
		WithSpec(bothWays(b.in.Install, networkingv1ac.NetworkPolicySpec(), b.egress()).
			WithPodSelector(metav1ac.LabelSelector().WithMatchLabels(sharedSelector(b.server.Name))).
			WithIngress(
				networkingv1ac.NetworkPolicyIngressRule().WithPorts(networkPolicyPort(portHTTP)),
				networkingv1ac.NetworkPolicyIngressRule().
					WithPorts(networkPolicyPort(portAdmin), networkPolicyPort(portMetrics)).
					WithFrom(operator),
			))
}

func (b sharedBuilder) egress() []*networkingv1ac.NetworkPolicyEgressRuleApplyConfiguration {
	rules := []*networkingv1ac.NetworkPolicyEgressRuleApplyConfiguration{dnsRule()}
	if b.in.sessions() {
		rules = append(rules, sessionsRule(b.in.Store))
	}
	r := newReach(b.in, b.namespace())
	r.add(b.in.Store.Spec.Endpoint)
	return append(rules, r.rules()...)
}

func (b sharedBuilder) deployment() *appsv1ac.DeploymentApplyConfiguration {
	replicas := b.in.Policy.Replicas.Value
	return appsv1ac.Deployment(b.server.Name, b.namespace()).
		WithLabels(b.labels()).
		WithSpec(appsv1ac.DeploymentSpec().
			WithReplicas(replicas).
			WithRevisionHistoryLimit(keepReplicaSets).
			WithSelector(metav1ac.LabelSelector().WithMatchLabels(sharedSelector(b.server.Name))).
			WithStrategy(appsv1ac.DeploymentStrategy().
				WithType(appsv1.RollingUpdateDeploymentStrategyType).
				WithRollingUpdate(appsv1ac.RollingUpdateDeployment().
					WithMaxUnavailable(intstr.FromInt32(0)).
					WithMaxSurge(intstr.FromInt32(1)))).
			WithTemplate(b.template(replicas)))
}

func (b sharedBuilder) template(replicas int32) *corev1ac.PodTemplateSpecApplyConfiguration {
	keys := secretMount("keys", serverconfig.KeysDir, SharedSecretName(b.server))
	mounts := slices.Concat([]mount{sharedConfigMount(b.server.Name), keys}, storeMounts(b.in))
	server := container(b.in, ContainerServer, withWish(sharedDefaults(), resourceWish(b.in)), "serve", "--repositories-dir", path.Clean(serverconfig.RepositoriesDir)).
		WithPorts(
			containerPort(portHTTP, serverconfig.PortAPI),
			containerPort(portAdmin, serverconfig.PortAdmin),
			containerPort(portMetrics, serverconfig.PortMetrics),
		).
		WithStartupProbe(probe("/readyz", 1, 60)).
		WithReadinessProbe(probe("/readyz", 5, 2)).
		WithLivenessProbe(probe("/healthz", 10, 6))
	spec := podSpec(b.in, b.in.Server()).
		WithServiceAccountName(b.server.Name).
		WithContainers(withMounts(server, mounts)).
		WithTerminationGracePeriodSeconds(drainSeconds)
	if replicas > 1 {
		spec.WithTopologySpreadConstraints(spread(sharedSelector(b.server.Name)))
	}
	out := corev1ac.PodTemplateSpec()
	if template := podTemplateOf(b.in, b.in.Server()); template != nil {
		out.WithLabels(template.Labels).WithAnnotations(template.Annotations)
	}
	return out.WithLabels(b.labels()).WithSpec(withVolumes(spec, mounts))
}

func containerPort(name string, number int32) *corev1ac.ContainerPortApplyConfiguration {
	return corev1ac.ContainerPort().WithName(name).WithContainerPort(number).WithProtocol(corev1.ProtocolTCP)
}
