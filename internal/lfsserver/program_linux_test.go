package lfsserver

import (
	"os"
	"regexp"
	"strconv"
	"testing"
)

// rssFile is how much of files is resident in this process, in KiB.
func rssFile(t *testing.T) int {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`RssFile:\s+(\d+) kB`).FindSubmatch(status)
	if m == nil {
		t.Skip("this kernel does not tell")
	}
	kib, err := strconv.Atoi(string(m[1]))
	if err != nil {
		t.Fatal(err)
	}
	return kib
}

// The program goes on without the pages that it has given back, and weighs less.
func TestReleaseProgram(t *testing.T) {
	before := rssFile(t)
	releaseProgram()
	if after := rssFile(t); after >= before {
		t.Errorf("%d KiB of files are resident, %d before", after, before)
	}
}
