package index

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

// FuzzDecode: an index is refused, or whole: the same after another writing, and the
// same to a server as to a sweep.
func FuzzDecode(f *testing.F) {
	x := Index{Header: Header{Generation: 3, Nonce: "n"}, Entries: []Entry{
		{OID: strings.Repeat("ab", 32), State: Condemned, Size: 1, ETag: "e", Since: 2},
		{OID: strings.Repeat("cd", 32), State: Deleting, Size: 2, ETag: "e", Since: 3},
	}}
	text, err := x.Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add(bytes.ToUpper(text))
	f.Add(text[:len(text)-1])
	f.Add([]byte("{\"index\":1,\"generation\":1,\"entries\":1}\n" + strings.Repeat("z", 64) + " c {}\nend\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		x, err := Decode(bytes.NewReader(raw), time.Unix(1, 0).UTC())
		var seen snapshot
		_, served := scan(bytes.NewReader(raw), seen.add)
		if err != nil {
			return
		}
		if served != nil {
			t.Fatalf("a sweep reads it, a server does not: %v", served)
		}
		for i, e := range x.Entries {
			if strings.Trim(e.OID, "0123456789abcdef") != "" || (i > 0 && x.Entries[i-1].OID >= e.OID) {
				t.Fatalf("entry %d: %q", i, e.OID)
			}
			if got := (View{snapshot: &seen}).State(e.OID); got != e.State {
				t.Errorf("%s is %v to a server and %v to a sweep", e.OID, got, e.State)
			}
		}
		text, err := x.Encode()
		if err != nil {
			return // times of years that JSON cannot tell
		}
		again, err := Decode(bytes.NewReader(text), time.Unix(2, 0).UTC())
		if err != nil || len(again.Entries) != len(x.Entries) {
			t.Errorf("written again: %d entries of %d, %v", len(again.Entries), len(x.Entries), err)
		}
	})
}
