package objectstore

import (
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/serverstatus"
)

func TestGrant(t *testing.T) {
	e, err := ParseEndpoint("http://store", "r", "b", false)
	if err != nil {
		t.Fatal(err)
	}
	signer := NewURLSigner(e, Credentials{AccessKeyID: "k", SecretAccessKey: "s"}, time.Now)
	oid := strings.Repeat("ab", 32)
	if u, err := NewAdmission(signer, "p/", serverstatus.Capabilities{}).Grant(oid, 1, time.Hour); !errors.Is(err, ErrUnprovable) {
		t.Errorf("a store that proves nothing: %+v %v", u, err)
	}
	if u, err := (Admission{}).Grant(oid, 1, time.Hour); !errors.Is(err, ErrUnprovable) {
		t.Errorf("the zero value: %+v %v", u, err)
	}
	a := NewAdmission(signer, "p/", serverstatus.Capabilities{SignedChecksum: true, QuerySHA256: true})
	for _, bad := range []string{"", "ab", oid[:63], oid + "ab", strings.Repeat("zz", 32), strings.Repeat("AB", 32)} {
		if u, err := a.Grant(bad, 1, time.Hour); err == nil {
			t.Errorf("OID %q: %+v", bad, u)
		}
		if u, err := a.GrantBare(bad, time.Hour); err == nil {
			t.Errorf("OID %q, bare: %+v", bad, u)
		}
	}
	bare, err := a.GrantBare(oid, time.Hour)
	if err != nil || len(bare.Header) > 0 || !strings.Contains(bare.URL, "&X-Amz-Content-Sha256="+oid+"&") {
		t.Errorf("%+v %v", bare, err)
	}
	signedOnly := NewAdmission(signer, "p/", serverstatus.Capabilities{SignedChecksum: true})
	if u, err := signedOnly.GrantBare(oid, time.Hour); !errors.Is(err, ErrUnprovable) {
		t.Errorf("a store that does not look at the query: %+v %v", u, err)
	}
	u, err := a.Grant(oid, 1, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := url.Parse(u.URL)
	if err != nil || parsed.Path != "/b/p/lfs/ab/ab/"+oid || u.Header[HeaderChecksum] != "q6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6s=" {
		t.Errorf("%+v %v", u, err)
	}
}
