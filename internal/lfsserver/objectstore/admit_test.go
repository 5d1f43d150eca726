package objectstore

import (
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"
)

func TestGrant(t *testing.T) {
	e, err := ParseEndpoint("http://store", "r", "b", false)
	if err != nil {
		t.Fatal(err)
	}
	signer := NewURLSigner(e, Credentials{AccessKeyID: "k", SecretAccessKey: "s"}, time.Now)
	oid := strings.Repeat("ab", 32)
	if u, err := NewAdmission(signer, "p/", false).Grant(oid, 1, time.Hour); !errors.Is(err, ErrUnprovable) {
		t.Errorf("a store that proves nothing: %+v %v", u, err)
	}
	if u, err := (Admission{}).Grant(oid, 1, time.Hour); !errors.Is(err, ErrUnprovable) {
		t.Errorf("the zero value: %+v %v", u, err)
	}
	a := NewAdmission(signer, "p/", true)
	for _, bad := range []string{"", "ab", oid[:63], oid + "ab", strings.Repeat("zz", 32), strings.Repeat("AB", 32)} {
		if u, err := a.Grant(bad, 1, time.Hour); err == nil {
			t.Errorf("OID %q: %+v", bad, u)
		}
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
