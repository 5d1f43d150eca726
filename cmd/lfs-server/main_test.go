package main

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
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

// TestLeaveWords: the termination message is the error and nothing before it, and
// outside of a pod no file is made for it.
func TestLeaveWords(t *testing.T) {
	file := filepath.Join(t.TempDir(), "termination-log")
	leaveWords(file, errors.New("no way"))
	if _, err := os.Stat(file); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("outside of a pod: %v, want no file", err)
	}
	if err := os.WriteFile(file, []byte("half an answer"), 0o600); err != nil {
		t.Fatal(err)
	}
	leaveWords(file, errors.New("no way"))
	if got, err := os.ReadFile(file); err != nil || string(got) != "lfs-server: no way\n" {
		t.Errorf("the message is %q (%v)", got, err)
	}
}
