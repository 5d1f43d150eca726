package liveset

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"slices"
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

// A whole gzip file that lacks its last lines, or has others behind it, or whose
// counts do not agree, is not a live set either.
func TestTrailerMustAgree(t *testing.T) {
	lines := strings.SplitAfter(text(t, sample(t)), "\n")
	lines = lines[:len(lines)-1]
	n := len(lines)
	tests := map[string][]string{
		"no trailer":          lines[:n-1],
		"nothing":             nil,
		"header only":         lines[:1],
		"a version is gone":   slices.Concat(lines[:1], lines[2:]),
		"a pin is gone":       slices.Concat(lines[:n-2], lines[n-1:]),
		"a line too many":     slices.Concat(lines, lines[1:2]),
		"a line without OID":  slices.Concat(lines[:n-1], []string{"{}\n"}, lines[n-1:]),
		"a line that is text": slices.Concat(lines[:n-1], []string{"hello\n"}, lines[n-1:]),
	}
	for name, tc := range tests {
		var b bytes.Buffer
		gz := gzip.NewWriter(&b)
		_, _ = gz.Write([]byte(strings.Join(tc, "")))
		_ = gz.Close()
		if _, _, _, err := read(b.Bytes()); !errors.Is(err, ErrIncomplete) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func text(t *testing.T, b []byte) string {
	t.Helper()
	gz, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	out, err := io.ReadAll(gz)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func TestSafePath(t *testing.T) {
	if got := SafePath("a/ü.bin"); got != "a/ü.bin" {
		t.Errorf("SafePath changed %q", got)
	}
	if SafePath("a\xff") == SafePath("a\xfe") {
		t.Error("two paths became one")
	}
}
