package liveset

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

func sample(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := NewWriter(&b, Header{Run: "r", Attempt: "a", Revision: "1"})
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"a", "b"} {
		if err := w.Version(Version{Entry: "main", Path: path, OID: strings.Repeat("a", 64), Size: 3, First: 7, Gen: 1, Last: 7}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Pin(Pin{Entry: "main", Path: "a", OID: strings.Repeat("b", 64), Kind: PinTag, Ref: "refs/tags/v1"}); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(&Trailer{Entries: []Entry{{Name: "main", Refs: 1}}}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func read(b []byte) (versions []Version, pins []Pin, tr Trailer, err error) {
	r, err := NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, nil, tr, err
	}
	tr, err = r.Each(
		func(v Version) error { versions = append(versions, v); return nil },
		func(p Pin) error { pins = append(pins, p); return nil })
	return versions, pins, tr, err
}

func TestRoundTrip(t *testing.T) {
	versions, pins, tr, err := read(sample(t))
	if err != nil {
		t.Fatal(err)
	}
	if len(versions) != 2 || versions[1].Path != "b" || versions[0].First != 7 || len(pins) != 1 || pins[0].Ref != "refs/tags/v1" {
		t.Errorf("read %+v %+v", versions, pins)
	}
	if !tr.Complete || tr.Versions != 2 || tr.Pins != 1 || tr.Entries[0].Name != "main" {
		t.Errorf("trailer %+v", tr)
	}
}

// A file that was cut off anywhere is never taken for a complete one.
func TestCutOff(t *testing.T) {
	whole := sample(t)
	for n := range whole {
		if _, _, _, err := read(whole[:n]); !errors.Is(err, ErrIncomplete) {
			t.Fatalf("cut off after %d of %d bytes: %v", n, len(whole), err)
		}
	}
}

func TestSafePath(t *testing.T) {
	if got := SafePath("a/ü.bin"); got != "a/ü.bin" {
		t.Errorf("SafePath changed %q", got)
	}
	if SafePath("a\xff") == SafePath("a\xfe") {
		t.Error("two paths became one")
	}
}
