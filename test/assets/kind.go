package assets

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"os"
	"testing"
	"time"
)

// envStore selects the kind of all stores of a test run.
const envStore = "TEST_STORE"

// kind is a program that can be the store of a test.
type kind struct {
	name string
	// program in bin/, and the environment variable that puts another in its place.
	program, env string
	// kms: it can encrypt with a key of its environment.
	kms bool
	// oidc: it lets a role be assumed by the tokens of an OpenID Connect issuer.
	oidc bool
	// start runs it: listen is an address, port 0 for a free one; dir its folder,
	// empty for a temporary one that goes with it; args are more flags of teststore.
	start func(s *Store, listen string, args []string) (*process, error)
}

var kinds = map[string]kind{
	"versitygw": {name: "versitygw", program: "teststore", env: "TEST_STORE_BIN", start: startTeststore},
	"minio":     {name: "minio", program: "minio", env: "MINIO_BIN", kms: true, oidc: true, start: startMinIO},
}

// kindOf this test run: versitygw, unless the environment says otherwise.
func kindOf(t testing.TB) kind {
	t.Helper()
	name := cmp.Or(os.Getenv(envStore), "versitygw")
	k, ok := kinds[name]
	if !ok {
		t.Fatalf("%s=%s: want versitygw or minio", envStore, name)
	}
	return k
}

func startTeststore(s *Store, listen string, args []string) (*process, error) {
	all := []string{"--listen", listen, "--region", s.Region}
	if s.dir != "" {
		all = append(all, "--dir", s.dir)
	}
	return start(command{
		bin: s.bin, args: append(append(all, args...), "--with-parent"),
		env: []string{"ROOT_ACCESS_KEY=" + s.AccessKey, "ROOT_SECRET_KEY=" + s.SecretKey},
	})
}

// minioScript gives MinIO what teststore does by itself: it ends when standard
// input closes, however its parent ended, and takes a temporary folder with it.
const minioScript = `
dir=$1; shift
[ -n "$dir" ] || { dir=$(mktemp -d); temporary=$dir; }
"$@" "$dir" </dev/null &
cat >/dev/null
kill -9 $!
wait $! 2>/dev/null
[ -z "$temporary" ] || rm -rf "$temporary"
`

// startMinIO knows none of teststore's flags: buckets of MinIO can be versioned
// without any.
func startMinIO(s *Store, listen string, _ []string) (*process, error) {
	env := []string{
		"MINIO_ROOT_USER=" + s.AccessKey, "MINIO_ROOT_PASSWORD=" + s.SecretKey,
		"MINIO_REGION=" + s.Region, "MINIO_BROWSER=off", "MINIO_UPDATE=off",
	}
	if s.KMSKeyID != "" {
		key := sha256.Sum256([]byte(s.SecretKey)) // the same after a restart
		env = append(env, "MINIO_KMS_SECRET_KEY="+s.KMSKeyID+":"+base64.StdEncoding.EncodeToString(key[:]))
	}
	if s.trusts != nil {
		env = append(env, "MINIO_IDENTITY_OPENID_CONFIG_URL="+s.trusts.ConfigURL, "MINIO_IDENTITY_OPENID_CLIENT_ID="+s.trusts.Audience,
			"MINIO_IDENTITY_OPENID_CLIENT_SECRET="+s.SecretKey, "MINIO_IDENTITY_OPENID_ROLE_POLICY=readwrite")
	}
	return start(command{
		// Its port is found here, since it does not tell one that it was given.
		addr: func() (string, error) { return freePort(listen) },
		bin:  "/bin/sh",
		args: []string{"-c", minioScript, "minio", s.dir, s.bin, "server", "--quiet", "--address"},
		env:  env,
		// Its own health endpoints say yes before it takes buckets.
		ready: func(addr string) bool {
			status, err := s.createBucket(context.Background(), "http://"+addr, "made-to-see-whether-it-answers")
			if err != nil || status != http.StatusOK && status != http.StatusConflict {
				return false
			}
			return s.trusts == nil || s.takesToken("http://"+addr) // it reads its policies a little later
		},
	})
}

// freePort replaces port 0 by one that is free now.
func freePort(listen string) (string, error) {
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return "", fmt.Errorf("listen on %s: %w", listen, err)
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// pollInterval of a server that cannot say when it can be used.
const pollInterval = 20 * time.Millisecond
