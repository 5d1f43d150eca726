package objectstore

import (
	"crypto/sha256"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	miniosigner "github.com/minio/minio-go/v7/pkg/signer"
)

// The example of "Authenticating Requests: Using Query Parameters" in the Amazon
// S3 API reference.
func TestPresignAWSExample(t *testing.T) {
	at := time.Date(2013, 5, 24, 0, 0, 0, 0, time.UTC)
	e, err := ParseEndpoint("https://s3.amazonaws.com", "us-east-1", "examplebucket", true)
	if err != nil {
		t.Fatal(err)
	}
	s := NewURLSigner(e, Credentials{AccessKeyID: "AKIAIOSFODNN7EXAMPLE", SecretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"}, func() time.Time { return at })
	got, err := s.PresignGet("test.txt", 24*time.Hour, "")
	want := "https://examplebucket.s3.amazonaws.com/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256" +
		"&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request" +
		"&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host" +
		"&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
	if err != nil || got != want {
		t.Errorf("err %v\n got %s\nwant %s", err, got, want)
	}
}

// TestPresignLikeMinio compares with minio-go, whose signatures every store
// accepts, over all that can be different.
func TestPresignLikeMinio(t *testing.T) {
	sum := sha256.Sum256([]byte("content"))
	for name, tc := range map[string]struct {
		endpoint string
		virtual  bool
		key      string
		creds    Credentials
	}{
		"path style":         {"http://127.0.0.1:9000", false, "p/lfs/ab/cd/abcd", Credentials{AccessKeyID: "key", SecretAccessKey: "secret"}},
		"virtual-hosted":     {"https://s3.eu-central-1.amazonaws.com", true, "p/lfs/ab/cd/abcd", Credentials{AccessKeyID: "key", SecretAccessKey: "secret"}},
		"session token":      {"http://store:80", false, "a", Credentials{AccessKeyID: "k/e+y", SecretAccessKey: "s", SessionToken: "to/ken+=="}},
		"a key to be quoted": {"https://store:443", false, "ä b+c/ü~_-.!*'()&?=#", Credentials{AccessKeyID: "key", SecretAccessKey: "secret"}},
	} {
		t.Run(name, func(t *testing.T) {
			e, err := ParseEndpoint(tc.endpoint, "eu-central-1", "bucket", tc.virtual)
			if err != nil {
				t.Fatal(err)
			}
			// minio-go signs with its own clock: try again when the second changes.
			for range 100 {
				at := time.Now()
				s := NewURLSigner(e, tc.creds, func() time.Time { return at })
				got, err := s.PresignGet(tc.key, time.Hour, "")
				if err != nil {
					t.Fatal(err)
				}
				put, header, err := s.PresignPut(tc.key, sum[:], 7, time.Hour)
				if err != nil {
					t.Fatal(err)
				}
				wantGet := minioPresign(t, http.MethodGet, got, nil, tc.creds)
				wantPut := minioPresign(t, http.MethodPut, put, http.Header{"X-Amz-Checksum-Sha256": {header[HeaderChecksum]}, "Content-Length": {"7"}}, tc.creds)
				guarded, header, err := s.Guarded().PresignPut(tc.key, sum[:], 7, time.Hour)
				if err != nil {
					t.Fatal(err)
				}
				wantGuarded := minioPresign(t, http.MethodPut, guarded, http.Header{
					"X-Amz-Checksum-Sha256": {header[HeaderChecksum]}, "Content-Length": {"7"},
					"X-Amz-Checksum-Algorithm": {""}, "X-Amz-Copy-Source": {""}, "X-Amz-Trailer": {""},
				}, tc.creds, guardHeaders[:]...)
				if time.Now().Unix() != at.Unix() {
					continue
				}
				compareURLs(t, got, wantGet)
				compareURLs(t, put, wantPut)
				compareURLs(t, guarded, wantGuarded)
				return
			}
			t.Fatal("the clock never stood still")
		})
	}
}

// minioPresign signs the same URL without our parameters, but with these as empty
// ones.
func minioPresign(t *testing.T, method, raw string, header http.Header, c Credentials, empty ...string) string {
	t.Helper()
	base, _, _ := strings.Cut(raw, "?")
	query := url.Values{}
	for _, name := range empty {
		query.Set(name, "")
	}
	base += "?" + query.Encode()
	req, err := http.NewRequest(method, base, nil)
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range header {
		req.Header[k] = v
	}
	return miniosigner.PreSignV4(*req, c.AccessKeyID, c.SecretAccessKey, c.SessionToken, "eu-central-1", 3600).URL.String()
}

func compareURLs(t *testing.T, got, want string) {
	t.Helper()
	g, err := url.Parse(got)
	if err != nil {
		t.Fatal(err)
	}
	w, err := url.Parse(want)
	if err != nil {
		t.Fatal(err)
	}
	if g.Host != w.Host || g.EscapedPath() != w.EscapedPath() || g.Query().Encode() != w.Query().Encode() {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
}

func TestPresignRefuses(t *testing.T) {
	e, err := ParseEndpoint("http://store", "r", "b", false)
	if err != nil {
		t.Fatal(err)
	}
	s := NewURLSigner(e, Credentials{AccessKeyID: "k", SecretAccessKey: "s"}, time.Now)
	sum := sha256.Sum256(nil)
	for name, try := range map[string]func() error{
		"no key":            func() error { _, err := s.PresignGet("", time.Hour, ""); return err },
		"no time":           func() error { _, err := s.PresignGet("k", 0, ""); return err },
		"too long":          func() error { _, err := s.PresignGet("k", 8*24*time.Hour, ""); return err },
		"half a checksum":   func() error { _, _, err := s.PresignPut("k", sum[:16], 1, time.Hour); return err },
		"no upload":         func() error { _, err := s.PresignParts("k", "", time.Hour); return err },
		"parts without key": func() error { _, err := s.PresignParts("", "u", time.Hour); return err },
		"a negative length": func() error { _, _, err := s.PresignPut("k", sum[:], -1, time.Hour); return err },
	} {
		if try() == nil {
			t.Errorf("%s: signed", name)
		}
	}
}

// TestPresignParts: a part's link is what it would be if it were signed alone.
func TestPresignParts(t *testing.T) {
	e, err := ParseEndpoint("http://store", "r", "b", false)
	if err != nil {
		t.Fatal(err)
	}
	at := time.Now()
	s := NewURLSigner(e, Credentials{AccessKeyID: "k", SecretAccessKey: "s", SessionToken: "to/ken"}, func() time.Time { return at })
	for _, s := range []*URLSigner{s, s.Guarded()} {
		parts, err := s.PresignParts("a key", "up+load/1", time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range []int{1, 10, MaxParts} {
			got := string(parts.Append([]byte("x"), n))
			want := "x" + s.ring.signers().own.presign(&presignRequest{
				method: "PUT", key: "a key", at: at, expires: time.Hour, guarded: s.guarded,
				query: "partNumber=" + strconv.Itoa(n) + "&uploadId=up%2Bload%2F1",
			})
			if got != want {
				t.Errorf("part %d\n got %s\nwant %s", n, got, want)
			}
		}
	}
}

func TestParseEndpoint(t *testing.T) {
	for raw, want := range map[string]string{
		"http://store:9000": "http://store:9000", "https://S3.Example.com:443/": "https://s3.example.com",
		"http://[::1]:9000": "http://[::1]:9000", "http://store:80": "http://store",
		"store:9000": "", "ftp://store": "", "http://": "", "http://u:p@store": "", "http://store/base": "", "http://store?x=1": "", "": "",
	} {
		e, err := ParseEndpoint(raw, "r", "b", false)
		if want == "" {
			if err == nil || strings.Contains(err.Error(), "u:p@") {
				t.Errorf("%q: %v %v", raw, e, err)
			}
		} else if err != nil || e.String() != want {
			t.Errorf("%q: %v %v, want %s", raw, e, err, want)
		}
	}
}

// TestSignerAcrossDays: the key of a day is used on that day only, also by
// goroutines that sign around midnight.
func TestSignerAcrossDays(t *testing.T) {
	e, _ := ParseEndpoint("http://store", "r", "b", false)
	c := Credentials{AccessKeyID: "k", SecretAccessKey: "s"}
	shared := newSigner(e, c)
	for i := range 100 {
		at := time.Date(2026, 1, 1+i%3, 23, 59, i%60, 0, time.UTC)
		r := presignRequest{method: "GET", key: "x", at: at, expires: time.Hour}
		if got, want := shared.presign(&r), newSigner(e, c).presign(&r); got != want {
			t.Fatalf("\n got %s\nwant %s", got, want)
		}
	}
}

func BenchmarkPresignGet(b *testing.B) {
	e, _ := ParseEndpoint("https://s3.example.com", "us-east-1", "bucket", false)
	s := NewURLSigner(e, Credentials{AccessKeyID: "key", SecretAccessKey: "secret"}, time.Now)
	key := "some/prefix/lfs/ab/cd/" + strings.Repeat("ab", 32)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.PresignGet(key, time.Hour, ""); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPresignPut(b *testing.B) {
	e, _ := ParseEndpoint("https://s3.example.com", "us-east-1", "bucket", false)
	s := NewURLSigner(e, Credentials{AccessKeyID: "key", SecretAccessKey: "secret"}, time.Now)
	key := "some/prefix/lfs/ab/cd/" + strings.Repeat("ab", 32)
	sum := sha256.Sum256([]byte("x"))
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := s.PresignPut(key, sum[:], 1<<20, time.Hour); err != nil {
			b.Fatal(err)
		}
	}
}
