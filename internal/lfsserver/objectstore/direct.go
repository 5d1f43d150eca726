package objectstore

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"time"
)

// direct sends a GET or HEAD with nothing in between but net/http. A batch of 100
// objects that nobody knows is 100 of them, and minio-go spends as much time on
// each as the store does. Only the plain answers are for the caller to use; for
// all others, no answer among them, the request is left to minio-go, which tries
// again and says what is wrong.
func (s *S3) direct(ctx context.Context, method, key, knownETag string) (*http.Response, error) {
	u, signer := s.base, s.ring.signers().own
	u.Path += key
	if escaped := signer.path(key); escaped != u.Path {
		u.RawPath = escaped
	}
	req := (&http.Request{
		Method: method, URL: &u, Host: u.Host, Header: make(http.Header, 5),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}).WithContext(ctx)
	signer.authorize(req.Header, method, key, time.Now())
	if knownETag != "" {
		req.Header.Set("If-None-Match", `"`+knownETag+`"`)
	}
	// No client around it: nothing is followed and nothing kept.
	return s.http.Transport.RoundTrip(req)
}

// headDirect is Head where the answer is plain.
func (s *S3) headDirect(ctx context.Context, key string, c *call) (info Info, plain bool, err error) {
	resp, err := s.direct(ctx, http.MethodHead, key, "")
	if err != nil {
		return info, false, err
	}
	resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusOK:
		info, plain = infoFrom(resp, key, c)
		return info, plain, nil
	case http.StatusNotFound:
		return info, true, statusFault("head", key, resp.StatusCode)
	}
	return info, false, nil
}

// getDirect is Get where the answer is plain.
func (s *S3) getDirect(ctx context.Context, key, knownETag string, c *call) (body io.ReadCloser, info Info, plain bool, err error) {
	resp, err := s.direct(ctx, http.MethodGet, key, knownETag)
	if err != nil {
		return nil, info, false, err
	}
	if resp.StatusCode == http.StatusOK {
		if info, plain = infoFrom(resp, key, c); plain {
			return resp.Body, info, true, nil
		}
	}
	defer resp.Body.Close()
	info = Info{Key: key, Date: c.date}
	switch resp.StatusCode {
	case http.StatusNotModified:
		return nil, info, true, statusFault("get", key, resp.StatusCode)
	case http.StatusNotFound:
		// The bucket may be what is missing, or the credentials.
		reason, _ := io.ReadAll(io.LimitReader(resp.Body, 4<<10))
		if bytes.Contains(reason, []byte("<Code>NoSuchKey</Code>")) {
			return nil, info, true, statusFault("get", key, resp.StatusCode)
		}
	}
	return nil, info, false, nil
}

// infoFrom reads an answer's header; false where it lacks what every store sends.
func infoFrom(resp *http.Response, key string, c *call) (Info, bool) {
	modified, err := http.ParseTime(resp.Header.Get("Last-Modified"))
	return Info{
		Key: key, Size: resp.ContentLength, ETag: strings.Trim(resp.Header.Get("ETag"), `"`),
		LastModified: modified, VersionID: resp.Header.Get("x-amz-version-id"), Date: c.date,
	}, err == nil && resp.ContentLength >= 0
}
