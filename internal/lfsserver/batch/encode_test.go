package batch

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver/transfer"
)

// plain is a Response as encoding/json writes it by itself.
type plain Response

// TestEncoding: the encoder of our own writes what encoding/json would.
func TestEncoding(t *testing.T) {
	basic := func(o transfer.Object) any {
		a, err := transfer.Basic{}.Upload(t.Context(), fakeSession{}, o)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	download, err := transfer.Basic{}.Download(t.Context(), fakeSession{}, transfer.Object{OID: "a&b", Size: 3})
	if err != nil {
		t.Fatal(err)
	}
	inParts := func(d transfer.Dialect) any {
		a, err := d.Upload(t.Context(), fakeSession{}, transfer.Object{OID: "a", Size: 3})
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	for name, r := range map[string]Response{
		"nothing": {Transfer: "basic", HashAlgo: "sha256", Objects: []Answer{}},
		"all": {Transfer: "basic", HashAlgo: "sha256", Objects: []Answer{
			{OID: "there", Size: 1},
			{OID: "upload", Size: 2, Authenticated: true, Actions: basic(transfer.Object{OID: "upload", Size: 2})},
			{OID: "download", Authenticated: true, Actions: download},
			{OID: "both", Actions: inParts(transfer.Superset{})},
			{OID: "parts", Actions: inParts(transfer.Proposal{})},
			{OID: "header", Actions: inParts(transfer.HuggingFace{})},
			{OID: "wrong \"\\\n\x00\u2028 é \xff", Size: -1, Error: &ObjectError{Code: 422, Message: "<b>\"é\" & \u2029"}},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := r.AppendJSON(nil)
			if err != nil {
				t.Fatal(err)
			}
			want, err := json.Marshal(plain(r))
			if err != nil {
				t.Fatal(err)
			}
			var a, b any
			if err := json.Unmarshal(got, &a); err != nil {
				t.Fatalf("%v: %s", err, got)
			}
			if err := json.Unmarshal(want, &b); err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(a, b) {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})
	}
}

// FuzzStrings: whatever a client puts into an OID, the answer is JSON that says it.
func FuzzStrings(f *testing.F) {
	for _, s := range []string{"", "plain", "\"", "\\u0000", "é\u2028", "\xff", "<&>"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var got, want string
		raw, err := json.Marshal(s)
		if err == nil {
			err = json.Unmarshal(raw, &want)
		}
		if err == nil {
			err = json.Unmarshal(transfer.AppendString(nil, s), &got)
		}
		if err != nil || got != want {
			t.Errorf("%q: %q, %v", s, got, err)
		}
	})
}
