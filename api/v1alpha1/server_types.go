package v1alpha1

import corev1 "k8s.io/api/core/v1"

// Server shapes the pods of the LFS server.
type Server struct {
	// replicas of the server. Built-in: 1. Excludes autoscaling.
	// +optional
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
}

// Autoscaling bounds a HorizontalPodAutoscaler.
type Autoscaling struct {
	// minReplicas, at least 1.
	// +optional
	MinReplicas *int32 `json:"minReplicas,omitempty"`
	// maxReplicas, at least minReplicas.
	// +required
	MaxReplicas int32 `json:"maxReplicas"`
	// targetCPUUtilization in percent of the request.
	// +optional
	TargetCPUUtilization *int32 `json:"targetCPUUtilization,omitempty"`
}

// PodTemplate is an allow-list of pod fields: where the pods run and what they
// are called, nothing that changes what runs in them.
type PodTemplate struct {
	// labels added to the pods.
	// +optional
	Labels map[string]string `json:"labels,omitempty"`
	// annotations added to the pods.
	// +optional
	Annotations map[string]string `json:"annotations,omitempty"`
	// nodeSelector of the pods.
	// +optional
	NodeSelector map[string]string `json:"nodeSelector,omitempty"`
	// tolerations of the pods.
	// +optional
	// +listType=atomic
	Tolerations []corev1.Toleration `json:"tolerations,omitempty"`
	// imagePullSecrets of the pods.
	// +optional
	// +listType=map
	// +listMapKey=name
	ImagePullSecrets []LocalReference `json:"imagePullSecrets,omitempty"`
	// priorityClassName of the pods.
	// +optional
	PriorityClassName string `json:"priorityClassName,omitempty"`
}

// Exposure says how clients reach the server.
type Exposure struct {
	// endpoints are hosts that clients use beside the Service, each with the
	// store's endpoint that those clients reach. The first is status.url.
	// +optional
	// +listType=map
	// +listMapKey=host
	Endpoints []Endpoint `json:"endpoints,omitempty"`
	// httpRoute attaches the server to a Gateway.
	// +optional
	HTTPRoute *HTTPRouteExposure `json:"httpRoute,omitempty"`
	// ingress attaches the server to an ingress controller.
	// +optional
	Ingress *IngressExposure `json:"ingress,omitempty"`
}

// Endpoint is a host by which clients reach the server.
type Endpoint struct {
	// host[:port] as it stands in the client's URL.
	// +required
	Host string `json:"host"`
	// scheme of the client's URL. Built-in: https.
	// +optional
	Scheme EndpointScheme `json:"scheme,omitempty"`
	// storeEndpoint that these clients reach the store by: http(s)://host[:port].
	// Left out: storage.publicEndpoint, then storage.endpoint.
	// +optional
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
	ParentRefs []GatewayReference `json:"parentRefs,omitempty"`
}

// GatewayReference names a Gateway, and a listener of it if wanted.
type GatewayReference struct {
	// name of the Gateway.
	// +required
	Name string `json:"name"`
	// namespace of the Gateway. Left out: the LFSRepository's.
	// +optional
	Namespace string `json:"namespace,omitempty"`
	// sectionName is the listener's name.
	// +optional
	SectionName string `json:"sectionName,omitempty"`
}

// IngressExposure attaches the server to an ingress controller.
type IngressExposure struct {
	// className of the ingress controller.
	// +optional
	ClassName string `json:"className,omitempty"`
	// tlsSecretRef names the Secret with the certificate.
	// +optional
	TLSSecretRef *LocalReference `json:"tlsSecretRef,omitempty"`
}
