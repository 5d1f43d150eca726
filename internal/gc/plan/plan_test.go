package plan

import (
	"bytes"
	"encoding/json"
	"errors"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/gc/gctest"
	"github.com/lfs-operator/lfs-operator/internal/gc/index"
	"github.com/lfs-operator/lfs-operator/internal/gc/liveset"
	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
)

var now = time.Date(2030, 1, 10, 0, 0, 0, 0, time.UTC)

// versions of a path of an entry, newest first, a day apart.
type versions struct{ entry, path, names string }

func live(t *testing.T, vs []versions, pins ...liveset.Pin) *liveset.Reader {
	t.Helper()
	var b bytes.Buffer
	w, err := liveset.NewWriter(&b, liveset.Header{Run: "r"})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range vs {
		for i, name := range strings.Fields(v.names) {
			at := now.Add(-time.Duration(i+1) * 24 * time.Hour).Unix()
			_ = w.Version(liveset.Version{Entry: v.entry, Path: v.path, OID: gctest.OID(name), Size: int64(len(name)), First: at, Last: at})
		}
	}
	for _, p := range pins {
		_ = w.Pin(p)
	}
	if err := w.Close(&liveset.Trailer{}); err != nil {
		t.Fatal(err)
	}
	r, err := liveset.NewReader(&b)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func listing(names string, age time.Duration) iter.Seq2[Object, error] {
	var all []Object
	for _, name := range strings.Fields(names) {
		all = append(all, Object{OID: gctest.OID(name), Size: int64(len(name)), ETag: "e", Modified: now.Add(-age)})
	}
	slices.SortFunc(all, func(a, b Object) int { return strings.Compare(a.OID, b.OID) })
	return func(yield func(Object, error) bool) {
		for _, o := range all {
			if !yield(o, nil) {
				return
			}
		}
	}
}

// decisions makes a plan and returns "name:action:reason", sorted.
func decisions(t *testing.T, in Input) string {
	t.Helper()
	var out []string
	in.Explain = func(d Decision) { out = append(out, gctest.NameOf(d.OID)+":"+string(d.Action)+":"+d.Reason) }
	if in.Now.IsZero() {
		in.Now, in.ScanStarted = now, now.Add(-time.Minute)
	}
	in.TempDir = t.TempDir()
	if _, err := Make(in); err != nil {
		t.Fatal(err)
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

func policy(t *testing.T, keep int32, rules ...serverconfig.GCRule) Policy {
	t.Helper()
	c := config(rules...)
	c.Policy.KeepVersions, c.GC.OrphanAfter = keep, ""
	p, err := FromConfig(c)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// What is locked or being uploaded stays, also when it is condemned already.
func TestProtected(t *testing.T) {
	in := Input{
		Live: live(t, []versions{{"main", "a", "a2 a1"}, {"main", "b", "b2 b1"}, {"main", "c", "c2 c1"}}), Objects: listing("a1 a2 b1 b2 c1 c2", 48*time.Hour),
		Policy: policy(t, 1), Protected: Protected{
			Locked: map[string]string{"a": "the path is locked"}, Uploading: map[string]bool{gctest.OID("b1"): true},
		},
		Index: index.Read{Index: index.Index{Entries: []index.Entry{{OID: gctest.OID("b1"), ETag: "e", CondemnedAt: now.AddDate(-1, 0, 0)}}}},
	}
	want := "a1:keep:locked a2:keep:version b1:keep:uploading b2:keep:version c1:condemn:superseded c2:keep:version"
	if got := decisions(t, in); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestDecisions(t *testing.T) {
	pin := func(name, kind string) liveset.Pin {
		return liveset.Pin{OID: gctest.OID(name), Kind: kind, Ref: "x", Entry: "main", Path: "p"}
	}
	tests := map[string]struct {
		live   []versions
		pins   []liveset.Pin
		have   string
		policy Policy
		want   string
	}{
		"the newest of a path": {
			live: []versions{{"main", "a", "a3 a2 a1"}}, have: "a1 a2 a3", policy: policy(t, 2),
			want: "a1:condemn:superseded a2:keep:version a3:keep:version",
		},
		"any path keeps an object": {
			live: []versions{{"main", "a", "a3 a2 x"}, {"main", "b", "x"}}, have: "a2 a3 x", policy: policy(t, 1),
			want: "a2:condemn:superseded a3:keep:version x:keep:version",
		},
		"any entry keeps an object": {
			live: []versions{{"fork", "a", "x"}, {"main", "a", "y x"}}, have: "x y", policy: policy(t, 1),
			want: "x:keep:version y:keep:version",
		},
		"entries count by themselves": {
			live: []versions{{"fork", "a", "f1"}, {"main", "a", "m1"}}, have: "f1 m1", policy: policy(t, 1),
			want: "f1:keep:version m1:keep:version",
		},
		"tips and tags": {
			live: []versions{{"main", "a", "a4 a3 a2 a1"}}, have: "a1 a2 a3 a4", policy: policy(t, 1),
			pins: []liveset.Pin{pin("a1", liveset.PinTag), pin("a2", liveset.PinBranch), pin("a3", liveset.PinRef)},
			want: "a1:keep:tag a2:keep:tip a3:keep:ref a4:keep:version",
		},
		"a rule with versions": {
			live: []versions{{"main", "ck/a", "a3 a2 a1"}, {"main", "z", "z3 z2 z1"}}, have: "a1 a2 a3 z1 z2 z3",
			policy: policy(t, 3, serverconfig.GCRule{Path: "ck/**", Versions: number(1)}),
			want: "a1:condemn:superseded a2:condemn:superseded a3:keep:rule " +
				"z1:keep:version z2:keep:version z3:keep:version",
		},
		"a rule with all": {
			live: []versions{{"main", "release/a", "a3 a2 a1"}}, have: "a1 a2 a3",
			policy: policy(t, 1, serverconfig.GCRule{Path: "release/**", All: true}),
			want:   "a1:keep:rule a2:keep:rule a3:keep:rule",
		},
		// a3 came a day ago and superseded a2, a2 superseded a1 two days ago.
		"a rule with an age": {
			live: []versions{{"main", "x.ckpt", "a3 a2 a1"}}, have: "a1 a2 a3",
			policy: policy(t, 5, serverconfig.GCRule{Suffix: ".ckpt", Age: "36h"}),
			want:   "a1:condemn:superseded a2:keep:rule a3:keep:rule",
		},
		"an age of which nothing is left": {
			live: []versions{{"main", "x.ckpt", "a3 a2 a1"}}, have: "a1 a2 a3",
			policy: policy(t, 5, serverconfig.GCRule{Suffix: ".ckpt", Age: "1h"}),
			want:   "a1:condemn:superseded a2:condemn:superseded a3:keep:rule",
		},
		"missing and pruned": {
			live: []versions{{"main", "a", "a2 a1"}}, have: "", policy: policy(t, 1),
			want: "a1:ignore:absent a2:miss:absent",
		},
		"orphans": {
			live: []versions{{"main", "a", "a1"}}, have: "a1 x", policy: policy(t, 1),
			want: "a1:keep:version x:report:orphan",
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got := decisions(t, Input{Live: live(t, tc.live, tc.pins...), Objects: listing(tc.have, 100*time.Hour), Policy: tc.policy})
			if got != tc.want {
				t.Errorf("got  %s\nwant %s", got, tc.want)
			}
		})
	}
}

func TestGrace(t *testing.T) {
	for age, want := range map[time.Duration]string{
		59 * time.Minute: "a1:keep:young a2:keep:version",
		time.Hour:        "a1:keep:young a2:keep:version", // cut-off times: one second more is needed
		time.Hour + 2e9:  "a1:condemn:superseded a2:keep:version",
	} {
		got := decisions(t, Input{Live: live(t, []versions{{"main", "a", "a2 a1"}}), Objects: listing("a1 a2", age), Policy: policy(t, 1)})
		if got != want {
			t.Errorf("age %s: %s", age, got)
		}
	}
}

// A live set without its trailer gives no plan, whatever it held.
func TestIncompleteLiveSet(t *testing.T) {
	var b bytes.Buffer
	w, err := liveset.NewWriter(&b, liveset.Header{})
	if err != nil {
		t.Fatal(err)
	}
	_ = w.Close(&liveset.Trailer{})
	whole := b.Bytes()
	r, err := liveset.NewReader(bytes.NewReader(whole[:len(whole)-9]))
	if err == nil {
		_, err = Make(Input{Live: r, Objects: listing("x", time.Hour), Policy: policy(t, 1), TempDir: t.TempDir()})
	}
	if !errors.Is(err, liveset.ErrIncomplete) {
		t.Errorf("%v", err)
	}
}

// A listing that is not sorted would hide live objects.
func TestUnsortedListing(t *testing.T) {
	objects := func(yield func(Object, error) bool) {
		_ = yield(Object{OID: strings.Repeat("b", 64)}, nil) && yield(Object{OID: strings.Repeat("a", 64)}, nil)
	}
	_, err := Make(Input{Live: live(t, nil), Objects: objects, Policy: policy(t, 1), TempDir: t.TempDir()})
	if err == nil || !strings.Contains(err.Error(), "sorted") {
		t.Errorf("%v", err)
	}
}

func TestFailedListing(t *testing.T) {
	broken := errors.New("broken")
	objects := func(yield func(Object, error) bool) { yield(Object{}, broken) }
	_, err := Make(Input{Live: live(t, nil), Objects: objects, Policy: policy(t, 1), TempDir: t.TempDir()})
	if !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
}

// A plan can be written down and read back.
func TestSerialisable(t *testing.T) {
	p, err := Make(Input{
		Live: live(t, []versions{{"main", "a", "a2 a1"}}), Objects: listing("a1 a2", 100*time.Hour),
		Policy: policy(t, 1), Now: now, ScanStarted: now, TempDir: t.TempDir(), Index: index.Read{ETag: "tag"},
	})
	if err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	var back Plan
	if err := json.Unmarshal(raw, &back); err != nil {
		t.Fatal(err)
	}
	if back.IndexETag != "tag" || len(back.Condemn) != 1 || back.Condemn[0].Reason != p.Condemn[0].Reason || back.KeptTotal() != p.KeptTotal() {
		t.Errorf("%s", raw)
	}
}

func TestUnmatchedRule(t *testing.T) {
	p, err := Make(Input{
		Live: live(t, []versions{{"main", "a", "a1"}}), Objects: listing("a1", time.Hour), TempDir: t.TempDir(),
		Policy: policy(t, 1, serverconfig.GCRule{Path: "nothing/**", All: true}), Now: now,
	})
	if err != nil || len(p.UnmatchedRules) != 1 {
		t.Errorf("%v %+v", err, p)
	}
}
