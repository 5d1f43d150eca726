package desired

import (
	"crypto/ed25519"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
	appsv1ac "k8s.io/client-go/applyconfigurations/apps/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	metav1ac "k8s.io/client-go/applyconfigurations/meta/v1"
	networkingv1ac "k8s.io/client-go/applyconfigurations/networking/v1"

	appsv1 "k8s.io/api/apps/v1"

	"github.com/lfs-operator/lfs-operator/api/v1alpha1"
	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
	"github.com/lfs-operator/lfs-operator/internal/storesession"
)

// sessions is true where the server holds sessions with its store, and no key.
func (in Inputs) sessions() bool {
	return in.Store != nil && in.Apart() && in.GrantKey != nil && in.Store.UsesSessions()
}

// sessionsConfig says where the server gets sessions, and what it may have. A place
// that no session can be bound to gets a grant that no issuer takes: the server says
// so, and nobody gets the key.
func sessionsConfig(in Inputs) *serverconfig.Sessions {
	at := in.Server()
	may := storesession.Grant{
		Store: string(in.Store.UID), ServiceAccount: at.Namespace + "/" + ServerName(at.Base),
		Bucket: in.Location.Bucket, Prefix: in.Location.Prefix, CreateBucket: in.Store.Spec.CreateBuckets,
	}
	spec := in.Store.Spec
	if spec.Sessions != nil && spec.Encryption != nil && spec.Encryption.Type == v1alpha1.EncryptionKMS {
		may.KMSKey = storesession.KMSKey(spec.Sessions.RoleARN, spec.Encryption.KMSKeyID)
	}
	grant, err := storesession.Sign(may, in.GrantKey)
	if err != nil {
		grant = ""
	}
	return &serverconfig.Sessions{
		URL:   fmt.Sprintf("http://%s.%s.svc:%d", IssuerName(in.Store), at.Namespace, ServicePort),
		Grant: grant,
	}
}

// maxIssuerName keeps the names of pods under 63 characters.
const maxIssuerName = 20

// IssuerName names what makes the sessions of a store: Deployment, Service,
// ServiceAccount and NetworkPolicy.
func IssuerName(store *v1alpha1.LFSStore) string {
	name := strings.ReplaceAll(store.Name, ".", "-")
	return "lfs-sessions-" + strings.TrimRight(name[:min(len(name), maxIssuerName)], "-") + "-" + shortHash(string(store.UID))
}

// IssuerSubject is the issuer, as bindings name it.
func IssuerSubject(store *v1alpha1.LFSStore) rbacv1.Subject {
	return rbacv1.Subject{Kind: rbacv1.ServiceAccountKind, Name: IssuerName(store), Namespace: store.Spec.ServerNamespace}
}

// Issuer builds what makes sessions for the servers of a store: the one program
// that holds its key for longer than a job takes.
func Issuer(store *v1alpha1.LFSStore, key ed25519.PublicKey, install Install) ([]runtime.ApplyConfiguration, error) {
	// A repository that is none, as for probes.
	in := Inputs{Repository: &v1alpha1.LFSRepository{}, Store: store, Install: install, Location: probeLocation(store)}
	rendered, err := serverconfig.MarshalIssuer(issuerConfig(in, key))
	if err != nil {
		return nil, err
	}
	b := issuerBuilder{in: in, name: IssuerName(store), namespace: store.Spec.ServerNamespace}
	set := []runtime.ApplyConfiguration{b.serviceAccount(), b.service(), b.deployment(string(rendered))}
	if install.NetworkPolicies != NetworkPoliciesNone {
		set = append(set, b.networkPolicy())
	}
	return set, nil
}

// issuerConfig says how sessions are made.
func issuerConfig(in Inputs, key ed25519.PublicKey) *serverconfig.Issuer {
	store, storage := in.Store, storageConfig(in)
	storage.Bucket, storage.Prefix = "", ""
	config := &serverconfig.Issuer{
		Store: string(store.UID), StoreName: store.Name, Storage: storage, STS: store.STSEndpoint(),
		DurationSeconds: int64(store.SessionDuration(storesession.DefaultDuration) / time.Second), GrantKey: key,
	}
	if store.Spec.Sessions != nil {
		config.RoleARN = store.Spec.Sessions.RoleARN
	}
	return config
}

type issuerBuilder struct {
	in              Inputs
	name, namespace string
}

func (b issuerBuilder) labels() map[string]string {
	labels := SelectorLabels(b.name, ComponentSessions)
	labels[LabelManagedBy] = ManagedBy
	labels[v1alpha1.LabelStore] = b.in.Store.Name
	labels[v1alpha1.LabelStoreUID] = string(b.in.Store.UID)
	return labels
}

func (b issuerBuilder) owner() *metav1ac.OwnerReferenceApplyConfiguration {
	return metav1ac.OwnerReference().
		WithAPIVersion(v1alpha1.GroupVersion.String()).
		WithKind("LFSStore").
		WithName(b.in.Store.Name).
		WithUID(b.in.Store.UID).
		WithController(true)
}

func (b issuerBuilder) serviceAccount() *corev1ac.ServiceAccountApplyConfiguration {
	return corev1ac.ServiceAccount(b.name, b.namespace).
		WithLabels(b.labels()).
		WithOwnerReferences(b.owner()).
		WithAutomountServiceAccountToken(false)
}

func (b issuerBuilder) service() *corev1ac.ServiceApplyConfiguration {
	return corev1ac.Service(b.name, b.namespace).
		WithLabels(b.labels()).
		WithOwnerReferences(b.owner()).
		WithSpec(corev1ac.ServiceSpec().
			WithType(corev1.ServiceTypeClusterIP).
			WithSelector(SelectorLabels(b.name, ComponentSessions)).
			WithPorts(servicePort(portHTTP, ServicePort)))
}

// networkPolicy lets servers and jobs of this namespace in, and nobody else; out to
// what makes sessions.
func (b issuerBuilder) networkPolicy() *networkingv1ac.NetworkPolicyApplyConfiguration {
	ours := map[string]string{LabelName: AppName, LabelManagedBy: ManagedBy}
	return networkingv1ac.NetworkPolicy(b.name, b.namespace).
		WithLabels(b.labels()).
		WithOwnerReferences(b.owner()).
		WithSpec(bothWays(b.in.Install, networkingv1ac.NetworkPolicySpec(), issuerEgress(b.in)).
			WithPodSelector(metav1ac.LabelSelector().WithMatchLabels(SelectorLabels(b.name, ComponentSessions))).
			WithIngress(networkingv1ac.NetworkPolicyIngressRule().
				WithPorts(networkPolicyPort(portHTTP)).
				WithFrom(networkingv1ac.NetworkPolicyPeer().
					WithPodSelector(metav1ac.LabelSelector().WithMatchLabels(ours)))))
}

// deployment has one pod: servers do without it for half of a session's life.
func (b issuerBuilder) deployment(config string) *appsv1ac.DeploymentApplyConfiguration {
	mounts := append(keyMounts(b.in), apiServerMount())
	c := container(b.in, ContainerSessions, requirements("5m", "24Mi", "1", "128Mi"), "sessions").
		WithEnv(corev1ac.EnvVar().WithName(serverconfig.EnvSessionsConfig).WithValue(config)).
		WithPorts(
			corev1ac.ContainerPort().WithName(portHTTP).WithContainerPort(serverconfig.PortAPI).WithProtocol(corev1.ProtocolTCP),
			corev1ac.ContainerPort().WithName(portAdmin).WithContainerPort(serverconfig.PortAdmin).WithProtocol(corev1.ProtocolTCP),
		).
		WithReadinessProbe(probe("/readyz", 2, 2)).
		WithLivenessProbe(probe("/healthz", 10, 6))
	spec := podSpec(b.in, b.in.Server()).
		WithServiceAccountName(b.name).
		WithContainers(withMounts(c, mounts))
	return appsv1ac.Deployment(b.name, b.namespace).
		WithLabels(b.labels()).
		WithOwnerReferences(b.owner()).
		WithSpec(appsv1ac.DeploymentSpec().
			WithReplicas(1).
			WithRevisionHistoryLimit(keepReplicaSets).
			WithSelector(metav1ac.LabelSelector().WithMatchLabels(SelectorLabels(b.name, ComponentSessions))).
			WithStrategy(appsv1ac.DeploymentStrategy().
				WithType(appsv1.RollingUpdateDeploymentStrategyType).
				WithRollingUpdate(appsv1ac.RollingUpdateDeployment().
					WithMaxUnavailable(intstr.FromInt32(0)).
					WithMaxSurge(intstr.FromInt32(1)))).
			WithTemplate(corev1ac.PodTemplateSpec().WithLabels(b.labels()).WithSpec(withVolumes(spec, mounts))))
}
