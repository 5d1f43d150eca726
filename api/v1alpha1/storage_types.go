package v1alpha1

import "k8s.io/apimachinery/pkg/api/resource"

// StoreReference names an LFSStore.
type StoreReference struct {
	// name of the LFSStore.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule=`self.matches('^[a-z0-9]([a-z0-9-]*[a-z0-9])?([.][a-z0-9]([a-z0-9-]*[a-z0-9])?)*$')`,message="must be the name of an LFSStore: lower-case letters, digits, - and ."
	Name string `json:"name,omitempty"`
}

// LocalReference names an object in the LFSRepository's namespace.
type LocalReference struct {
	// name of the object.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule=`self.matches('^[a-z0-9]([a-z0-9-]*[a-z0-9])?([.][a-z0-9]([a-z0-9-]*[a-z0-9])?)*$')`,message="must be the name of an object in the same namespace: lower-case letters, digits, - and ."
	Name string `json:"name,omitempty"`
}

// Storage is an S3 endpoint of the tenant's own.
// +kubebuilder:validation:ExactlyOneOf=credentialsSecretRef;webIdentity
// +kubebuilder:validation:XValidation:rule=`has(self.region) == has(oldSelf.region) && (!has(self.region) || self.region == oldSelf.region)`,message="is immutable because it says where the data lies (that includes setting and removing it): make a new LFSRepository for another place",reason=FieldValueForbidden,fieldPath=".region"
type Storage struct {
	// endpoint of the store as the server reaches it: http(s)://host[:port]. Immutable.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=300
	// +kubebuilder:validation:XValidation:rule=`self.matches('^https?://([A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|[[][0-9A-Fa-f:.]+[]])(:[0-9]{1,5})?$')`,message="must be http(s)://host[:port] and nothing after it (no path, query or credentials), for example https://s3.example.com"
	// +kubebuilder:validation:XValidation:rule=`self == oldSelf`,message="is immutable because it says where the data lies (that includes setting and removing it): make a new LFSRepository for another place",reason=FieldValueForbidden
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
	// addressingStyle of the bucket: Path (built-in) or VirtualHosted.
	// +optional
	AddressingStyle AddressingStyle `json:"addressingStyle,omitempty"`
	// credentialsSecretRef names the Secret with the key of the store:
	// AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or the BucketInfo of COSI.
	// Excludes webIdentity.
	// +optional
	CredentialsSecretRef *LocalReference `json:"credentialsSecretRef,omitempty"`
	// webIdentity is a role of the store that server and jobs assume by the token of
	// their ServiceAccount, {name}-lfs: no key lies anywhere. Excludes
	// credentialsSecretRef.
	// +optional
	WebIdentity *WebIdentity `json:"webIdentity,omitempty"`
	// caSecretRef names a Secret whose ca.crt verifies the store's certificate.
	// +optional
	CASecretRef *LocalReference `json:"caSecretRef,omitempty"`
	// createBucket makes the bucket when it does not exist.
	// +optional
	CreateBucket bool `json:"createBucket,omitempty"`
	// encryption at rest that the store is asked for with every write. Left out: what
	// the bucket does by itself. A change concerns what is written from then on.
	// +optional
	Encryption *Encryption `json:"encryption,omitempty"`
}

// WebIdentity lets pods assume a role of the store by a token that the cluster makes
// for their ServiceAccount (AssumeRoleWithWebIdentity of AWS's Security Token Service,
// which other stores know too). The store must trust the cluster's issuer of tokens.
type WebIdentity struct {
	// roleARN is the role to assume. It admits the ServiceAccount's subject,
	// system:serviceaccount:{namespace}:{name}.
	// +required
	// +kubebuilder:validation:MinLength=20
	// +kubebuilder:validation:MaxLength=2048
	// +kubebuilder:validation:XValidation:rule=`self.matches('^arn:[a-z-]+:iam:[a-z0-9-]*:[0-9]*:role/.+$')`,message="must be the ARN of a role, for example arn:aws:iam::123456789012:role/lfs"
	RoleARN string `json:"roleARN,omitempty"`
	// audience of the token, which the store expects. Built-in: sts.amazonaws.com.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=255
	// +kubebuilder:validation:XValidation:rule=`self.matches('^[!-~]+$')`,message="must be printable characters without spaces, for example sts.amazonaws.com"
	// +kubebuilder:validation:XValidation:rule=`!self.contains('kubernetes.default') && !self.startsWith('lfs-operator.dev/')`,message="must be an audience of the store's: tokens for the API server or for lfs-operator are not sent there",reason=FieldValueForbidden
	Audience string `json:"audience,omitempty"`
	// stsEndpoint takes the token: http(s)://host[:port]. Left out: the store's own,
	// and on AWS that of its region.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=300
	// +kubebuilder:validation:XValidation:rule=`self.matches('^https?://([A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|[[][0-9A-Fa-f:.]+[]])(:[0-9]{1,5})?$')`,message="must be http(s)://host[:port] and nothing after it (no path, query or credentials), for example https://sts.example.com"
	STSEndpoint string `json:"stsEndpoint,omitempty"`
}

// Encryption at rest, by the store.
// +kubebuilder:validation:XValidation:rule=`!has(self.kmsKeyID) || self.type == 'SSE-KMS'`,message="is only for type SSE-KMS: remove it, or set type: SSE-KMS",reason=FieldValueForbidden,fieldPath=".kmsKeyID"
type Encryption struct {
	// type is SSE-KMS, with a key of the store's KMS, or SSE-S3, with keys that the
	// store manages by itself.
	// +required
	Type EncryptionType `json:"type,omitempty"`
	// kmsKeyID names the key: an ID, an ARN or an alias, as the store knows it. Left
	// out: the store's default key.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	// +kubebuilder:validation:XValidation:rule=`self.matches('^[A-Za-z0-9:/_.-]+$')`,message="must be letters, digits and :/_.- only, for example arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
	KMSKeyID string `json:"kmsKeyID,omitempty"`
}

// EncryptionType says whose keys encrypt.
// +kubebuilder:validation:Enum=SSE-KMS;SSE-S3
type EncryptionType string

// The encryption types.
const (
	EncryptionKMS EncryptionType = "SSE-KMS"
	EncryptionS3  EncryptionType = "SSE-S3"
)

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
	// threshold is the size above which an object is uploaded in parts. Built-in: 100M.
	// +optional
	// +kubebuilder:validation:XIntOrString
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule=`isQuantity(string(self)) && quantity(string(self)).isGreaterThan(quantity('0')) && quantity(string(self)).isLessThan(quantity('8Ei')) && double(int(quantity(string(self)).asApproximateFloat())) == quantity(string(self)).asApproximateFloat()`,message="must be a whole number of bytes greater than 0, for example 10M or 512Ki"
	// +kubebuilder:validation:XValidation:rule=`!isQuantity(string(self)) || quantity(string(self)).compareTo(quantity('5Gi')) <= 0`,message="must be at most 5Gi, the largest object that S3 takes in one request"
	Threshold *resource.Quantity `json:"threshold,omitempty"`
	// partSize of an upload, at least 5Mi; objects that would need more than
	// 10,000 parts get larger ones. Built-in: 50M.
	// +optional
	// +kubebuilder:validation:XIntOrString
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule=`isQuantity(string(self)) && quantity(string(self)).isGreaterThan(quantity('0')) && quantity(string(self)).isLessThan(quantity('8Ei')) && double(int(quantity(string(self)).asApproximateFloat())) == quantity(string(self)).asApproximateFloat()`,message="must be a whole number of bytes greater than 0, for example 10M or 512Ki"
	// +kubebuilder:validation:XValidation:rule=`!isQuantity(string(self)) || quantity(string(self)).compareTo(quantity('5Mi')) >= 0`,message="must be at least 5Mi, the smallest part that S3 takes"
	// +kubebuilder:validation:XValidation:rule=`!isQuantity(string(self)) || quantity(string(self)).compareTo(quantity('5Gi')) <= 0`,message="must be at most 5Gi, the largest part that S3 takes"
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
//
// +kubebuilder:validation:XValidation:rule=`!has(self.bucket) || !has(self.method) || self.method != 'InPlace'`,message="must be left out where method is InPlace: objects are adopted in place in the LFSRepository's own bucket",reason=FieldValueForbidden,fieldPath=".bucket"
type AdoptFrom struct {
	// prefix in the bucket under which the objects lie, ending in "/".
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:XValidation:rule=`self.matches('^([A-Za-z0-9!_.*()-]+/)+$')`,message="must end with / and not begin with it, of letters, digits and -_.!*() between single slashes, for example team-a/models/"
	// +kubebuilder:validation:XValidation:rule=`!self.split('/').exists(part, part == '.' || part == '..')`,message="must not hold . or .. as a part: name the full prefix"
	Prefix string `json:"prefix,omitempty"`
	// bucket in the same store that they lie in. Left out: the LFSRepository's own.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule=`self.matches('^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$') && !self.contains('..') && !self.matches('^[0-9]+[.][0-9]+[.][0-9]+[.][0-9]+$')`,message="must be a bucket name as S3 takes it: 3 to 63 lower-case letters, digits, - and ., for example team-a-models"
	Bucket string `json:"bucket,omitempty"`
	// method is Copy (built-in), which leaves the objects where they are, or
	// InPlace: the LFSRepository takes the prefix over that another one had, which
	// is gone. Nothing is served before all objects are proven.
	// +optional
	Method AdoptMethod `json:"method,omitempty"`
}

// AdoptMethod says how objects are taken over.
// +kubebuilder:validation:Enum=Copy;InPlace
type AdoptMethod string

// The methods of adoption.
const (
	AdoptCopy    AdoptMethod = "Copy"
	AdoptInPlace AdoptMethod = "InPlace"
)
