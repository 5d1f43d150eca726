package assets

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"time"
)

// emptyBody is the hash of a request without a body.
var emptyBody = hexSHA256("")

// signV4 signs a request without query or unusual characters in its path (AWS
// Signature Version 4, "authorization header"): enough to make a bucket without
// an S3 client among this package's imports. payload is the hash of the body, or
// UNSIGNED-PAYLOAD.
func signV4(req *http.Request, payload, accessKey, secretKey, region string, now time.Time) {
	const signedHeaders = "host;x-amz-content-sha256;x-amz-date"
	stamp := now.UTC().Format("20060102T150405Z")
	day := stamp[:8]
	scope := fmt.Sprintf("%s/%s/s3/aws4_request", day, region)

	canonical := fmt.Sprintf("%s\n%s\n\nhost:%s\nx-amz-content-sha256:%s\nx-amz-date:%s\n\n%s\n%s",
		req.Method, req.URL.EscapedPath(), req.URL.Host, payload, stamp, signedHeaders, payload)
	toSign := fmt.Sprintf("AWS4-HMAC-SHA256\n%s\n%s\n%s", stamp, scope, hexSHA256(canonical))

	key := []byte("AWS4" + secretKey)
	for _, part := range []string{day, region, "s3", "aws4_request", toSign} {
		key = hmacSHA256(key, part)
	}
	req.Header.Set("X-Amz-Date", stamp)
	req.Header.Set("X-Amz-Content-Sha256", payload)
	req.Header.Set("Authorization", fmt.Sprintf("AWS4-HMAC-SHA256 Credential=%s/%s, SignedHeaders=%s, Signature=%x",
		accessKey, scope, signedHeaders, key))
}

func hexSHA256(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

func hmacSHA256(key []byte, s string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(s))
	return h.Sum(nil)
}
