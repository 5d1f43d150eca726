package v1alpha1

import corev1 "k8s.io/api/core/v1"

// Server shapes the pods of the LFS server.
//
// +kubebuilder:validation:XValidation:rule=`!has(self.replicas) || !has(self.autoscaling)`,message="must be left out where autoscaling is set: the autoscaler chooses the number of replicas",reason=FieldValueForbidden,fieldPath=".replicas"
// +kubebuilder:validation:XValidation:rule=`!has(self.resources) || !has(self.resources.claims)`,message="must not hold claims: only requests and limits can be set",reason=FieldValueForbidden,fieldPath=".resources"
type Server struct {
	// replicas of the server. Built-in: 1. Excludes autoscaling.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=20
	Replicas *int32 `json:"replicas,omitempty"`
	// resources of the server's container.
	// +optional
	Resources *corev1.ResourceRequirements `json:"resources,omitempty"`
	// autoscaling by a HorizontalPodAutoscaler. Excludes replicas.
	// +optional
	Autoscaling *Autoscaling `json:"autoscaling,omitempty"`
	// podTemplate holds those fields of a pod that a tenant may set.
	// +optional
	PodTemplate *PodTemplate `json:"podTemplate,omitempty"`
	// auditLog says whether the server's log names who uploaded, downloaded,
	// locked and asked for garbage collection. Built-in: Enabled.
	// +optional
	AuditLog AuditLog `json:"auditLog,omitempty"`
}

// AuditLog is Enabled or Disabled.
// +kubebuilder:validation:Enum=Enabled;Disabled
type AuditLog string

// The states of the audit log.
const (
	AuditLogEnabled  AuditLog = "Enabled"
	AuditLogDisabled AuditLog = "Disabled"
)

// Autoscaling bounds a HorizontalPodAutoscaler.
//
// +kubebuilder:validation:XValidation:rule=`!has(self.minReplicas) || self.minReplicas <= self.maxReplicas`,message="must be at least minReplicas: raise maxReplicas or lower minReplicas",fieldPath=".maxReplicas"
type Autoscaling struct {
	// minReplicas of the server, at least 1. Built-in: 1.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=20
	MinReplicas *int32 `json:"minReplicas,omitempty"`
	// maxReplicas of the server, at least minReplicas.
	// +required
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=20
	MaxReplicas int32 `json:"maxReplicas,omitempty"`
	// targetCPUUtilization in percent of the request. Built-in: 80.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100
	TargetCPUUtilization *int32 `json:"targetCPUUtilization,omitempty"`
}

// PodTemplate is an allow-list of pod fields: where the pods run and what they
// are called, nothing that changes what runs in them.
type PodTemplate struct {
	// labels added to the pods.
	// +optional
	// +kubebuilder:validation:MaxProperties=16
	// +kubebuilder:validation:XValidation:rule=`self.all(k, !k.startsWith('lfs-operator.dev/') && !k.startsWith('app.kubernetes.io/'))`,message="keys must not begin with lfs-operator.dev/ or app.kubernetes.io/: the operator sets those itself"
	Labels map[string]string `json:"labels,omitempty"`
	// annotations added to the pods.
	// +optional
	// +kubebuilder:validation:MaxProperties=16
	// +kubebuilder:validation:XValidation:rule=`self.all(k, !k.startsWith('lfs-operator.dev/') && !k.startsWith('app.kubernetes.io/'))`,message="keys must not begin with lfs-operator.dev/ or app.kubernetes.io/: the operator sets those itself"
	Annotations map[string]string `json:"annotations,omitempty"`
	// nodeSelector of the pods.
	// +optional
	// +kubebuilder:validation:MaxProperties=16
	NodeSelector map[string]string `json:"nodeSelector,omitempty"`
	// tolerations of the pods.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	Tolerations []corev1.Toleration `json:"tolerations,omitempty"`
	// imagePullSecrets of the pods.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=8
	ImagePullSecrets []LocalReference `json:"imagePullSecrets,omitempty"`
	// priorityClassName of the pods.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule=`self.matches('^[a-z0-9]([a-z0-9-]*[a-z0-9])?([.][a-z0-9]([a-z0-9-]*[a-z0-9])?)*$')`,message="must be the name of a PriorityClass: lower-case letters, digits, - and ."
	PriorityClassName string `json:"priorityClassName,omitempty"`
}

// Exposure says how clients reach the server.
//
// +kubebuilder:validation:XValidation:rule=`!has(self.ingress) || !has(self.ingress.annotations) || self.ingress.annotations.all(k, k.startsWith('cert-manager.io/'))`,message="keys must begin with cert-manager.io/: others may change what the ingress controller does for everybody",reason=FieldValueForbidden,fieldPath=".ingress.annotations"
type Exposure struct {
	// endpoints are hosts that clients use beside the Service, each with the
	// store's endpoint that those clients reach. The first is status.url.
	// +optional
	// +listType=map
	// +listMapKey=host
	// +kubebuilder:validation:MaxItems=8
	Endpoints []Endpoint `json:"endpoints,omitempty"`
	// httpRoute attaches the server to a Gateway, under the hosts of endpoints.
	// Only with storage: an LFSStore says how its servers are reached.
	// +optional
	HTTPRoute *HTTPRouteExposure `json:"httpRoute,omitempty"`
	// ingress attaches the server to an ingress controller, under the hosts of
	// endpoints. Only with storage.
	// +optional
	Ingress *IngressExposure `json:"ingress,omitempty"`
}

// Endpoint is a host by which clients reach the server.
type Endpoint struct {
	// host is host[:port] as it stands in the client's URL.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=261
	// +kubebuilder:validation:XValidation:rule=`self.matches('^([a-z0-9]([a-z0-9.-]*[a-z0-9])?|[[][0-9a-f:.]+[]])(:[0-9]{1,5})?$')`,message="must be host[:port] in lower case and nothing else (scheme has a field of its own), for example lfs.example.com"
	Host string `json:"host,omitempty"`
	// scheme of the client's URL. Built-in: https.
	// +optional
	Scheme EndpointScheme `json:"scheme,omitempty"`
	// storeEndpoint that these clients reach the store by: http(s)://host[:port].
	// Left out: storage.publicEndpoint, then storage.endpoint.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=300
	// +kubebuilder:validation:XValidation:rule=`self.matches('^https?://([A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|[[][0-9A-Fa-f:.]+[]])(:[0-9]{1,5})?$')`,message="must be http(s)://host[:port] and nothing after it (no path, query or credentials), for example https://s3.example.com"
	StoreEndpoint string `json:"storeEndpoint,omitempty"`
}

// EndpointScheme is http or https.
// +kubebuilder:validation:Enum=http;https
type EndpointScheme string

// The schemes of an endpoint.
const (
	SchemeHTTP  EndpointScheme = "http"
	SchemeHTTPS EndpointScheme = "https"
)

// HTTPRouteExposure attaches the server to Gateways.
type HTTPRouteExposure struct {
	// parentRefs name the Gateways.
	// +required
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=8
	ParentRefs []GatewayReference `json:"parentRefs,omitempty"`
}

// GatewayReference names a Gateway, and a listener of it if wanted.
type GatewayReference struct {
	// name of the Gateway.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule=`self.matches('^[a-z0-9]([a-z0-9-]*[a-z0-9])?([.][a-z0-9]([a-z0-9-]*[a-z0-9])?)*$')`,message="must be the name of a Gateway: lower-case letters, digits, - and ."
	Name string `json:"name,omitempty"`
	// namespace of the Gateway. Left out: that of the server.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule=`self.matches('^[a-z0-9]([a-z0-9-]*[a-z0-9])?$')`,message="must be lower-case letters, digits and -, beginning and ending with a letter or digit, for example main"
	Namespace string `json:"namespace,omitempty"`
	// sectionName is the listener's name.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule=`self.matches('^[a-z0-9]([a-z0-9-]*[a-z0-9])?([.][a-z0-9]([a-z0-9-]*[a-z0-9])?)*$')`,message="must be the name of a listener: lower-case letters, digits, - and ."
	SectionName string `json:"sectionName,omitempty"`
}

// IngressExposure attaches the server to an ingress controller.
type IngressExposure struct {
	// className of the ingress controller.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule=`self.matches('^[a-z0-9]([a-z0-9-]*[a-z0-9])?([.][a-z0-9]([a-z0-9-]*[a-z0-9])?)*$')`,message="must be the name of an IngressClass: lower-case letters, digits, - and ."
	ClassName string `json:"className,omitempty"`
	// tlsSecretRef names the Secret with the certificate, in the server's
	// namespace.
	// +optional
	TLSSecretRef *LocalReference `json:"tlsSecretRef,omitempty"`
	// annotations of the Ingress. Those of an LFSRepository begin with
	// cert-manager.io/.
	// +optional
	// +kubebuilder:validation:MaxProperties=32
	Annotations map[string]string `json:"annotations,omitempty"`
}
