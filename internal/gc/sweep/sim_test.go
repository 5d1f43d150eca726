package sweep

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/gc/gctest"
	"github.com/lfs-operator/lfs-operator/internal/gc/index"
	"github.com/lfs-operator/lfs-operator/internal/gc/scan"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/batch"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/presence"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/transfer"
)

// The times of the simulation: the quarantine is longer than the sum of the
// three times that it must cover.
const (
	simAction     = 20 * time.Second // from a batch's answer to the end of the upload
	simPush       = 20 * time.Second // from there to the ref
	simQuarantine = index.AnswerWithin + simAction + simPush + 2*time.Second
	simKeep       = 2
	simLength     = 8 * time.Minute
)

// sim runs the real code of sweeps and of the server's batches, two of each,
// against clients that push, in an order that a seed decides.
type sim struct {
	*world
	store Scheduled
	sched *gctest.Scheduler
	seed  uint64

	mu sync.Mutex
	// owed says which object each client has been promised, or has uploaded.
	owed [simClients]string
	// tips of each path; the versions stand in world.history, newest first.
	tips map[string]string

	habits
	// quiet says since when a ref names an object of which no server was asked.
	quiet map[string]time.Time
	// locked says since when a path is locked, tipped when a version last was a tip.
	locked, tipped map[string]time.Time
	// releasing are locks whose release was sent and not answered; the locker's.
	releasing map[string]bool
	// versions is nil where the bucket keeps none.
	versions *simVersions

	there, rescued, deleted, uploaded, unasked int
}

// simQuiet is how long a push without a batch must have been there to count: a
// scan that began before it may be acted on for so long.
const simQuiet = simScanAge + simLease + 2*time.Second

// Limits of the sweeps.
const (
	simScanAge = 25 * time.Second
	simLease   = 30 * time.Second
)

// habits are what one schedule has more of than another, beside those of its
// scheduler.
type habits struct {
	// idle is how long a client pauses at most, rest how long there is no run: some
	// schedules are busy, in others hardly anybody asks for anything.
	idle, rest time.Duration
	// names of objects at each of so many paths.
	names, paths int
	// One push in so many asks no server; one run in so many is killed.
	silent, killed int
	// collectors at once, and clients that lock.
	collectors, lockers int
}

// draw draws the habits of a schedule.
func (s *sim) draw() {
	of := func(choices ...int) int { return choices[s.sched.Rand(len(choices))] }
	s.sched.Habits = gctest.Habits{
		LongPause: time.Duration(of(10, 40, 120)) * time.Second, Pauses: of(15, 60, 240),
		Faults: of(8, 30, 100), Ticks: of(4, 8, 24), Unfair: of(0, 1) == 1,
	}
	s.habits = habits{
		idle: time.Duration(of(10, 20, 40, 80, 120)) * time.Second, rest: time.Duration(of(5, 20, 50)) * time.Second,
		names: of(3, 4, 5), paths: of(1, 2), silent: of(2, 5, 20), killed: of(3, 10), collectors: of(1, 2), lockers: of(0, 1),
	}
}

// Scheduled is gctest's.
type Scheduled = gctest.Scheduled

const simClients = 3

func newSim(t *testing.T, seed uint64) *sim {
	w := newWorld(t)
	w.store.Clock = time.Now
	w.store.Set(prefix.Owner(), `{"uid":"uid"}`)
	w.config.GC.GracePeriod = "0s"
	w.config.GC.Quarantine = simQuarantine.String()
	w.config.GC.DeleteLimitPercent = 100
	w.config.Policy.KeepVersions = simKeep
	s := &sim{world: w, seed: seed, sched: gctest.NewScheduler(seed), tips: map[string]string{}, quiet: map[string]time.Time{},
		locked: map[string]time.Time{}, tipped: map[string]time.Time{}, releasing: map[string]bool{}}
	s.draw()
	s.store = Scheduled{Memory: w.store, S: s.sched, Deleted: s.onDelete}
	w.limits = Limits{AnswerWithin: index.AnswerWithin, Lease: simLease, Expiry: 5 * time.Second, ScanAge: simScanAge, Group: 2}
	if seed%simVersioned == 0 {
		s.drawVersions()
	}
	return s
}

// onDelete is the invariant: nothing that a client was told is there, that it has
// uploaded, that a ref needs, or whose path is locked, is ever deleted.
func (s *sim) onDelete(d gctest.Deletion) {
	s.mu.Lock()
	defer s.mu.Unlock()
	oid, ok := prefix.OIDOf(d.Key)
	switch {
	case !ok:
		s.onDeleteOwn(d)
		return
	case d.Before == "" || d.After != "":
		s.onDeleteBelow(gctest.NameOf(oid), d)
		return
	}
	name := gctest.NameOf(oid)
	s.deleted++
	s.onHidden(name, d)
	if slices.Contains(s.owed[:], name) {
		s.t.Errorf("seed %d: lost: %s was deleted, and a client was promised it", s.seed, name)
	}
	s.excuse(name)
	if s.needed(name) {
		s.t.Errorf("seed %d: lost: %s was deleted, and a ref needs it", s.seed, name)
	}
	if s.protects(name) {
		s.t.Errorf("seed %d: lost: %s was deleted, and its path is locked", s.seed, name)
	}
}

// excuse takes back a push without a batch whose object was on its way out.
func (s *sim) excuse(name string) {
	if since, ok := s.quiet[name]; !ok || time.Since(since) >= simQuiet {
		return
	}
	delete(s.quiet, name)
	for path := range s.history {
		s.history[path] = slices.DeleteFunc(s.history[path], func(v string) bool { return v == name })
		if s.tips[path] == name {
			s.tips[path] = ""
			if len(s.history[path]) > 0 {
				s.tips[path] = s.history[path][0]
			}
		}
	}
}

func (s *sim) needed(name string) bool {
	for path, versions := range s.history {
		if s.tips[path] == name || slices.Contains(versions[:min(simKeep, len(versions))], name) {
			return true
		}
	}
	return false
}

// client pushes until the end, through one replica of the server.
func (s *sim) client(id int, r *replica, end time.Time) {
	for time.Now().Before(end) {
		time.Sleep(time.Duration(s.sched.Rand(int(s.idle))))
		path := fmt.Sprint("path", s.sched.Rand(s.paths))
		name := fmt.Sprint(path, "-v", s.sched.Rand(s.habits.names))
		if s.sched.Rand(s.silent) == 0 {
			s.pushUnasked(path, name)
			continue
		}
		s.push(id, r, path, name)
		s.mu.Lock()
		s.owed[id] = ""
		s.mu.Unlock()
	}
}

func (s *sim) push(id int, r *replica, path, name string) {
	ctx, cancel := context.WithTimeout(context.Background(), simAction)
	defer cancel()
	switch r.batch(id, name) {
	case "there":
	case "upload":
		time.Sleep(time.Duration(s.sched.Rand(int(simAction / 2))))
		landed := false
		s.store.Call(ctx, func() {
			if ctx.Err() != nil {
				return // the store refuses an upload whose time is over
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			s.upload(name)
			s.owed[id], landed = name, true
			s.uploaded++
		})
		s.pushTwice(ctx, name)
		if s.mu.Lock(); !landed {
			s.mu.Unlock()
			return
		}
		s.mu.Unlock()
		r.verify(ctx, name)
	default:
		return
	}
	since := time.Now()
	time.Sleep(time.Duration(s.sched.Rand(int(simPush * 5 / 4))))
	if time.Since(since) >= simPush || s.sched.Rand(4) == 0 {
		return // gives up
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.quiet, name)
	s.tip(path, name)
}

// pushUnasked is a push by a client that believes the server has the object
// (git-lfs #1014): no batch, only the ref.
func (s *sim) pushUnasked(path, name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.world.store.Has(prefix.Object(gctest.OID(name))) || s.needed(name) {
		return
	}
	s.unasked++
	s.quiet[name] = time.Now()
	s.tip(path, name)
}

// tip makes an object the tip of a path.
func (s *sim) tip(path, name string) {
	s.tips[path], s.tipped[name] = name, time.Now()
	if !slices.Contains(s.history[path], name) {
		s.history[path] = slices.Insert(s.history[path], 0, name)
	}
}

// replica is a server: the real code of a batch, with a memory of its own.
type replica struct {
	*sim
	index  *index.Guard
	memory presence.Memory
	slots  *batch.Limiter
}

func newReplica(s *sim) *replica {
	return &replica{sim: s, index: index.NewGuard(s.store, prefix), slots: batch.NewLimiter(4)}
}

// Begin implements batch.Guard.
func (r *replica) Begin(ctx context.Context) (batch.View, error) {
	v, err := r.index.Begin(ctx)
	return view{v, r}, err
}

// Tombstone implements batch.Guard; nobody here downloads.
func (r *replica) Tombstone(context.Context, string) (string, error) { return "", nil }

// view gives the index's states the batch's names.
type view struct {
	index.View
	r *replica
}

// State implements batch.View.
func (v view) State(oid string) batch.State {
	return map[index.State]batch.State{
		index.None: batch.Unlisted, index.Condemned: batch.Condemned, index.Deleting: batch.Deleting,
	}[v.View.State(oid)]
}

// Rescue counts.
func (v view) Rescue(ctx context.Context, oid string) error {
	err := v.View.Rescue(ctx, oid)
	v.r.mu.Lock()
	defer v.r.mu.Unlock()
	if err == nil {
		v.r.rescued++
	}
	return err
}

// links are those of the store, which here is called without any.
type links struct{ transfer.Session }

// Life implements transfer.Session.
func (links) Life(size int64) time.Duration { return transfer.Lifetime(size) }

// Admit implements transfer.Session.
func (links) Admit(transfer.Object, time.Duration) (u objectstore.Upload, err error) { return u, nil }

// Verify implements transfer.Session.
func (links) Verify(transfer.Object, time.Duration) (*transfer.Action, error) { return nil, nil }

// service is made anew for each request, as the server does. The memory's entries
// live for longer than a quarantine here: the generation has to keep it from
// lying, not the time.
func (r *replica) service() *batch.Service {
	lifetime := presence.Lifetime
	if r.versions != nil {
		lifetime = simMemory
	}
	return &batch.Service{Bucket: r.store, Prefix: prefix, Guard: r, Session: links{}, Lookups: r.slots,
		Memory: &r.memory, Quarantine: lifetime}
}

const _ = uint64(presence.Lifetime - 2*simQuarantine)

func (r *replica) batch(id int, name string) string {
	ctx, cancel := context.WithTimeout(context.Background(), batch.Timeout)
	defer cancel()
	resp, err := r.service().Do(ctx, &batch.Request{Operation: "upload", Objects: []batch.RequestObject{
		{OID: gctest.OID(name), Size: batch.Size{Bytes: int64(len(name)), Valid: true}},
	}}, "git-lfs/3.7")
	if err != nil || ctx.Err() != nil {
		return "later"
	}
	return r.reply(id, name, resp.Outcomes())
}

// verify finds the object without reading the index.
func (r *replica) verify(ctx context.Context, name string) {
	_, _ = r.service().Verify(ctx, gctest.OID(name), int64(len(name)))
}

func (r *replica) reply(id int, name string, outcomes map[batch.Outcome]int) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if outcomes[batch.OutcomePresent] == 0 {
		return "upload"
	}
	r.there++
	r.owed[id] = name
	if !r.world.store.Has(prefix.Object(gctest.OID(name))) && !r.hiddenLately(name) {
		r.t.Errorf("seed %d: lost: a client was told that %s is there, and it is not", r.seed, name)
	}
	return "there"
}

// collect is a series of runs, each of which may be killed at any moment.
func (s *sim) collect(id int, end time.Time) {
	for n := 0; time.Now().Before(end); n++ {
		time.Sleep(time.Duration(s.sched.Rand(int(s.rest))))
		ctx, cancel := context.WithCancel(context.Background())
		if s.sched.Rand(s.killed) == 0 {
			time.AfterFunc(time.Duration(s.sched.Rand(int(40*time.Second))), cancel)
		}
		s.once(ctx, fmt.Sprintf("run-%d-%d", id, n))
		cancel()
	}
}

// once scans, path by path, and sweeps.
func (s *sim) once(ctx context.Context, run string) {
	body := fmt.Sprintf(`{"run":%q,"attempt":"a"}`, run)
	s.store.Call(ctx, func() { s.world.store.Set(prefix.GCScan(scan.BeginName(run)), body) })
	// The scan looks at one path after the other, and starts only once its
	// begin is in the store.
	if ctx.Err() != nil {
		return
	}
	seen := world{t: s.t, config: s.config, history: map[string][]string{}}
	for _, path := range []string{"path0", "path1"} {
		s.sched.Stop()
		s.mu.Lock()
		if versions := s.history[path]; len(versions) > 0 {
			seen.history[path] = slices.Clone(versions)
			seen.pins = append(seen.pins, s.tips[path])
		}
		s.mu.Unlock()
	}
	live := string(seen.liveSet(run, "a"))
	s.store.Call(ctx, func() { s.world.store.Set(prefix.GCScan(run), live) })
	o := s.options(run)
	o.Bucket, o.Do, o.Sleep = s.store, s.store.Do, nil
	if s.versions != nil {
		s.runVersioned(ctx, o)
		return
	}
	_, _ = Run(ctx, o)
}

// drain is what remains to be done when everybody has gone home: nothing that
// the policy does not keep may stay for ever.
func (s *sim) drain() {
	s.sched.Calm()
	if s.versions != nil {
		s.mendStore()
	}
	for n := range 4 {
		time.Sleep(2 * simQuarantine)
		s.unlockAll() // each time: the store may still carry out what was asked of it before
		s.once(context.Background(), fmt.Sprint("last-", n))
	}
	for _, key := range s.world.store.Keys(prefix.Objects()) {
		oid, _ := prefix.OIDOf(key)
		if name := gctest.NameOf(oid); !s.needed(name) && s.named(name) {
			s.t.Errorf("seed %d: garbage left: %s is still there", s.seed, name)
		}
	}
	if e := s.entries(); e != "" {
		s.t.Errorf("seed %d: garbage left: the index still has %s", s.seed, e)
	}
	if s.versions != nil {
		s.versionsLeft()
	}
}

func (s *sim) named(name string) bool {
	for _, versions := range s.history {
		if slices.Contains(versions, name) {
			return true
		}
	}
	return false
}

func (s *sim) play() {
	end := time.Now().Add(simLength)
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		var actors sync.WaitGroup
		for r := range 2 {
			replica := newReplica(s)
			for id := r; id < simClients; id += 2 {
				actors.Go(func() { s.client(id, replica, end) })
			}
		}
		for id := range s.collectors {
			actors.Go(func() { s.collect(id, end) })
		}
		for range s.lockers {
			actors.Go(func() { s.locker(end) })
		}
		if s.versions != nil {
			s.versionActors(&actors, end)
		}
		actors.Wait()
		s.drain()
	}()
	s.sched.Run(500*time.Millisecond, func() bool {
		select {
		case <-finished:
			return true
		default:
			return false
		}
	})
}

// TestSchedules plays random schedules; GC_SCHEDULES says how many, GC_SEED the
// first of them.
func TestSchedules(t *testing.T) {
	schedules, first := envInt("GC_SCHEDULES", 30), envInt("GC_SEED", 1)
	var there, rescued, deleted, uploaded int
	var versions versionCounts
	for seed := first; seed < first+schedules && !t.Failed(); seed++ {
		if played := seed - first; played > 0 && played%1000 == 0 {
			t.Logf("progress: %d of %d schedules", played, schedules)
		}
		synctest.Test(t, func(t *testing.T) {
			s := newSim(t, uint64(seed))
			s.play()
			there, rescued, deleted, uploaded = there+s.there, rescued+s.rescued, deleted+s.deleted, uploaded+s.uploaded
			versions.add(s.versions)
		})
	}
	t.Logf("%d schedules: %d told there, %d of them of condemned objects, %d uploads, %d deletes", schedules, there, rescued, uploaded, deleted)
	t.Logf("%d of them on buckets that keep versions: %+v", versions.Schedules, versions)
	if there == 0 || rescued == 0 || deleted == 0 || uploaded == 0 || versions.tame() {
		t.Error("the schedules are too tame to show anything")
	}
}

func envInt(name string, fallback int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
		return n
	}
	return fallback
}
