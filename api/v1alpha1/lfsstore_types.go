package v1alpha1

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// LFSStore is an object store that its administrator hands out to namespaces,
// like a StorageClass: LFSRepositories name it, and neither see its credentials
// nor leave the prefix that they are given.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Cluster,shortName=lfss,categories=lfs
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Endpoint",type=string,JSONPath=`.spec.endpoint`
// +kubebuilder:printcolumn:name="Default",type=string,JSONPath=`.metadata.annotations.lfs-operator\.dev/is-default-store`
// +kubebuilder:printcolumn:name="Repositories",type=integer,JSONPath=`.status.repositories`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Bucket",type=string,priority=1,JSONPath=`.spec.bucket`
// +kubebuilder:printcolumn:name="Servers",type=string,priority=1,JSONPath=`.spec.serverNamespace`
// +kubebuilder:printcolumn:name="Reason",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:validation:XValidation:rule=`self.metadata.name.size() <= 63`,message="metadata.name must be at most 63 characters: it stands in labels"
type LFSStore struct {
	metav1.TypeMeta `json:",inline"`
	// metadata of the object; the name has at most 63 characters.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is what the administrator says of the store.
	// +required
	Spec LFSStoreSpec `json:"spec"`
	// status is what the operator found.
	// +optional
	Status LFSStoreStatus `json:"status,omitzero"`
}

// LFSStoreList is a list of LFSStores.
//
// +kubebuilder:object:root=true
type LFSStoreList struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []LFSStore `json:"items"`
}

// LFSStoreSpec says where the store is, who may use it, and within which limits.
//
// +kubebuilder:validation:ExactlyOneOf=bucket;bucketTemplate
// +kubebuilder:validation:ExactlyOneOf=credentialsSecretRef;webIdentity
// +kubebuilder:validation:XValidation:rule=`!has(self.webIdentity) || !has(self.sessions) || !has(self.sessions.mode) || self.sessions.mode != 'Off'`,message="must not be Off with webIdentity: there is no key that servers could hold instead",reason=FieldValueForbidden,fieldPath=".sessions.mode"
// +kubebuilder:validation:XValidation:rule=`!has(self.webIdentity) || !has(self.sessions) || !has(self.sessions.roleARN)`,message="must be left out with webIdentity: webIdentity.roleARN is the role of the sessions",reason=FieldValueForbidden,fieldPath=".sessions.roleARN"
// +kubebuilder:validation:XValidation:rule=`!has(self.webIdentity) || !has(self.sessions) || !has(self.sessions.endpoint)`,message="must be left out with webIdentity: webIdentity.stsEndpoint makes the sessions",reason=FieldValueForbidden,fieldPath=".sessions.endpoint"
// +kubebuilder:validation:XValidation:rule=`has(self.region) == has(oldSelf.region) && (!has(self.region) || self.region == oldSelf.region)`,message="is immutable because it says where the data lies (that includes setting and removing it): make a new LFSStore for another place",reason=FieldValueForbidden,fieldPath=".region"
// +kubebuilder:validation:XValidation:rule=`has(self.bucket) == has(oldSelf.bucket) && (!has(self.bucket) || self.bucket == oldSelf.bucket)`,message="is immutable because it says where the data lies (that includes setting and removing it): make a new LFSStore for another place",reason=FieldValueForbidden,fieldPath=".bucket"
// +kubebuilder:validation:XValidation:rule=`has(self.bucketTemplate) == has(oldSelf.bucketTemplate) && (!has(self.bucketTemplate) || self.bucketTemplate == oldSelf.bucketTemplate)`,message="is immutable because it says where the data lies (that includes setting and removing it): make a new LFSStore for another place",reason=FieldValueForbidden,fieldPath=".bucketTemplate"
// +kubebuilder:validation:XValidation:rule=`has(self.prefixTemplate) == has(oldSelf.prefixTemplate) && (!has(self.prefixTemplate) || self.prefixTemplate == oldSelf.prefixTemplate)`,message="is immutable because it says where the data lies (that includes setting and removing it): make a new LFSStore for another place",reason=FieldValueForbidden,fieldPath=".prefixTemplate"
type LFSStoreSpec struct {
	// endpoint of the store as servers reach it: http(s)://host[:port]. Immutable.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=300
	// +kubebuilder:validation:XValidation:rule=`self.matches('^https?://([A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|[[][0-9A-Fa-f:.]+[]])(:[0-9]{1,5})?$')`,message="must be http(s)://host[:port] and nothing after it (no path, query or credentials), for example https://s3.example.com"
	// +kubebuilder:validation:XValidation:rule=`self == oldSelf`,message="is immutable because it says where the data lies (that includes setting and removing it): make a new LFSStore for another place",reason=FieldValueForbidden
	Endpoint string `json:"endpoint,omitempty"`
	// publicEndpoint of the store as clients reach it. Left out: endpoint.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=300
	// +kubebuilder:validation:XValidation:rule=`self.matches('^https?://([A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|[[][0-9A-Fa-f:.]+[]])(:[0-9]{1,5})?$')`,message="must be http(s)://host[:port] and nothing after it (no path, query or credentials), for example https://s3.example.com"
	PublicEndpoint string `json:"publicEndpoint,omitempty"`
	// region that requests are signed for. Left out: us-east-1. Immutable.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule=`self.matches('^[A-Za-z0-9_-]+$')`,message="must be letters, digits, - and _, for example eu-central-1"
	Region string `json:"region,omitempty"`
	// addressingStyle of buckets: Path (built-in) or VirtualHosted.
	// +optional
	AddressingStyle AddressingStyle `json:"addressingStyle,omitempty"`

	// serverNamespace is where the servers of all repositories of this store run.
	// It belongs to the administrator and holds the Secrets that are named here.
	// Immutable.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule=`self.matches('^[a-z0-9]([a-z0-9-]*[a-z0-9])?$')`,message="must be the name of a namespace: lower-case letters, digits and -"
	// +kubebuilder:validation:XValidation:rule=`self == oldSelf`,message="is immutable because servers run there: make a new LFSStore for another namespace",reason=FieldValueForbidden
	ServerNamespace string `json:"serverNamespace,omitempty"`
	// credentialsSecretRef names the Secret with the key of the store in
	// serverNamespace: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or the BucketInfo
	// of COSI. Excludes webIdentity.
	// +optional
	CredentialsSecretRef *LocalReference `json:"credentialsSecretRef,omitempty"`
	// webIdentity is a role of the store that the issuer of its sessions assumes by the
	// token of its ServiceAccount, lfs-sessions-{name} in serverNamespace: no key lies
	// anywhere, and every server holds a session. Excludes credentialsSecretRef.
	// +optional
	WebIdentity *WebIdentity `json:"webIdentity,omitempty"`
	// caSecretRef names a Secret in serverNamespace whose ca.crt verifies the
	// store's certificate.
	// +optional
	CASecretRef *LocalReference `json:"caSecretRef,omitempty"`
	// encryption at rest that the store is asked for with every write of every
	// repository. Left out: what buckets do by themselves. A change concerns what is
	// written from then on.
	// +optional
	Encryption *Encryption `json:"encryption,omitempty"`

	// sessions that servers hold instead of the store's key.
	// +optional
	Sessions *StoreSessions `json:"sessions,omitempty"`

	// bucket of all repositories that do not name another. Excludes bucketTemplate. Immutable.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule=`self.matches('^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$') && !self.contains('..') && !self.matches('^[0-9]+[.][0-9]+[.][0-9]+[.][0-9]+$')`,message="must be a bucket name as S3 takes it: 3 to 63 lower-case letters, digits, - and ., for example team-a-models"
	Bucket string `json:"bucket,omitempty"`
	// bucketTemplate makes the name of a repository's bucket from {namespace},
	// {name} and {uid}. Excludes bucket. Immutable.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=80
	// +kubebuilder:validation:XValidation:rule=`self.matches('^([a-z0-9.-]|[{](namespace|name|uid)[}])+$') && self.matches('[{]') && !self.matches('^[.-]') && !self.matches('[.-]$') && !self.contains('..')`,message="must be lower-case letters, digits, -, . and at least one of {namespace}, {name} and {uid}, for example lfs-{namespace}"
	BucketTemplate string `json:"bucketTemplate,omitempty"`
	// createBuckets makes buckets that do not exist.
	// +optional
	CreateBuckets bool `json:"createBuckets,omitempty"`
	// prefixTemplate makes the prefix of a repository's keys from {namespace},
	// {name} and {uid}. It holds {uid}, so that no two repositories ever share a
	// prefix. Left out: "{namespace}/{name}-{uid}/". Immutable.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	// +kubebuilder:validation:XValidation:rule=`self.matches('^(([A-Za-z0-9!_.*()-]|[{](namespace|name|uid)[}])+/)+$')`,message="must end with / and not begin with it, of letters, digits, -_.!*() and {namespace}, {name}, {uid} between single slashes, for example lfs/{namespace}/{name}-{uid}/"
	// +kubebuilder:validation:XValidation:rule=`self.split('{uid}').size() == 2 && self.split('{name}').size() <= 2 && self.split('{namespace}').size() <= 2`,message="must hold {uid} exactly once, and {namespace} and {name} at most once: only {uid} keeps two repositories of one name apart"
	// +kubebuilder:validation:XValidation:rule=`!self.split('/').exists(part, part == '.' || part == '..')`,message="must not hold . or .. as a part"
	PrefixTemplate string `json:"prefixTemplate,omitempty"`
	// allowedBuckets are further buckets that repositories may name.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=63
	// +kubebuilder:validation:items:XValidation:rule=`self.matches('^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$') && !self.contains('..')`,message="must be a bucket name as S3 takes it: 3 to 63 lower-case letters, digits, - and ., for example team-a-models"
	AllowedBuckets []string `json:"allowedBuckets,omitempty"`

	// allowedNamespaces may use the store. Left out: none.
	// +optional
	AllowedNamespaces *AllowedNamespaces `json:"allowedNamespaces,omitempty"`
	// adoptions are what repositories may take over by adoptFrom. Left out: nothing,
	// because a key that reads the whole store would read anybody's objects.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=256
	Adoptions []Adoption `json:"adoptions,omitempty"`
	// defaults apply where a repository leaves a field out, before the built-in ones.
	// +optional
	Defaults *StoreDefaults `json:"defaults,omitempty"`
	// limits that repositories must keep.
	// +optional
	Limits *StoreLimits `json:"limits,omitempty"`
	// server shapes the pods of all servers of this store.
	// +optional
	Server *StoreServer `json:"server,omitempty"`
	// exposure of the servers, for repositories that name no endpoints.
	// +optional
	Exposure *StoreExposure `json:"exposure,omitempty"`

	// readOnly refuses every upload to every repository of this store, and keeps
	// garbage collection from deleting anything in it.
	// +optional
	ReadOnly bool `json:"readOnly,omitempty"`
	// gc holds what concerns garbage collection in the whole store.
	// +optional
	GC *StoreGC `json:"gc,omitempty"`
}

// Adoption lets the LFSRepositories of a namespace take objects over.
type Adoption struct {
	// namespace whose LFSRepositories may.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Namespace string `json:"namespace,omitempty"`
	// bucket that the objects lie in. Left out: the LFSRepository's own.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Bucket string `json:"bucket,omitempty"`
	// prefix under which they lie, ending in "/"; also any prefix below it.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:XValidation:rule=`self.matches('^([A-Za-z0-9!_.*()-]+/)+$')`,message="must end with / and not begin with it, of letters, digits and -_.!*() between single slashes, for example team-a/models/"
	Prefix string `json:"prefix,omitempty"`
}

// AllowedNamespaces says which namespaces may use a store.
//
// +kubebuilder:validation:XValidation:rule=`(self.from == 'Selector') == has(self.selector)`,message="must be set where from is Selector, and only there",fieldPath=".selector"
type AllowedNamespaces struct {
	// from is None, All, or Selector: those whose labels match selector.
	// +required
	From NamespacesFrom `json:"from,omitempty"`
	// selector of namespaces by their labels. An empty one selects all.
	// +optional
	Selector *metav1.LabelSelector `json:"selector,omitempty"`
}

// NamespacesFrom says how namespaces are chosen.
// +kubebuilder:validation:Enum=None;All;Selector
type NamespacesFrom string

// The ways to choose namespaces.
const (
	NamespacesNone     NamespacesFrom = "None"
	NamespacesAll      NamespacesFrom = "All"
	NamespacesSelector NamespacesFrom = "Selector"
)

// StoreServer shapes the pods of servers in the administrator's namespace.
//
// +kubebuilder:validation:XValidation:rule=`!has(self.resources) || !has(self.resources.claims)`,message="must not hold claims: only requests and limits can be set",reason=FieldValueForbidden,fieldPath=".resources"
type StoreServer struct {
	// resources of the server's container.
	// +optional
	Resources *corev1.ResourceRequirements `json:"resources,omitempty"`
	// podTemplate holds fields of the pods. That of a repository concerns only
	// the pods in its own namespace.
	// +optional
	PodTemplate *PodTemplate `json:"podTemplate,omitempty"`
	// shared has servers serve many repositories each: an idle repository then costs
	// some hundred KiB of memory instead of a pod. Repositories that ask for replicas,
	// autoscaling, ServiceAccounts or web tokens, or whose configuration is unusually
	// large, keep servers of their own. Left out: every repository does.
	// +optional
	Shared *SharedServers `json:"shared,omitempty"`
}

// SharedServers are servers of many repositories each. A change moves repositories
// without an interruption for clients.
type SharedServers struct {
	// repositoriesPerServer is how many repositories a server is given at most.
	// Built-in: 50. What it has been given it keeps.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100
	RepositoriesPerServer *int32 `json:"repositoriesPerServer,omitempty"`
}

// StoreExposure says how clients outside the cluster reach the servers.
type StoreExposure struct {
	// endpoints of each repository that names none of its own.
	// +required
	// +listType=map
	// +listMapKey=hostTemplate
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=8
	Endpoints []StoreEndpoint `json:"endpoints,omitempty"`
	// httpRoute attaches the servers to Gateways, under the hosts of endpoints.
	// The HTTPRoutes lie in serverNamespace.
	// +optional
	HTTPRoute *HTTPRouteExposure `json:"httpRoute,omitempty"`
	// ingress attaches the servers to an ingress controller, under the hosts of
	// endpoints. The Ingresses lie in serverNamespace.
	// +optional
	Ingress *IngressExposure `json:"ingress,omitempty"`
}

// StoreEndpoint is an endpoint whose host depends on the repository.
type StoreEndpoint struct {
	// hostTemplate makes host[:port] from {namespace} and {name}.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=120
	// +kubebuilder:validation:XValidation:rule=`self.replace('{namespace}', 'n').replace('{name}', 'n').matches('^[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?$')`,message="must be host[:port] in lower case with {namespace} and {name} in it where wanted, for example {name}.{namespace}.lfs.example.com"
	HostTemplate string `json:"hostTemplate,omitempty"`
	// scheme of the client's URL. Built-in: https.
	// +optional
	Scheme EndpointScheme `json:"scheme,omitempty"`
	// storeEndpoint that these clients reach the store by: http(s)://host[:port].
	// Left out: publicEndpoint, then endpoint.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=300
	// +kubebuilder:validation:XValidation:rule=`self.matches('^https?://([A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|[[][0-9A-Fa-f:.]+[]])(:[0-9]{1,5})?$')`,message="must be http(s)://host[:port] and nothing after it (no path, query or credentials), for example https://s3.example.com"
	StoreEndpoint string `json:"storeEndpoint,omitempty"`
}

// StoreSessions says whether servers hold sessions of the store's STS, each bound to
// the prefix of one repository, instead of the store's key.
type StoreSessions struct {
	// mode is Auto (built-in: where the probe found that the store binds sessions to
	// a prefix), Off, or Required: then no server ever gets the key.
	// +optional
	Mode StoreSessionMode `json:"mode,omitempty"`
	// duration that sessions are asked for; the store may make shorter ones. They are
	// renewed when half of it is over. Built-in: 24h, twice the longest life of a link.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule=`duration(self) >= duration('15m') && duration(self) <= duration('168h')`,message="must be from 15m to 168h"
	Duration *metav1.Duration `json:"duration,omitempty"`
	// roleARN is the role to assume. AWS needs one; other stores know none.
	// +optional
	// +kubebuilder:validation:MinLength=20
	// +kubebuilder:validation:MaxLength=2048
	// +kubebuilder:validation:XValidation:rule=`self.matches('^arn:[a-z-]+:iam:[a-z0-9-]*:[0-9]*:role/.+$')`,message="must be the ARN of a role, for example arn:aws:iam::123456789012:role/lfs"
	RoleARN string `json:"roleARN,omitempty"`
	// endpoint of the STS: http(s)://host[:port]. Left out: the store's own, and on AWS
	// that of its region.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=300
	// +kubebuilder:validation:XValidation:rule=`self.matches('^https?://([A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|[[][0-9A-Fa-f:.]+[]])(:[0-9]{1,5})?$')`,message="must be http(s)://host[:port] and nothing after it (no path, query or credentials), for example https://sts.example.com"
	Endpoint string `json:"endpoint,omitempty"`
}

// StoreSessionMode says when servers hold sessions.
// +kubebuilder:validation:Enum=Auto;Off;Required
type StoreSessionMode string

// The session modes.
const (
	SessionsAuto     StoreSessionMode = "Auto"
	SessionsOff      StoreSessionMode = "Off"
	SessionsRequired StoreSessionMode = "Required"
)

// StoreGC is garbage collection in a whole store.
type StoreGC struct {
	// suspend keeps garbage collection from running anywhere in the store. Runs
	// that are under way stop before their next delete.
	// +optional
	Suspend bool `json:"suspend,omitempty"`
}
