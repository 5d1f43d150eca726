package token

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"
)

var (
	claims = Claims{Operation: OperationVerify, Repository: "uid", OID: strings.Repeat("ab", 32), Size: 1 << 40, Expires: time.Unix(2_000_000_000, 0)}
	before = time.Unix(1_999_999_999, 0)
	ring   = NewKeyring([]Key{{ID: "k1", Secret: []byte("one")}, {ID: "k2", Secret: []byte("two")}}, "k2")
)

func TestSealOpen(t *testing.T) {
	s, err := ring.Seal(claims)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := ring.Open(s, before); err != nil || got != claims {
		t.Errorf("%+v %v", got, err)
	}
	if _, err := ring.Open(s, claims.Expires); !errors.Is(err, ErrExpired) {
		t.Errorf("at its end: %v", err)
	}
	withUpload := claims
	withUpload.Operation, withUpload.Upload, withUpload.By = OperationComplete, "client.id", "token:ci"
	if u, err := ring.Seal(withUpload); err != nil {
		t.Error(err)
	} else if got, err := ring.Open(u, before); err != nil || got != withUpload {
		t.Errorf("with an upload: %+v %v", got, err)
	}
	// A key that is only accepted, one that is gone, one of the same name.
	if _, err := NewKeyring([]Key{{ID: "k2", Secret: []byte("two")}}, "").Open(s, before); err != nil {
		t.Errorf("a keyring that only accepts: %v", err)
	}
	for name, r := range map[string]*Keyring{
		"without the key":  NewKeyring([]Key{{ID: "k1", Secret: []byte("one")}}, "k1"),
		"with another key": NewKeyring([]Key{{ID: "k2", Secret: []byte("three")}}, "k2"),
		"empty":            NewKeyring(nil, ""),
	} {
		if _, err := r.Open(s, before); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := NewKeyring(nil, "k1").Seal(claims); !errors.Is(err, ErrNoKey) {
		t.Errorf("without a key: %v", err)
	}
}

// TestTamper: no byte of a token can be changed, added or left out.
func TestTamper(t *testing.T) {
	s, err := ring.Seal(claims)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	open := func(b []byte) error {
		_, err := ring.Open(base64.RawURLEncoding.EncodeToString(b), before)
		return err
	}
	for i := range raw {
		for _, bit := range []byte{1, 0x80} {
			changed := append([]byte(nil), raw...)
			changed[i] ^= bit
			if open(changed) == nil {
				t.Errorf("byte %d changed by %#x is accepted", i, bit)
			}
		}
		if open(raw[:i]) == nil || open(append(append([]byte(nil), raw[:i]...), raw[i+1:]...)) == nil {
			t.Errorf("a token without byte %d is accepted", i)
		}
	}
	if open(append(raw, 0)) == nil {
		t.Error("a token with a byte more is accepted")
	}
}

func FuzzOpen(f *testing.F) {
	s, _ := ring.Seal(claims)
	f.Add(s)
	f.Add("")
	f.Add("AQ")
	f.Add(base64.RawURLEncoding.EncodeToString(append([]byte{version, 255}, make([]byte, 64)...)))
	f.Fuzz(func(t *testing.T, in string) {
		c, err := ring.Open(in, before)
		if err == nil && in != s {
			t.Errorf("accepted %q as %+v", in, c)
		}
	})
}

func BenchmarkSeal(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ring.Seal(claims); err != nil {
			b.Fatal(err)
		}
	}
}
