package desired

import (
	"crypto/ed25519"
	"time"

	"github.com/lfs-operator/lfs-operator/api/v1alpha1"
	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
)

// Inputs is everything that the objects of a repository are made from.
type Inputs struct {
	// Repository is read, never changed.
	Repository *v1alpha1.LFSRepository
	// Store that the repository lies in; nil: storage of its own.
	Store *v1alpha1.LFSStore
	// Policy that applies.
	Policy v1alpha1.EffectivePolicy
	// Location of the data, as pinned in status.
	Location v1alpha1.Location
	// Credentials that the server is to accept.
	Credentials Credentials
	// GrantKey signs what the server may have of its store, where servers get
	// sessions instead of the store's key.
	GrantKey ed25519.PrivateKey
	// GatewayAPI is true where the cluster knows HTTPRoutes.
	GatewayAPI bool
	// Install says how the operator itself was installed.
	Install Install
	// Clients is the shared server that clients are sent to; empty: the repository's
	// own, which NoOwn says is not wanted (any more, or yet).
	Clients string
	NoOwn   bool
	// Shared servers that are to serve the repository.
	Shared []SharedServer
	// Scaled is how many replicas the Deployment has, where a HorizontalPodAutoscaler
	// may have decided that; 0 where there is none yet.
	Scaled int32
}

// Install is what all repositories of one operator have in common.
type Install struct {
	// Image of every role: the operator's own.
	Image string
	// OperatorNamespace may reach the admin port.
	OperatorNamespace string
	// ClusterDomain ends the names of Services, usually cluster.local.
	ClusterDomain string
	// NetworkPolicies that are made. Empty: for both directions.
	NetworkPolicies NetworkPolicies
	// ServerLogLevel of all pods of repositories, empty for theirs: debug, info,
	// warn or error.
	ServerLogLevel string
	// UserNamespaces: pods get a user namespace each (hostUsers: false), which
	// nodes must be able to do.
	UserNamespaces bool
}

// NetworkPolicies says for which directions NetworkPolicies are made.
type NetworkPolicies string

// The directions.
const (
	NetworkPoliciesBoth    NetworkPolicies = "Both"
	NetworkPoliciesIngress NetworkPolicies = "Ingress"
	NetworkPoliciesNone    NetworkPolicies = "None"
)

// Credentials are the derived secrets of a repository. The builders put them
// into Secrets, and only their hashes into anything else.
type Credentials struct {
	Tokens      []Token
	StatusToken string
	ScanToken   string
	SigningKeys []SigningKey
}

// Token is an access token of one generation.
type Token struct {
	// Name of the token; DefaultToken for the one in the access Secret.
	Name       string
	Scope      v1alpha1.TokenScope
	Generation int64
	Value      string
	ExpiresAt  *time.Time
	// Previous is the token of the generation before, valid until PreviousUntil.
	Previous      string
	PreviousUntil *time.Time
}

// DefaultToken is the name of the token that every repository has.
const DefaultToken = "default"

// SigningKey is a key of the server's action tokens.
type SigningKey struct {
	ID         string
	Key        []byte
	Generation int64
	Signs      bool
}

// Endpoints are the hosts of the server, those outside the cluster first, each
// with the store's endpoint that its clients reach.
func (in Inputs) Endpoints() []serverconfig.Endpoint {
	var out []serverconfig.Endpoint
	public := firstOf(in.storage().PublicEndpoint, in.Location.Endpoint)
	for _, endpoint := range in.exposed() {
		out = append(out, serverconfig.Endpoint{
			Scheme:        firstOf(string(endpoint.Scheme), string(v1alpha1.SchemeHTTPS)),
			Host:          endpoint.Host,
			StoreEndpoint: firstOf(endpoint.StoreEndpoint, public),
		})
	}
	for _, host := range ServiceHosts(in.Repository, in.Install.ClusterDomain) {
		out = append(out, serverconfig.Endpoint{
			Scheme: string(v1alpha1.SchemeHTTP), Host: host, StoreEndpoint: in.Location.Endpoint,
		})
	}
	return out
}

// storage describes the object store, whosever it is.
func (in Inputs) storage() *v1alpha1.Storage {
	if in.Store != nil {
		return in.Store.Storage()
	}
	return in.Repository.Spec.Storage
}

// exposed are the endpoints outside of the cluster: the repository's, or those
// that its store makes for it.
func (in Inputs) exposed() []v1alpha1.Endpoint {
	repo := in.Repository
	if e := repo.Spec.Exposure; e != nil && len(e.Endpoints) > 0 {
		return e.Endpoints
	}
	if in.Store == nil || in.Store.Spec.Exposure == nil {
		return nil
	}
	var out []v1alpha1.Endpoint
	for _, e := range in.Store.Spec.Exposure.Endpoints {
		out = append(out, v1alpha1.Endpoint{
			Host:   v1alpha1.Expand(e.HostTemplate, repo.Namespace, repo.Name, repo.UID),
			Scheme: e.Scheme, StoreEndpoint: e.StoreEndpoint,
		})
	}
	return out
}

// EndpointStatus lists the URLs for status, the first being the one that most
// clients should use.
func (in Inputs) EndpointStatus() []v1alpha1.EndpointStatus {
	external := len(in.exposed())
	var out []v1alpha1.EndpointStatus
	for i, endpoint := range in.Endpoints() {
		kind := v1alpha1.EndpointInternal
		if i < external {
			kind = v1alpha1.EndpointExternal
		}
		out = append(out, v1alpha1.EndpointStatus{URL: APIRoot(endpoint.Scheme, endpoint.Host, in.Repository), Type: kind})
	}
	return out
}

func firstOf(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}
