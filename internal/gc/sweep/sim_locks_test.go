package sweep

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver/batch"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/locks"
)

// simOwner of the locks.
const simOwner = "token:locker"

// simCache in bytes; two locks fit.
const simCache = 64 << 10

func (s *sim) lockService() *locks.Service {
	return &locks.Service{Bucket: s.store, Prefix: prefix, Cache: locks.NewCache(simCache), Now: time.Now}
}

// locker locks one path after the other, for long enough that runs pass by.
func (s *sim) locker(end time.Time) {
	for time.Now().Before(end) {
		time.Sleep(time.Duration(s.sched.Rand(int(s.idle))))
		path := fmt.Sprint("path", s.sched.Rand(s.paths))
		id := s.lock(path)
		if id == "" {
			continue
		}
		s.mu.Lock()
		s.locked[path] = time.Now()
		s.mu.Unlock()
		time.Sleep(time.Duration(s.sched.Rand(int(4 * simQuarantine))))
		s.mu.Lock()
		delete(s.locked, path)
		s.mu.Unlock()
		s.unlock(id)
	}
}

// lock returns the ID, and nothing where it is not known whether there is a lock, or for
// how long: one whose release was not answered may be gone at any moment.
func (s *sim) lock(path string) string {
	ctx, cancel := context.WithTimeout(context.Background(), batch.Timeout)
	defer cancel()
	lock, err := s.lockService().Create(ctx, path, simOwner, "")
	var held *locks.HeldError
	if !errors.As(err, &held) {
		return lock.ID
	}
	if s.releasing[held.Lock.ID] {
		s.unlock(held.Lock.ID)
		return ""
	}
	return held.Lock.ID // an earlier answer was lost
}

func (s *sim) unlock(id string) {
	ctx, cancel := context.WithTimeout(context.Background(), batch.Timeout)
	defer cancel()
	if _, err := s.lockService().Release(ctx, id, simOwner, false); err != nil {
		s.releasing[id] = true
	}
}

// unlockAll leaves no lock behind.
func (s *sim) unlockAll() {
	for lock, err := range locks.Held(context.Background(), s.store, prefix) {
		if err != nil {
			s.t.Errorf("seed %d: %v", s.seed, err)
			return
		}
		s.unlock(lock.ID)
	}
}

// protects says whether a lock keeps a version: lock and version have both been
// there for longer than a run may act on what it read before.
func (s *sim) protects(name string) bool {
	for path, since := range s.locked {
		if time.Since(since) >= simQuiet && time.Since(s.tipped[name]) >= simQuiet && slices.Contains(s.history[path], name) {
			return true
		}
	}
	return false
}
