package objectstore

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
)

// Endpoint is where a store is reached and how its buckets are named in URLs.
type Endpoint struct {
	// Secure is true for https.
	Secure bool
	// Host with the port, unless that is the scheme's own.
	Host string
	// Region that requests are signed for.
	Region string
	// VirtualHosted puts the bucket into the host name instead of the path.
	VirtualHosted bool
	// Bucket that every request is about.
	Bucket string
	// Encryption that every write asks for.
	Encryption Encryption
}

// EndpointFor is a configured store at an endpoint of its: that of servers or one
// that clients reach it by.
func EndpointFor(st serverconfig.Storage, endpoint string) (Endpoint, error) {
	e, err := ParseEndpoint(endpoint, st.Region, st.Bucket, st.VirtualHosted)
	if err != nil {
		return e, err
	}
	e.Encryption, err = encryptionOf(st.Encryption)
	return e, err
}

// ParseEndpoint reads an endpoint of the form http(s)://host[:port]. A path,
// query or user is refused: S3 signatures leave no room for a base path.
func ParseEndpoint(raw, region, bucket string, virtualHosted bool) (Endpoint, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return Endpoint{}, fmt.Errorf("store endpoint %q is not a URL", raw)
	}
	if (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return Endpoint{}, fmt.Errorf("store endpoint %q: want http(s)://host[:port]", raw)
	}
	if strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.User != nil || u.Fragment != "" {
		return Endpoint{}, fmt.Errorf("store endpoint %q: want http(s)://host[:port] and nothing more", u.Redacted())
	}
	return Endpoint{
		Secure: u.Scheme == "https", Host: StripDefaultPort(u.Scheme, strings.ToLower(u.Host)),
		Region: region, Bucket: bucket, VirtualHosted: virtualHosted,
	}, nil
}

// StripDefaultPort removes the scheme's own port from host[:port]: clients
// leave it out of the Host header, and signatures cover that header.
func StripDefaultPort(scheme, host string) string {
	if scheme == "https" {
		return strings.TrimSuffix(host, ":443")
	}
	return strings.TrimSuffix(host, ":80")
}

// scheme of the endpoint's URLs.
func (e Endpoint) scheme() string {
	if e.Secure {
		return "https"
	}
	return "http"
}

// authority is the Host header of requests about the bucket.
func (e Endpoint) authority() string {
	if e.VirtualHosted {
		return e.Bucket + "." + e.Host
	}
	return e.Host
}

// basePath stands before every key.
func (e Endpoint) basePath() string {
	if e.VirtualHosted {
		return "/"
	}
	return "/" + e.Bucket + "/"
}

// String is the endpoint as people write it.
func (e Endpoint) String() string { return e.scheme() + "://" + e.Host }

// Credentials sign requests to a store.
type Credentials struct {
	AccessKeyID     string
	SecretAccessKey string
	// SessionToken of temporary credentials, else empty. A URL signed with them
	// dies with them, whatever its own expiry says.
	SessionToken string
}
