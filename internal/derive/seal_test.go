package derive

import (
	"bytes"
	"testing"
)

// TestSeal: what is sealed opens with the same key for the same repository, ID and
// fingerprint, and in no other way; and is the same every time.
func TestSeal(t *testing.T) {
	t.Parallel()
	m, err := NewMaster(bytes.Repeat([]byte{7}, MasterKeySize))
	if err != nil {
		t.Fatal(err)
	}
	_, with := m.SharedKey("store", "shared-0")
	_, other := m.SharedKey("store", "shared-1")
	id, key := m.SigningKey("uid", 1)
	sealed, err := Seal(with, "uid", id, key)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := Seal(with, "uid", id, key); err != nil || !bytes.Equal(again, sealed) {
		t.Errorf("sealed again it differs (%v)", err)
	}
	if bytes.Contains(sealed, key) {
		t.Error("the key stands in what is sealed")
	}
	spoilt := bytes.Clone(sealed)
	spoilt[0] ^= 1
	for name, tc := range map[string]struct {
		with          []byte
		uid, id, name string
		sealed        []byte
		opens         bool
	}{
		"as it was sealed":   {with, "uid", id, Fingerprint(key), sealed, true},
		"another server":     {other, "uid", id, Fingerprint(key), sealed, false},
		"another repository": {with, "uid2", id, Fingerprint(key), sealed, false},
		"another ID":         {with, "uid", "k2", Fingerprint(key), sealed, false},
		"another key":        {with, "uid", id, Fingerprint(other), sealed, false},
		"spoilt":             {with, "uid", id, Fingerprint(key), spoilt, false},
		"nothing":            {with, "uid", id, Fingerprint(key), nil, false},
		"no server's key":    {nil, "uid", id, Fingerprint(key), sealed, false},
	} {
		got, err := Unseal(tc.with, tc.uid, tc.id, tc.name, tc.sealed)
		if (err == nil) != tc.opens || tc.opens && !bytes.Equal(got, key) {
			t.Errorf("%s: %x, %v", name, got, err)
		}
	}
}
