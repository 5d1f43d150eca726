package main

import (
	"context"
	"fmt"
	"time"
)

// starts of the server for one median: each takes milliseconds.
const starts = 15

// idleFor is how long nobody may have asked a server before it counts as idle:
// longer than it takes to give memory back.
const idleFor = 30 * time.Second

// footprint is what a server weighs that has a repository, a store and no
// clients: server-start-ms from the start of the process to its first 200 (the
// fastest that a client sees), server-idle-rss-mib by the kernel's count (VmRSS,
// files that are mapped included), after it has served and has been left alone.
func footprint(ctx context.Context, r *rig) error {
	s, err := r.newServer(ctx, nil)
	if err != nil {
		return err
	}
	defer s.stop()
	var ms []float64
	for range starts {
		s.stop()
		begin := time.Now()
		if s.program, err = r.launch(ctx, "lfs-server", nil, s.args...); err != nil {
			return err
		}
		if err := s.await(10*time.Second, "the first 200", func() bool { return answers(s.listen[1]) }); err != nil {
			return err
		}
		ms = append(ms, float64(time.Since(begin).Microseconds())/1e3)
	}
	bar("server-start-ms", median(ms))
	if err := s.await(30*time.Second, "the store is ready", s.ready); err != nil {
		return err
	}
	idle, err := s.idleRSS(ctx)
	if err != nil {
		return err
	}
	bar("server-idle-rss-mib", idle)
	if err := someBatches(ctx, &s.target); err != nil {
		return err
	}
	busy, err := s.rss()
	if err != nil {
		return err
	}
	if idle, err = s.idleRSS(ctx); err != nil {
		return err
	}
	r.say("RSS right after 200 batches of 100 objects: %.1f MiB; idle again: %.1f MiB", busy, idle)
	bar("server-idle-rss-after-load-mib", idle)
	return nil
}

// idleRSS leaves the server alone before it reads its memory.
func (s *lfsServer) idleRSS(ctx context.Context) (mib float64, err error) {
	select {
	case <-ctx.Done():
		return 0, ctx.Err()
	case <-time.After(idleFor):
	}
	return s.rss()
}

func (p *program) rss() (mib float64, err error) {
	kib, err := vmRSS(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	return kib / 1024, err
}
