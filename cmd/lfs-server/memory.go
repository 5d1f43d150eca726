package main

import (
	"os"
	"runtime/debug"
)

// jobMemory is what a scan or sweep tries to stay below, in bytes: such a pod is
// expected to live with 256 MiB. GOMEMLIMIT overrides it.
const jobMemory = 200 << 20

// boundMemory makes the collector work harder near jobMemory, instead of letting
// the heap grow to twice of what is in use.
func boundMemory() {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(jobMemory)
	}
}
