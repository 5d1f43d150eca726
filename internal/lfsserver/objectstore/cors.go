package objectstore

import (
	"context"
	"net/http"
	"slices"

	"github.com/minio/minio-go/v7/pkg/cors"
)

// AllowBrowsers lets pages of any origin use links to the bucket, and see the ETag
// of a part that they have sent (Fetch standard, "CORS protocol"). Links hold all
// that is needed, no cookie opens anything. It replaces what was set before, so it is
// for buckets that this server has made.
func (s *S3) AllowBrowsers(ctx context.Context) error {
	ctx, _ = withCall(ctx, "put-bucket-cors")
	err := s.core.SetBucketCors(ctx, s.bucket, cors.NewConfig([]cors.Rule{{
		AllowedOrigin: []string{"*"},
		AllowedMethod: []string{http.MethodGet, http.MethodHead, http.MethodPut},
		AllowedHeader: []string{"*"},
		ExposeHeader:  []string{"ETag"},
		MaxAgeSeconds: 600,
	}}))
	return fault("allow browsers", s.bucket, err)
}

// probeOrigin is a page that does not exist.
const probeOrigin = "https://lfs-operator.invalid"

// browsers asks as a browser does before it uploads. A store that does not answer
// that is as good as any other, so no failure is one of the probe.
func (p *probe) browsers(ctx context.Context) bool {
	u, _, err := p.checksumLink(p.dir + "preflight")
	if err != nil {
		return false
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodOptions, u, http.NoBody)
	if err != nil {
		return false
	}
	req.Header.Set("Origin", probeOrigin)
	req.Header.Set("Access-Control-Request-Method", http.MethodPut)
	req.Header.Set("Access-Control-Request-Headers", HeaderChecksum)
	resp, err := p.s3.Do(req, "probe")
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	return resp.StatusCode < 300 && slices.Contains([]string{"*", probeOrigin}, resp.Header.Get("Access-Control-Allow-Origin"))
}
