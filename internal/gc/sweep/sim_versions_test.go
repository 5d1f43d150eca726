package sweep

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/gc/gctest"
	"github.com/lfs-operator/lfs-operator/internal/gc/index"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
	"github.com/lfs-operator/lfs-operator/internal/serverstatus"
)

const (
	// simVersioned: one seed in so many plays on a bucket that keeps versions.
	simVersioned = 3
	// simMemory is how long servers remember what is there. What somebody has hidden
	// is told to be there for so long, and the quarantine must cover that as well.
	simMemory = simQuarantine - index.AnswerWithin - simPush - 2*time.Second
)

// simVersions is a bucket that keeps versions, from the beginning or later on, and
// people who hide objects by delete markers and bring them back.
type simVersions struct {
	versionHabits
	// hid says when somebody last hid an object.
	hid map[string]time.Time
	// stops are those who have stopped garbage collection, running the runs under way.
	stops, running int
	// since says when the bucket began to keep versions, the last time.
	since time.Time
	// last is when the last run began, and what it reported.
	last       time.Time
	lastNeeded []string

	versionCounts
}

// versionHabits are drawn beside the others.
type versionHabits struct {
	// on is when versioning is switched on; then it is suspended from paused on for a
	// while, where that is not 0.
	on, paused time.Duration
	// people who hide and restore, and how long each of them pauses at most.
	people int
	idle   time.Duration
	// twice: one upload in so many is sent twice.
	twice int
	flaws gctest.Flaws
	// abandoned is how long versions of the server's own records stay.
	abandoned time.Duration
}

// versionCounts say what was played.
type versionCounts struct {
	Schedules, Hidden, Unmarked, Copied, Twice, Followed, Forgotten, Own int
}

func (c *versionCounts) add(s *simVersions) {
	if s == nil {
		return
	}
	c.Schedules++
	c.Hidden += s.Hidden
	c.Unmarked += s.Unmarked
	c.Copied += s.Copied
	c.Twice += s.Twice
	c.Followed += s.Followed
	c.Forgotten += s.Forgotten
	c.Own += s.Own
}

func (c *versionCounts) tame() bool {
	return c.Schedules > 5 && (c.Hidden == 0 || c.Unmarked == 0 || c.Copied == 0 || c.Twice == 0 || c.Followed == 0 || c.Forgotten == 0 || c.Own == 0)
}

// drawVersions draws the habits of a schedule on a bucket that keeps versions.
func (s *sim) drawVersions() {
	of := func(choices ...int) int { return choices[s.sched.Rand(len(choices))] }
	minutes := func(choices ...int) time.Duration { return time.Duration(of(choices...)) * time.Minute }
	s.versions = &simVersions{hid: map[string]time.Time{}, versionHabits: versionHabits{
		on: minutes(0, 0, 0, 2, 4), paused: minutes(0, 0, 0, 1, 4), people: of(1, 1, 2),
		idle: time.Duration(of(10, 30, 90)) * time.Second, twice: of(2, 6),
		abandoned: time.Duration(of(20, 60, 3600)) * time.Second,
	}}
	v := s.versions
	switch of(0, 1, 2, 3, 4, 5, 6, 7) {
	case 0:
		v.flaws.NoListVersions = true
	case 1:
		v.flaws.NoDeleteVersions = true
	case 2:
		v.flaws.NoExpiry = true
	}
	s.world.store.SetFlaws(v.flaws, of(0, 1) == 1)
	s.limits.Abandoned = v.abandoned
	if v.on == 0 {
		s.keepVersions(gctest.Versioned)
	}
}

func (s *sim) keepVersions(v gctest.Versioning) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.world.store.SetVersioning(v)
	s.versions.since = time.Now()
}

// versionActors are those who act only on a bucket that keeps versions.
func (s *sim) versionActors(actors *sync.WaitGroup, end time.Time) {
	v := s.versions
	actors.Go(func() {
		if v.on > 0 {
			time.Sleep(v.on)
			s.keepVersions(gctest.Versioned)
		}
		if v.paused > 0 {
			time.Sleep(time.Duration(s.sched.Rand(int(v.paused))))
			s.keepVersions(gctest.Suspended)
			time.Sleep(time.Duration(s.sched.Rand(int(2 * time.Minute))))
			s.keepVersions(gctest.Versioned)
		}
	})
	for range v.people {
		actors.Go(func() { s.person(end) })
	}
}

// person hides objects and brings them back.
func (s *sim) person(end time.Time) {
	for time.Now().Before(end) {
		time.Sleep(time.Duration(s.sched.Rand(int(s.versions.idle))))
		name := fmt.Sprint("path", s.sched.Rand(s.paths), "-v", s.sched.Rand(s.habits.names))
		switch s.sched.Rand(4) {
		case 0:
			s.unmark(name)
		case 1:
			s.copyBack(name)
		default:
			s.hide(name)
		}
	}
}

// hide deletes an object without naming a version. Where that destroys content, as in
// a bucket whose versioning is suspended, the person leaves it.
func (s *sim) hide(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := prefix.Object(gctest.OID(name))
	if s.world.store.Versioning() != gctest.Versioned || !s.world.store.Has(key) {
		return
	}
	s.world.store.Remove(key)
	s.versions.hid[name] = time.Now()
	s.versions.Hidden++
}

// unmark brings an object back by removing its delete marker. For one that history
// needs, that is all. For others docs/concepts/gc.md says to stop garbage collection
// first; whoever does so waits until nothing is under way any more.
func (s *sim) unmark(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.needed(name) {
		s.versions.stops++
		defer func() { s.versions.stops-- }()
		for range 60 {
			if s.versions.running == 0 && s.sched.Deleting() == 0 {
				break
			}
			s.mu.Unlock()
			time.Sleep(time.Second)
			s.mu.Lock()
		}
		if s.versions.running > 0 || s.sched.Deleting() > 0 {
			return
		}
	}
	key := prefix.Object(gctest.OID(name))
	if all := s.world.store.Versions(key); len(all) > 1 && all[len(all)-1].Marker {
		s.world.store.RemoveVersion(key, all[len(all)-1].VersionID)
		s.versions.Unmarked++
	}
}

// copyBack brings an object back by copying an older version of it.
func (s *sim) copyBack(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, v := range s.world.store.Versions(prefix.Object(gctest.OID(name))) {
		if !v.Marker {
			s.upload(name)
			s.versions.Copied++
			return
		}
	}
}

// pushTwice uploads an object again, within the time of the action.
func (s *sim) pushTwice(ctx context.Context, name string) {
	if s.versions == nil || s.sched.Rand(s.versions.twice) > 0 {
		return
	}
	s.store.Call(ctx, func() {
		if ctx.Err() != nil {
			return
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.upload(name)
		s.world.store.Set(prefix.Staging(name), name)
		s.world.store.Remove(prefix.Staging(name))
		s.versions.Twice++
	})
}

// hiddenLately excuses a server that remembers what somebody has hidden.
func (s *sim) hiddenLately(name string) bool {
	if s.versions == nil {
		return false
	}
	at, ok := s.versions.hid[name]
	return ok && time.Since(at) < simMemory+index.AnswerWithin+time.Second
}

// runVersioned is a run that finds out by itself whether the bucket keeps versions.
func (s *sim) runVersioned(ctx context.Context, o Options) {
	v := s.versions
	o.Versions = s.store
	o.Probe = s.probe
	o.Current = func() (*serverconfig.Config, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		c := *s.config
		c.GC.Suspended = v.stops > 0
		return &c, nil
	}
	o.Config, _ = o.Current()
	s.mu.Lock()
	v.running++
	v.last = time.Now()
	s.mu.Unlock()
	rep, _ := Run(ctx, o)
	s.mu.Lock()
	defer s.mu.Unlock()
	v.running--
	v.lastNeeded = rep.Versions.Needed
	v.Followed += int(rep.Versions.Followed.Objects)
	v.Forgotten += int(rep.Versions.Hidden.Objects)
	v.Own += int(rep.Versions.Own.Objects)
}

func (s *sim) probe(ctx context.Context) (caps serverstatus.Capabilities, err error) {
	err = objectstore.ErrUnavailable
	s.store.Call(ctx, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		caps, err = s.caps, nil
		caps.Versioned = s.world.store.Versioning() == gctest.Versioned
		caps.PresignExpiry = !s.world.store.Flaws().NoExpiry
	})
	return caps, errors.Join(err, ctx.Err())
}

// mendStore ends all flaws, so that what is garbage can go.
func (s *sim) mendStore() {
	s.keepVersions(gctest.Versioned)
	s.world.store.SetFlaws(gctest.Flaws{}, s.sched.Rand(2) == 1)
}
