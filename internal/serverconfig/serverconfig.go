// Package serverconfig is the contract between the operator, which renders the
// configuration of an LFS server, and the server and GC job, which read it.
//
// The file holds no secret: of access tokens only their SHA-256 hashes, of
// signing keys only their fingerprints, or the keys sealed for whoever holds a
// Secret. Secrets are mounted beside it as files.
package serverconfig

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"

	"sigs.k8s.io/yaml"
)

// Where the operator mounts what a server or GC pod reads.
const (
	// File is the rendered configuration.
	File = "/etc/lfs-server/config/config.yaml"
	// RepositoriesDir holds the configurations of a shared server, one file
	// {name}.yaml for each repository.
	RepositoriesDir = "/etc/lfs-server/repositories"
	// StoreCredentialsDir holds the store's Secret, one file per key (optional
	// mount: the server reports a missing one).
	StoreCredentialsDir = "/etc/lfs-server/store-credentials"
	// StoreCAFile verifies the store's certificate, where one is configured.
	StoreCAFile = "/etc/lfs-server/store-ca/ca.crt"
	// KeysDir holds the signing keys, one file per key, named by its ID.
	KeysDir = "/etc/lfs-server/keys"
	// HistoryDir holds the Secrets of history entries, one directory per entry.
	HistoryDir = "/etc/lfs-server/history"
	// JWTDir holds the Secrets of JWT issuers, one directory per entry.
	JWTDir = "/etc/lfs-server/jwt"
	// KubernetesDir holds what the server asks the Kubernetes API server with,
	// where ServiceAccounts are let in.
	KubernetesDir = "/etc/lfs-server/kubernetes"
	// ScanTokenFile is the token with which a scan reports to the server.
	ScanTokenFile = "/etc/lfs-server/scan/token"
)

// Ports of the server.
const (
	// PortAPI serves LFS clients.
	PortAPI = 8080
	// PortAdmin serves probes, metrics, the status endpoint and scan reports.
	PortAdmin = 8081
	// PortMetrics serves the metrics of a shared server, which name all of its
	// repositories: those who report scans of one have no business there.
	PortMetrics = 8082
)

// Keys of the Secrets of JWT issuers.
const (
	// JWTKeyPEM holds public keys or certificates in PEM form.
	JWTKeyPEM = "public.pem"
	// JWTKeyJWKS holds a JSON Web Key Set (RFC 7517).
	JWTKeyJWKS = "jwks.json"
	// JWTKeyHMAC holds a shared secret, taken byte for byte.
	JWTKeyHMAC = "hmac"
	// JWTKeyCA verifies the certificate of an OpenID Connect issuer.
	JWTKeyCA = "ca.crt"
)

// Files of KubernetesDir.
const (
	// KubernetesToken is the server's own ServiceAccount token.
	KubernetesToken = "token"
	// KubernetesCA verifies the API server's certificate.
	KubernetesCA = "ca.crt"
)

// Config is one repository's server configuration.
type Config struct {
	// Repository says whom the server serves.
	Repository Repository `json:"repository"`
	// Storage says where the objects lie.
	Storage Storage `json:"storage"`
	// Endpoints are the hosts that clients may use, the first being preferred.
	Endpoints []Endpoint `json:"endpoints"`
	// Policy holds the effective values of the repository's policy.
	Policy Policy `json:"policy"`
	// Multipart says when uploads are split.
	Multipart Multipart `json:"multipart"`
	// Transfer is TransferProxy where object bytes go through the server, else
	// empty.
	Transfer string `json:"transfer,omitempty"`
	// Access says who may do what.
	Access Access `json:"access"`
	// SigningKeys are the keys of action tokens, see SigningKey.
	SigningKeys []SigningKey `json:"signingKeys"`
	// StatusTokenHash is the hex SHA-256 of the operator's token for the status endpoint.
	StatusTokenHash string `json:"statusTokenHash"`
	// ScanTokenHash is the hex SHA-256 of the token that scans report with.
	ScanTokenHash string `json:"scanTokenHash"`
	// History are the Git repositories to scan.
	History []History `json:"history,omitempty"`
	// HistoryRevision changes whenever History does.
	HistoryRevision string `json:"historyRevision,omitempty"`
	// GC says how garbage collection runs.
	GC GC `json:"gc"`
	// AdoptFrom names objects to take over, where set.
	AdoptFrom *AdoptFrom `json:"adoptFrom,omitempty"`
	// AuditDisabled switches the audit log off.
	AuditDisabled bool `json:"auditDisabled,omitempty"`
}

// Repository names the LFSRepository.
type Repository struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	UID       string `json:"uid"`
	// Generation of the LFSRepository that this configuration was made from.
	Generation int64 `json:"generation"`
}

// Endpoint pairs a host that clients use with the store as those clients reach it.
type Endpoint struct {
	// Scheme is http or https.
	Scheme string `json:"scheme"`
	// Host[:port] as clients send it in the Host header.
	Host string `json:"host"`
	// StoreEndpoint, empty for Storage.PublicEndpoint (or, for an endpoint in
	// the cluster, Storage.Endpoint: the operator has filled it in).
	StoreEndpoint string `json:"storeEndpoint,omitempty"`
}

// Policy holds the effective values. Sources says where each comes from, by the
// path of its field in the LFSRepository's spec, also for values that stand in
// Multipart and GC.
type Policy struct {
	ThresholdBytes int64             `json:"thresholdBytes"`
	SuffixRules    []string          `json:"suffixRules"`
	KeepVersions   int32             `json:"keepVersions"`
	QuotaBytes     int64             `json:"quotaBytes,omitempty"`
	Sources        map[string]string `json:"sources,omitempty"`
	// Own are the repository's own words, Defaults what applies without them.
	Own      PolicyValues `json:"own,omitzero"`
	Defaults PolicyValues `json:"defaults,omitzero"`
	// ReadOnly refuses uploads: the administrator has stopped them in the whole
	// store. What has begun may end.
	ReadOnly bool `json:"readOnly,omitempty"`
}

// PolicyValues are the values that people change most; nil where nothing is said.
type PolicyValues struct {
	ThresholdBytes *int64   `json:"thresholdBytes,omitempty"`
	SuffixRules    []string `json:"suffixRules,omitempty"`
	KeepVersions   *int32   `json:"keepVersions,omitempty"`
}

// Sources of a value.
const (
	SourceRepository = "Repository"
	SourceStore      = "Store"
	SourceBuiltIn    = "BuiltIn"
	SourceMerged     = "Merged"
)

// TransferProxy is the Transfer of clients that cannot reach the store.
const TransferProxy = "Proxy"

// Multipart says when uploads are split. Sizes are in bytes.
type Multipart struct {
	ThresholdBytes int64  `json:"thresholdBytes"`
	PartSizeBytes  int64  `json:"partSizeBytes"`
	Dialect        string `json:"dialect"`
}

// SigningKey is a key of action tokens (in hrefs and action headers). Mounted
// files lag behind by more than a minute, so a key is first published (servers
// accept it), then signs, then is retired (servers accept it until every action
// signed with it has expired).
type SigningKey struct {
	// ID is the file's name in KeysDir.
	ID string `json:"id"`
	// Fingerprint is the hex SHA-256 of the key; a file that does not match is reported.
	Fingerprint string `json:"fingerprint"`
	// Signs is true for the one key that new tokens are signed with.
	Signs bool `json:"signs,omitempty"`
	// Sealed is the key itself, to be opened with the key of a shared server
	// (derive.Unseal); there are no files of single repositories there.
	Sealed []byte `json:"sealed,omitempty"`
}

// Marshal renders a configuration; the same value gives the same bytes.
func Marshal(c *Config) ([]byte, error) { return render(c) }

// Parse reads a configuration strictly: an unknown field is an error, because
// it would be a policy that silently does not apply.
func Parse(b []byte) (*Config, error) {
	var c Config
	if err := yaml.UnmarshalStrict(b, &c); err != nil {
		return nil, fmt.Errorf("server configuration: %w", err)
	}
	return &c, nil
}

// Load reads the configuration file and returns it with its Hash.
func Load(path string) (*Config, string, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, "", fmt.Errorf("server configuration: %w", err)
	}
	c, err := Parse(b)
	return c, Hash(b), err
}

// Hash names the bytes of a configuration; the operator compares it with the
// one that a server reports to know what is loaded.
func Hash(b []byte) string {
	sum := sha256.Sum256(bytes.TrimSpace(b))
	return hex.EncodeToString(sum[:8])
}
