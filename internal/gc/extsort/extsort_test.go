package extsort

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestSorted(t *testing.T) {
	for _, memory := range []int{0, 1, 500, 5000} {
		t.Run(fmt.Sprint(memory), func(t *testing.T) {
			s := New(t.TempDir(), memory)
			defer s.Close()
			rng := rand.New(rand.NewPCG(1, uint64(memory)))
			var want [][]byte
			for range 300 {
				rec := []byte(fmt.Sprintf("%d", rng.IntN(200)))
				want = append(want, rec)
				if err := s.Add(rec); err != nil {
					t.Fatal(err)
				}
			}
			slices.SortFunc(want, bytes.Compare)
			var got [][]byte
			for rec, err := range s.Sorted() {
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, bytes.Clone(rec))
			}
			if !slices.EqualFunc(got, want, bytes.Equal) {
				t.Errorf("got %d records out of order or lost, want %d", len(got), len(want))
			}
		})
	}
}
