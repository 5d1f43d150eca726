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
func sessionsConfig(in Inputs) *serverconfig.Sessions { return sessionsOf(in, grantOf(in)) }

func sessionsOf(in Inputs, may storesession.Grant) *serverconfig.Sessions {
	grant, err := storesession.Sign(may, in.GrantKey)
	if err != nil {
		grant = ""
	}
	return &serverconfig.Sessions{
		URL:   fmt.Sprintf("http://%s.%s.svc:%d", IssuerName(in.Store), in.Server().Namespace, ServicePort),
		Grant: grant,
	}
}

// grantOf is what the server may have of its store.
func grantOf(in Inputs) storesession.Grant {
	at, spec := in.Server(), in.Store.Spec
	may := storesession.Grant{
		Store: string(in.Store.UID), ServiceAccount: at.Namespace + "/" + ServerName(at.Base),
		Bucket: in.Location.Bucket, Prefix: in.Location.Prefix, CreateBucket: spec.CreateBuckets,
	}
	if spec.Encryption != nil && spec.Encryption.Type == v1alpha1.EncryptionKMS {
		may.KMSKey = storesession.KMSKey(in.Store.RoleARN(), spec.Encryption.KMSKeyID)
	}
	return may
}

// identified is true where pods prove to the store, or to the issuer of its sessions,
// who they are: they need their ServiceAccount, and no Secret.
func (in Inputs) identified() bool { return in.sessions() || in.storage().WebIdentity != nil }

// jobSessions is sessions, but for places that no session can be bound to: jobs that
// the administrator has let near them have the key, where there is one.
func (in Inputs) jobSessions() bool {
	return in.sessions() && (in.storage().CredentialsSecretRef == nil || grantOf(in).Bound() == nil)
}

// webIdentityConfig is how whoever has no session of an issuer assumes the store's role.
func webIdentityConfig(in Inputs) *serverconfig.WebIdentity {
	storage := in.storage()
	if storage.WebIdentity == nil {
		return nil
	}
	at := in.Server()
	who := at.Namespace + "/" + ServerName(at.Base)
	if in.Store != nil {
		who = in.Store.Spec.ServerNamespace + "/" + IssuerAccount(in.Store)
	}
	return &serverconfig.WebIdentity{
		STS: storage.STSEndpoint(), RoleARN: storage.WebIdentity.RoleARN, Audience: storage.WebIdentity.TokenAudience(), ServiceAccount: who,
	}
}

// maxIssuerName keeps the names of pods under 63 characters.
const maxIssuerName = 20

// IssuerName names what makes the sessions of a store: Deployment, Service and
// NetworkPolicy.
func IssuerName(store *v1alpha1.LFSStore) string {
	name := strings.ReplaceAll(store.Name, ".", "-")
	return "lfs-sessions-" + strings.TrimRight(name[:min(len(name), maxIssuerName)], "-") + "-" + shortHash(string(store.UID))
}

// IssuerAccount names its ServiceAccount, which the trust policies of roles name too: so
// it is known before there is a store.
func IssuerAccount(store *v1alpha1.LFSStore) string { return "lfs-sessions-" + store.Name }

// IssuerSubject is the issuer, as bindings name it.
func IssuerSubject(store *v1alpha1.LFSStore) rbacv1.Subject {
	return rbacv1.Subject{Kind: rbacv1.ServiceAccountKind, Name: IssuerAccount(store), Namespace: store.Spec.ServerNamespace}
}

// Issuer builds what makes sessions for the servers of a store: the one program
// that holds its key, or may assume its role, for longer than a job takes.
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
	return &serverconfig.Issuer{
		Store: string(store.UID), StoreName: store.Name, Storage: storage, STS: store.STSEndpoint(), RoleARN: store.RoleARN(),
		DurationSeconds: int64(store.SessionDuration(storesession.DefaultDuration) / time.Second), GrantKey: key,
	}
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
	return storeReference(b.in.Store)
}

// storeReference owns what is made for a store and no repository.
func storeReference(store *v1alpha1.LFSStore) *metav1ac.OwnerReferenceApplyConfiguration {
	return metav1ac.OwnerReference().
		WithAPIVersion(v1alpha1.GroupVersion.String()).
		WithKind("LFSStore").
		WithName(store.Name).
		WithUID(store.UID).
		WithController(true)
}

func (b issuerBuilder) serviceAccount() *corev1ac.ServiceAccountApplyConfiguration {
	return corev1ac.ServiceAccount(IssuerAccount(b.in.Store), b.namespace).
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
		WithServiceAccountName(IssuerAccount(b.in.Store)).
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
