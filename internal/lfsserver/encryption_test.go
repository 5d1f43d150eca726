package lfsserver_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver/lfstest"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
	"github.com/lfs-operator/lfs-operator/internal/serverstatus"
	"github.com/lfs-operator/lfs-operator/test/assets"
)

// needsKMS is a store with a KMS.
func needsKMS(t *testing.T) *assets.Store {
	t.Helper()
	store := assets.StartStoreWithKMS(t)
	if store.KMSKeyID == "" {
		t.Skip("the store has no KMS; make test-minio runs this")
	}
	return store
}

func encrypting(e serverconfig.Encryption) lfstest.Option {
	return lfstest.WithConfig(func(c *serverconfig.Config) { c.Storage.Encryption = &e })
}

// TestEncryption: whatever comes under the prefix, and on whichever way, is stored
// with the encryption that was asked for, and no link works without it.
func TestEncryption(t *testing.T) {
	t.Parallel()
	store := needsKMS(t)
	for name, tc := range map[string]struct {
		ask     serverconfig.Encryption
		header  string
		keyNeed string
	}{
		"SSE-KMS":         {serverconfig.Encryption{Type: serverconfig.EncryptionKMS}, "aws:kms", ""},
		"SSE-KMS, by key": {serverconfig.Encryption{Type: serverconfig.EncryptionKMS, KMSKeyID: store.KMSKeyID}, "aws:kms", store.KMSKeyID},
		"SSE-S3":          {serverconfig.Encryption{Type: serverconfig.EncryptionS3}, "AES256", ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := lfstest.Start(t, store, splitting("Auto"), encrypting(tc.ask))
			up := s.Batch("upload", lfstest.ObjectOf("not encrypted"))[0].Actions["upload"]
			if up.Header["x-amz-server-side-encryption"] != tc.header || up.Header["x-amz-server-side-encryption-aws-kms-key-id"] != tc.keyNeed {
				t.Errorf("the client is told to send %v", up.Header)
			}
			for _, left := range []string{"x-amz-server-side-encryption", "x-amz-server-side-encryption-aws-kms-key-id"} {
				without := lfstest.Action{Href: up.Href, Header: map[string]string{}}
				for k, v := range up.Header {
					if k != left {
						without.Header[k] = v
					}
				}
				if len(without.Header) == len(up.Header) {
					continue
				}
				// 403 as S3 says it, and 400 with MinIO.
				if status := s.Put(without, strings.NewReader("not encrypted"), 13); status < 400 || status >= 500 {
					t.Errorf("without %s: %d", left, status)
				}
			}
			if s.Batch("download", lfstest.ObjectOf("not encrypted"))[0].Error == nil {
				t.Error("it was stored all the same")
			}
			everyWay(t, s)
			s.Reconfigure(func(c *serverconfig.Config) { c.Transfer = serverconfig.TransferProxy })
			s.WaitReady()
			everyWay(t, s)
			if n := objectsWith(t, s, tc.header, tc.keyNeed); n < 11 { // 5 ways twice, and the owner object
				t.Errorf("%d objects under the prefix", n)
			}
		})
	}
}

// everyWay sends objects as each kind of client would, and reads them back.
func everyWay(t *testing.T, s *lfstest.Server) {
	t.Helper()
	basic := s.Config.Transfer + " by one PUT"
	s.Upload(basic)
	if s.Download(lfstest.ObjectOf(basic)) != basic {
		t.Error("basic: not what was uploaded")
	}
	for _, size := range []int{100, partSize + 12} { // clients that send no header of ours
		c := content(size)
		o := lfstest.ObjectOf(c)
		transfer, a := ask{agent: agentHF, transfers: []string{"basic", "multipart"}}.upload(t, s, o)
		if s.Config.Transfer == "" && transfer != "multipart" {
			t.Fatalf("%d bytes: a link of transfer %q cannot ask for encryption", size, transfer)
		}
		if transfer == "multipart" {
			parts := putChunks(t, a.Upload, c)
			if resp, body := send(t, http.MethodPost, a.Upload.Href, agentHF, "", map[string]any{"oid": o.OID, "parts": parts}); resp.StatusCode != 200 {
				t.Fatalf("complete: %s: %s", resp.Status, body)
			}
		} else if status, _ := put(t, a.Upload.Href, c); status != 200 {
			t.Fatalf("PUT through the server: %d", status)
		}
		if s.Download(o) != c {
			t.Errorf("%d bytes: not what was uploaded", size)
		}
	}
	c := content(6 << 20)
	a := tusLink(t, s, lfstest.ObjectOf(c))
	if resp := patch(t, a.Upload.Href, 0, c); resp.StatusCode != 204 {
		t.Fatalf("tus: %s", resp.Status)
	}
	if s.Download(lfstest.ObjectOf(c)) != c {
		t.Error("tus: not what was uploaded")
	}
	c = content(2<<20) + s.Config.Transfer
	a = tusLink(t, s, lfstest.ObjectOf(c))
	if resp := patch(t, a.Upload.Href, 0, c); resp.StatusCode != 204 {
		t.Fatalf("tus, less than a part: %s", resp.Status)
	}
}

// objectsWith counts what lies under the prefix, all of which must be encrypted, and
// listed by the same ETag as it has.
func objectsWith(t *testing.T, s *lfstest.Server, algorithm, key string) (n int) {
	t.Helper()
	e, err := objectstore.ParseEndpoint(s.Store.Endpoint, s.Store.Region, s.Config.Storage.Bucket, false)
	if err != nil {
		t.Fatal(err)
	}
	signer := objectstore.NewURLSigner(e, objectstore.Credentials{AccessKeyID: s.Store.AccessKey, SecretAccessKey: s.Store.SecretKey}, time.Now)
	for info, err := range bucketOf(t, s).List(t.Context(), s.Config.Storage.Prefix, "") {
		if err != nil {
			t.Fatal(err)
		}
		u, err := signer.PresignGet(info.Key, time.Minute, "")
		if err != nil {
			t.Fatal(err)
		}
		resp, _ := s.Do(mustGet(t, u))
		h := resp.Header
		if h.Get("x-amz-server-side-encryption") != algorithm || !strings.HasSuffix(h.Get("x-amz-server-side-encryption-aws-kms-key-id"), key) {
			t.Errorf("%s: encrypted with %q and key %q", info.Key, h.Get("x-amz-server-side-encryption"), h.Get("x-amz-server-side-encryption-aws-kms-key-id"))
		}
		if etag := strings.Trim(h.Get("ETag"), `"`); etag != info.ETag {
			t.Errorf("%s: listed as %s, and is %s", info.Key, info.ETag, etag)
		}
		n++
	}
	return n
}

// TestEncryptionRefused: a store that does not encrypt as it is asked to is found
// out, whether it refuses or pretends, and all is well without the setting.
func TestEncryptionRefused(t *testing.T) {
	t.Parallel()
	store := assets.SharedStore(t)
	for _, kind := range []string{serverconfig.EncryptionKMS, serverconfig.EncryptionS3} {
		t.Run(kind, func(t *testing.T) {
			s := lfstest.Start(t, store, lfstest.NotReady(), encrypting(serverconfig.Encryption{Type: kind}))
			reason := map[string]string{"minio": serverstatus.ReasonEncryptionRefused, "versitygw": serverstatus.ReasonStoreIncapable}[store.Kind()]
			if st := s.WaitReason(reason); !strings.Contains(st.Message, "encrypt") || !strings.Contains(st.Message, "KMS") {
				t.Errorf("the message does not say what to do: %s", st.Message)
			}
			if st := s.Status().Store; strings.Contains(st.Message, "x-amz-checksum-sha256") {
				t.Errorf("links with the headers of encryption are not as good as others: %s", st.Message)
			}
			s.Reconfigure(func(c *serverconfig.Config) { c.Storage.Encryption = nil })
			s.WaitReady()
			s.Upload("not encrypted")
		})
	}
}

// TestEncryptionUnknownKey: a key that the KMS does not have is named.
func TestEncryptionUnknownKey(t *testing.T) {
	t.Parallel()
	s := lfstest.Start(t, needsKMS(t), lfstest.NotReady(), encrypting(serverconfig.Encryption{Type: serverconfig.EncryptionKMS, KMSKeyID: "no-such-key"}))
	if st := s.WaitReason(serverstatus.ReasonEncryptionRefused); !strings.Contains(st.Message, "no-such-key") {
		t.Errorf("the message does not name the key: %s", st.Message)
	}
	s.Reconfigure(func(c *serverconfig.Config) { c.Storage.Encryption.KMSKeyID = s.Store.KMSKeyID })
	s.WaitReady()
}

// forgetful is a store that does not encrypt what comes in parts.
type forgetful struct{ next http.RoundTripper }

func (f forgetful) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := f.next.RoundTrip(req)
	if err == nil && req.Method == http.MethodHead && strings.HasSuffix(req.URL.Path, "-parts") {
		resp.Header.Del("x-amz-server-side-encryption")
	}
	return resp, err
}

// TestEncryptionInParts: a store that forgets to encrypt what comes in parts is
// found out.
func TestEncryptionInParts(t *testing.T) {
	t.Parallel()
	store := needsKMS(t)
	st := serverconfig.Storage{Region: store.Region, Bucket: store.NewBucket(t), Encryption: &serverconfig.Encryption{Type: serverconfig.EncryptionKMS}}
	e, err := objectstore.EndpointFor(st, store.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	key := objectstore.Credentials{AccessKeyID: store.AccessKey, SecretAccessKey: store.SecretKey}
	for want, rt := range map[bool]http.RoundTripper{true: forgetful{http.DefaultTransport}, false: http.DefaultTransport} {
		b, err := objectstore.NewS3(e, key, rt, nil)
		if err != nil {
			t.Fatal(err)
		}
		caps, err := objectstore.Probe(t.Context(), b, objectstore.NewURLSigner(e, key, time.Now), "p/")
		if err != nil || caps.Unencrypted != want || caps.QuerySHA256 {
			t.Errorf("%v %+v, unencrypted should be %t", err, caps, want)
		}
		if lacks := strings.Join(objectstore.Lacks(caps), ""); strings.Contains(lacks, "encryption") != want {
			t.Errorf("lacks %q", lacks)
		}
	}
}
