package presence

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// fakeIndex lists objects under a generation.
type fakeIndex struct {
	generation string
	listed     string
}

func (i fakeIndex) Generation() string     { return i.generation }
func (i fakeIndex) Listed(oid string) bool { return oid == i.listed }

func name(i int) string { return fmt.Sprintf("%064x", i) }

const long = time.Hour

func wantSize(t *testing.T, k Known, oid string, want int64, known bool) {
	t.Helper()
	if size, ok := k.Size(oid); size != want || ok != known {
		t.Errorf("%s: %d %v, want %d %v", oid[60:], size, ok, want, known)
	}
}

func TestGenerations(t *testing.T) {
	var m Memory
	first := m.Under(fakeIndex{generation: "1"}, long)
	first.Add(name(1), 11)
	wantSize(t, m.Under(fakeIndex{generation: "1"}, long), name(1), 11, true)
	wantSize(t, m.Under(fakeIndex{generation: "2"}, long), name(1), 0, false)
	// What is found by a batch that began before does not count after.
	first.Add(name(2), 22)
	wantSize(t, m.Under(fakeIndex{generation: "2"}, long), name(2), 0, false)
	// Nor does what was known before, should a slow batch come back to it.
	wantSize(t, m.Under(fakeIndex{generation: "1"}, long), name(1), 0, false)
}

func TestListedIsNotKept(t *testing.T) {
	var m Memory
	k := m.Under(fakeIndex{generation: "1", listed: name(1)}, long)
	k.Add(name(1), 11)
	k.Add(name(2), 0)
	wantSize(t, k, name(1), 0, false)
	wantSize(t, k, name(2), 0, true)
}

func TestLast(t *testing.T) {
	var m Memory
	m.Last().Add(name(1), 11) // nobody has read the index yet
	k := m.Under(fakeIndex{generation: "1"}, long)
	wantSize(t, k, name(1), 0, false)
	m.Last().Add(name(1), 11)
	wantSize(t, k, name(1), 11, true)
}

func TestLifetime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m Memory
		index := fakeIndex{generation: "1"}
		m.Under(index, long).Add(name(1), 11)
		time.Sleep(time.Minute)
		m.Under(index, long).Add(name(2), 22)
		wantSize(t, m.Under(index, 2*time.Minute), name(1), 11, true)
		time.Sleep(Lifetime - time.Minute)
		wantSize(t, m.Under(index, long), name(1), 0, false)
		wantSize(t, m.Under(index, long), name(2), 22, true)
		// A short quarantine shortens it.
		wantSize(t, m.Under(index, 2*time.Minute), name(2), 0, false)
	})
}

func TestBound(t *testing.T) {
	var m Memory
	k := m.Under(fakeIndex{generation: "1"}, long)
	for i := range MaxObjects + MaxObjects/8 {
		k.Add(name(i), int64(i))
	}
	held := 0
	for i := range k.era.shards {
		held += len(k.era.shards[i].known)
	}
	if held > MaxObjects || held < MaxObjects*9/10 {
		t.Errorf("%d objects are remembered, want at most and nearly %d", held, MaxObjects)
	}
}

func TestWhatIsNoOID(t *testing.T) {
	var m Memory
	k := m.Under(fakeIndex{generation: "1"}, long)
	for _, bad := range []string{"", "abc", strings.Repeat("x", 64), strings.Repeat("a", 66)} {
		k.Add(bad, 1)
		if _, ok := k.Size(bad); ok {
			t.Errorf("%q is remembered", bad)
		}
	}
}
