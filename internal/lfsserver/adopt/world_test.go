package adopt_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/layout"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/adopt"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/lfstest"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
	"github.com/lfs-operator/lfs-operator/internal/serverstatus"
	"github.com/lfs-operator/lfs-operator/test/assets"
)

// bucket is one of the shared store, as a person sees it.
type bucket struct {
	*objectstore.S3
	t      *testing.T
	name   string
	signer *objectstore.URLSigner
}

func newBucket(t *testing.T) bucket {
	t.Helper()
	store := assets.SharedStore(t)
	return openBucket(t, store, store.NewBucket(t))
}

func openBucket(t *testing.T, store *assets.Store, name string) bucket {
	t.Helper()
	e, err := objectstore.ParseEndpoint(store.Endpoint, store.Region, name, false)
	if err != nil {
		t.Fatal(err)
	}
	creds := objectstore.Credentials{AccessKeyID: store.AccessKey, SecretAccessKey: store.SecretKey}
	s3, err := objectstore.NewS3(e, creds, objectstore.NewTransport(nil), nil)
	if err != nil {
		t.Fatal(err)
	}
	return bucket{S3: s3, t: t, name: name, signer: objectstore.NewURLSigner(e, creds, time.Now)}
}

// openBucketThrough is the same bucket; look is called before each request.
func openBucketThrough(t *testing.T, b bucket, look func(*http.Request)) *objectstore.S3 {
	t.Helper()
	store := assets.SharedStore(t)
	e, err := objectstore.ParseEndpoint(store.Endpoint, store.Region, b.name, false)
	if err != nil {
		t.Fatal(err)
	}
	next := objectstore.NewTransport(nil)
	s3, err := objectstore.NewS3(e, objectstore.Credentials{AccessKeyID: store.AccessKey, SecretAccessKey: store.SecretKey},
		roundTripper(func(r *http.Request) (*http.Response, error) {
			look(r)
			return next.RoundTrip(r)
		}), nil)
	if err != nil {
		t.Fatal(err)
	}
	return s3
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func (b bucket) put(key, content string) {
	b.t.Helper()
	if _, err := b.Put(b.t.Context(), key, strings.NewReader(content), int64(len(content)), objectstore.Condition{}); err != nil {
		b.t.Fatal(err)
	}
}

func (b bucket) content(key string) string {
	b.t.Helper()
	body, _, err := b.Get(b.t.Context(), key, "")
	if errors.Is(err, objectstore.ErrNotFound) {
		return "(not there)"
	}
	if err != nil {
		b.t.Fatal(err)
	}
	defer body.Close()
	raw, err := io.ReadAll(body)
	if err != nil {
		b.t.Fatal(err)
	}
	return string(raw)
}

// serve starts the server of a repository that adopts from a prefix of the bucket.
func (b bucket) serve(from string, opts ...lfstest.Option) *lfstest.Server {
	return lfstest.Start(b.t, assets.SharedStore(b.t), append([]lfstest.Option{lfstest.WithConfig(func(c *serverconfig.Config) {
		c.Storage.Bucket = b.name
		if from != "" {
			c.AdoptFrom = &serverconfig.AdoptFrom{Bucket: b.name, Prefix: from}
		}
	})}, opts...)...)
}

// options of a run for a server's repository.
func (b bucket) options(s *lfstest.Server) adopt.Options {
	source := b
	if name := s.Config.AdoptFrom.Bucket; name != b.name {
		source = openBucket(b.t, assets.SharedStore(b.t), name)
	}
	config := s.Config
	return adopt.Options{
		Config: &config, Bucket: b.S3, Source: source.S3, Signer: b.signer,
		Guard: lfsserver.NewGCGuard(b.S3, layout.Prefix(config.Storage.Prefix)),
		Log:   b.t.Logf, Lease: 6 * time.Second, Every: 50 * time.Millisecond,
	}
}

func (b bucket) adopt(s *lfstest.Server) serverstatus.AdoptionReport {
	b.t.Helper()
	report, err := adopt.Run(b.t.Context(), b.options(s))
	if err != nil {
		b.t.Fatal(err)
	}
	return report
}

// served checks that clients get these contents, and no others.
func served(t *testing.T, s *lfstest.Server, contents ...string) {
	t.Helper()
	for _, c := range contents {
		if got := s.Download(lfstest.ObjectOf(c)); got != c {
			t.Errorf("%.20q is served as %.20q", c, got)
		}
	}
}

func notServed(t *testing.T, s *lfstest.Server, oid string, size int) {
	t.Helper()
	if a := s.Batch("download", lfstest.Object{OID: oid, Size: int64(size)})[0]; a.Actions != nil || a.Error == nil || a.Error.Code != 404 {
		t.Errorf("what is not what its name says is served: %+v", a)
	}
}

// reported waits until the server tells of a report.
func reported(t *testing.T, s *lfstest.Server, want serverstatus.AdoptionReport) {
	t.Helper()
	s.Eventually("the server tells of the adoption", func() (bool, string) {
		got := s.Status().Adoption
		if got == nil || got.FinishedAt.IsZero() {
			return false, "nothing"
		}
		raw, _ := json.Marshal(got)
		return got.Objects == want.Objects && got.Wrong == want.Wrong && got.Bytes == want.Bytes, string(raw)
	})
}
