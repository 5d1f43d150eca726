package presence

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestGranted: objects of a batch are not there until its last one has arrived, or
// until nobody has been heard of for so long that any of them may have.
func TestGranted(t *testing.T) {
	inTown(t, func(w town) {
		a := w.replica()
		a.Begin(w.t.Context())
		synctest.Wait()
		grant := func(objects ...int) {
			var oids []string
			for _, i := range objects {
				oids = append(oids, name1(i))
			}
			a.Announce(w.t.Context())
			a.Granted(oids)
		}
		grant(1, 2, 3)
		grant(4, 5)
		w.wantNow(a, 1, true)
		a.Arrived(name1(3))
		for _, i := range []int{1, 2, 3} {
			w.wantNow(a, i, false)
		}
		w.wantNow(a, 4, true)

		// Asked again, it counts from then on.
		time.Sleep(unheard / 2)
		grant(4, 5)
		time.Sleep(unheard/2 + time.Second)
		grant(6, 7)
		w.wantNow(a, 4, true)
		time.Sleep(unheard + time.Second)
		grant(8, 9)
		for i, sure := range map[int]bool{4: false, 5: false, 6: false, 7: false, 8: true} {
			w.wantNow(a, i, sure)
		}

		// Another batch with the same last object.
		grant(10, 9)
		for i, sure := range map[int]bool{8: false, 10: true} {
			w.wantNow(a, i, sure)
		}
	})
}

// TestGrantedBound: of more links than are remembered, some count as used.
func TestGrantedBound(t *testing.T) {
	inTown(t, func(w town) {
		const most, batches = 10, 4
		a := NewAbsence(w.Memory, prefix, most)
		a.Begin(w.t.Context())
		synctest.Wait()
		for i := range batches {
			a.Granted([]string{name1(3 * i), name1(3*i + 1), name1(3*i + 2)})
		}
		sure := 0
		for i := range 3 * batches {
			if a.Begin(w.t.Context()).Sure(name1(i), 1000) {
				sure++
			}
		}
		if sure != 9 || a.pending.objects != 9 {
			w.t.Errorf("sure of %d objects, %d are remembered, want 9", sure, a.pending.objects)
		}
	})
}
