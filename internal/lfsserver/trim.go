package lfsserver

import (
	"context"
	"runtime"
	"runtime/debug"
	"time"
)

// trimAfter is how long nothing may have happened before memory is given back.
const trimAfter = 5 * time.Second

// trim gives memory back once a busy time is over. Most servers stand idle most
// of the time, many to a node, and Go's own way of shrinking a heap of a few
// megabytes takes minutes.
func (p *process) trim(ctx context.Context) {
	tick := time.NewTicker(trimAfter)
	defer tick.Stop()
	seen, trimmed := int64(0), int64(-1) // the start was a busy time, too
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now := p.requests.Load()
		if quiet := now == seen; quiet && now > trimmed {
			p.giveBack(ctx)
			trimmed = now
		}
		seen = now
	}
}

// giveBack drops what a busy time has left: connections to the store with their
// buffers and goroutines, pools (which survive one collection), free pages, and
// those of the program itself.
func (p *process) giveBack(ctx context.Context) {
	p.closeIdle()
	runtime.GC()
	select {
	case <-ctx.Done():
	case <-time.After(100 * time.Millisecond): // the goroutines end
	}
	debug.FreeOSMemory()
	releaseProgram()
}
