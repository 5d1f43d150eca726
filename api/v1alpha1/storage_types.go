package v1alpha1

import "k8s.io/apimachinery/pkg/api/resource"

// StoreReference names an LFSStore.
type StoreReference struct {
	// name of the LFSStore.
	// +required
	Name string `json:"name"`
}

// LocalReference names an object in the LFSRepository's namespace.
type LocalReference struct {
	// name of the object.
	// +required
	Name string `json:"name"`
}

// Storage is an S3 endpoint of the tenant's own.
type Storage struct {
	// endpoint of the store as the server reaches it: http(s)://host[:port]. Immutable.
	// +required
	Endpoint string `json:"endpoint"`
	// publicEndpoint of the store as clients reach it. Left out: endpoint.
	// +optional
	PublicEndpoint string `json:"publicEndpoint,omitempty"`
	// region that requests are signed for. Left out: us-east-1.
	// +optional
	Region string `json:"region,omitempty"`
	// addressingStyle of the bucket: Path (built-in) or VirtualHosted.
	// +optional
	AddressingStyle AddressingStyle `json:"addressingStyle,omitempty"`
	// credentialsSecretRef names the Secret with the key of the store:
	// AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.
	// +required
	CredentialsSecretRef LocalReference `json:"credentialsSecretRef"`
	// caSecretRef names a Secret whose ca.crt verifies the store's certificate.
	// +optional
	CASecretRef *LocalReference `json:"caSecretRef,omitempty"`
	// createBucket: create the bucket when it does not exist.
	// +optional
	CreateBucket bool `json:"createBucket,omitempty"`
}

// AddressingStyle says where a bucket's name stands in a URL.
// +kubebuilder:validation:Enum=Path;VirtualHosted
type AddressingStyle string

// The addressing styles.
const (
	AddressingPath          AddressingStyle = "Path"
	AddressingVirtualHosted AddressingStyle = "VirtualHosted"
)

// Multipart says when an upload is split into parts.
type Multipart struct {
	// threshold: objects larger than this are uploaded in parts. Built-in: 100M.
	// +optional
	Threshold *resource.Quantity `json:"threshold,omitempty"`
	// partSize of an upload, at least 5Mi; objects that would need more than
	// 10,000 parts get larger ones. Built-in: 50M.
	// +optional
	PartSize *resource.Quantity `json:"partSize,omitempty"`
	// dialect overrides the choice of the multipart dialect. Built-in: Auto.
	// +optional
	Dialect MultipartDialect `json:"dialect,omitempty"`
}

// MultipartDialect names a way to describe a multipart upload to a client.
// +kubebuilder:validation:Enum=Auto;HuggingFace;KohakuHub;Proposal
type MultipartDialect string

// The multipart dialects.
const (
	DialectAuto        MultipartDialect = "Auto"
	DialectHuggingFace MultipartDialect = "HuggingFace"
	DialectKohakuHub   MultipartDialect = "KohakuHub"
	DialectProposal    MultipartDialect = "Proposal"
)

// AdoptFrom names objects to take over, each proven before it counts.
type AdoptFrom struct {
	// prefix in the bucket under which the objects lie, ending in "/".
	// +required
	Prefix string `json:"prefix"`
}
