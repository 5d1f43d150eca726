package serverconfig

// Storage is an S3 bucket and a prefix in it.
type Storage struct {
	// Endpoint as the server reaches it: http(s)://host[:port].
	Endpoint string `json:"endpoint"`
	// PublicEndpoint as clients reach it by default.
	PublicEndpoint string `json:"publicEndpoint"`
	Region         string `json:"region"`
	// VirtualHosted puts the bucket into the host name instead of the path.
	VirtualHosted bool   `json:"virtualHosted,omitempty"`
	Bucket        string `json:"bucket"`
	CreateBucket  bool   `json:"createBucket,omitempty"`
	// Prefix of all keys, empty or ending in "/".
	Prefix string `json:"prefix"`
	// CredentialsName is the Secret's name, for messages; empty where there is none.
	CredentialsName string `json:"credentialsName"`
	// CredentialsNamespace is where the Secret is, for messages. Empty: in the
	// repository's own namespace.
	CredentialsNamespace string `json:"credentialsNamespace,omitempty"`
	// Sessions, where set, are what the server works with instead of credentials.
	Sessions *Sessions `json:"sessions,omitempty"`
	// WebIdentity, where set, is assumed by whoever is to have credentials.
	WebIdentity *WebIdentity `json:"webIdentity,omitempty"`
	// CA is true when StoreCAFile is to be trusted.
	CA bool `json:"ca,omitempty"`
	// Encryption that every write asks the store for, where set.
	Encryption *Encryption `json:"encryption,omitempty"`
	// MaxPutBytes is the largest object that the store, or what stands before it,
	// takes in one PUT; 0 for S3's own limit of 5 GiB.
	MaxPutBytes int64 `json:"maxPutBytes,omitempty"`
}

// Types of Encryption.
const (
	EncryptionS3  = "SSE-S3"
	EncryptionKMS = "SSE-KMS"
)

// Encryption is done by the store, at rest.
type Encryption struct {
	// Type is one of the constants.
	Type string `json:"type"`
	// KMSKeyID of EncryptionKMS, empty for the store's default key.
	KMSKeyID string `json:"kmsKeyID,omitempty"`
}

// String is for messages.
func (e *Encryption) String() string {
	switch {
	case e == nil:
		return "none"
	case e.KMSKeyID != "":
		return e.Type + " with key " + e.KMSKeyID
	}
	return e.Type
}

// AdoptFrom is where objects lie that are to be taken over.
type AdoptFrom struct {
	// Bucket in the same store, and the prefix there. A prefix that is the
	// repository's own is taken over in place.
	Bucket string `json:"bucket"`
	Prefix string `json:"prefix"`
}
