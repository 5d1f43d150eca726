package serverconfig

import (
	"fmt"

	"sigs.k8s.io/yaml"
)

// StoreTokenFile is the token of the pod's own ServiceAccount with which it asks for
// sessions with the store: the issuer of Sessions, or the STS of WebIdentity.
const StoreTokenFile = "/etc/lfs-server/store-sessions/token"

// Sessions says where a server gets sessions with its store, which it then holds
// instead of a key.
type Sessions struct {
	// URL of the issuer.
	URL string `json:"url"`
	// Grant says what the server may have (storesession.Grant, signed). It is no
	// secret: it counts only for the server's own ServiceAccount.
	Grant string `json:"grant"`
}

// WebIdentity is a role of the store and how it is assumed.
type WebIdentity struct {
	// STS is the endpoint of the Security Token Service: http(s)://host[:port].
	STS string `json:"sts"`
	// RoleARN to assume.
	RoleARN string `json:"roleARN"`
	// Audience of the token, and whose it is (namespace/name): for messages.
	Audience       string `json:"audience"`
	ServiceAccount string `json:"serviceAccount"`
}

// EnvStoreGrant is the environment variable with the grant of a job that may have more
// than its server: it takes the place of Sessions.Grant.
const EnvStoreGrant = "LFS_STORE_GRANT"

// Issuer is the configuration of the issuer of sessions of one store. Like
// Config it holds no secret.
type Issuer struct {
	// Store is the UID of the LFSStore; StoreName is for messages.
	Store     string `json:"store"`
	StoreName string `json:"storeName"`
	// Storage says how the store is reached; of bucket and prefix nothing.
	Storage Storage `json:"storage"`
	// STS is the endpoint of the Security Token Service: http(s)://host[:port].
	STS string `json:"sts"`
	// RoleARN to assume; empty where the store knows no roles.
	RoleARN string `json:"roleARN,omitempty"`
	// DurationSeconds that sessions are asked for. A store that makes none as long
	// makes shorter ones.
	DurationSeconds int64 `json:"durationSeconds"`
	// GrantKey is the Ed25519 public key that grants are signed for, as base64.
	GrantKey []byte `json:"grantKey"`
}

// MarshalIssuer renders it; the same value gives the same bytes.
func MarshalIssuer(c *Issuer) ([]byte, error) { return render(c) }

// ParseIssuer reads it strictly.
func ParseIssuer(b []byte) (*Issuer, error) {
	var c Issuer
	if err := yaml.UnmarshalStrict(b, &c); err != nil {
		return nil, fmt.Errorf("configuration of the session issuer: %w", err)
	}
	return &c, nil
}
