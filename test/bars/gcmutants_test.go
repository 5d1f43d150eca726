package main

import "testing"

// Every guard that a mutant switches off is still where the mutant looks for it.
func TestMutants(t *testing.T) {
	for _, m := range mutants {
		if _, err := m.overlay("../..", t.TempDir()); err != nil {
			t.Errorf("%s: %v", m.name, err)
		}
	}
}
