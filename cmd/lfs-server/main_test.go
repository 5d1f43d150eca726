package main

import (
	"flag"
	"os"
	"testing"
)

// TestMain runs more tests side by side than there are cores: most of their time they
// wait for limits of a second to pass by the store's clock.
func TestMain(m *testing.M) {
	if err := flag.Set("test.parallel", "8"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}
