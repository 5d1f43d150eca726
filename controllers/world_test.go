package controllers

import (
	"context"
	"crypto/sha256"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	ctrlconfig "sigs.k8s.io/controller-runtime/pkg/config"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/lfs-operator/lfs-operator/api/v1alpha1"
	"github.com/lfs-operator/lfs-operator/controllers/poll"
	"github.com/lfs-operator/lfs-operator/internal/derive"
	"github.com/lfs-operator/lfs-operator/internal/desired"
)

// world is a namespace of the API server with an operator that looks after it, a
// stand-in for the kubelet and one for the LFS servers.
type world struct {
	t      *testing.T
	ns     string
	user   string        // that the operator is at the API server
	others []string      // further namespaces that the operator looks after
	c      client.Client // of a person: sees and does everything
	spy    *spy          // what the operator does
	events *recorder
	server *fakeServer
	// targets says whom the operator asks how servers are.
	targets func(*v1alpha1.LFSRepository, []corev1.Pod) []poll.Target
	r       *LFSRepositoryReconciler
	stop    func()
	// stageLasts of the operator that is started next.
	stageLasts time.Duration
}

// testSchedule polls often enough for tests to be quick.
var testSchedule = poll.Schedule{
	Fast: 20 * time.Millisecond, FastFor: time.Minute, Patient: 100 * time.Millisecond,
	Slow: 100 * time.Millisecond, Eager: 200 * time.Millisecond,
}

// newWorld makes a namespace and starts an operator for it.
func newWorld(t *testing.T) *world { return newWorldOf(t) }

// newWorldOf has further namespaces, of which the operator knows.
func newWorldOf(t *testing.T, others ...string) *world {
	t.Helper()
	return newWorldAs(t, operatorUser, others...)
}

// newWorldAs has an operator of another name; of its permissions see bindNamespaced.
func newWorldAs(t *testing.T, user string, others ...string) *world {
	t.Helper()
	t.Parallel()
	c, err := client.New(restConfig(t), client.Options{Scheme: testScheme(t)})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, ns: namespaceFor(t), user: user, c: c, events: &recorder{}, stageLasts: 100 * time.Millisecond}
	for _, other := range others {
		w.others = append(w.others, w.ns+"-"+other)
	}
	for _, name := range w.namespaces() {
		if err := c.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}); err != nil {
			t.Fatal(err)
		}
	}
	if user != operatorUser {
		w.bindNamespaced()
	}
	w.server = newFakeServer(w)
	w.targets = w.server.targets
	startKubelet(w)
	w.start()
	return w
}

func (w *world) namespaces() []string { return append([]string{w.ns}, w.others...) }

// start runs an operator, as after a restart: it remembers nothing.
func (w *world) start() { w.startWithKey("a key for tests") }

func (w *world) startWithKey(secret string) {
	w.t.Helper()
	w.spy = newSpy(w.t)
	mgr, err := ctrl.NewManager(configOf(w.t, w.user), ctrl.Options{
		Scheme:     testScheme(w.t),
		Logger:     testLogger(w.t),
		Cache:      CacheOptions(w.namespaces()),
		Metrics:    metricsserver.Options{BindAddress: "0"},
		Controller: ctrlconfig.Controller{SkipNameValidation: ptr.To(true)},
		NewClient: func(config *rest.Config, options client.Options) (client.Client, error) {
			inner, err := client.New(config, options)
			w.spy.Client = inner
			return w.spy, err
		},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	key := sha256.Sum256([]byte(secret))
	master, err := derive.NewMaster(key[:])
	if err != nil {
		w.t.Fatal(err)
	}
	w.r, err = Setup(mgr, Options{
		Master:      master,
		Install:     desired.Install{Image: "lfs-operator:test", OperatorNamespace: "lfs-operator-system", ClusterDomain: "cluster.local"},
		Concurrency: 2,
		Targets:     w.targets,
		Namespaces:  w.namespaces(),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.r.Recorder = w.events
	w.r.Poller.Schedule = testSchedule
	w.r.stageLasts = w.stageLasts
	ctx, cancel := context.WithCancel(background)
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := mgr.Start(ctx); err != nil {
			w.t.Errorf("the operator ended: %v", err)
		}
	}()
	w.stop = sync.OnceFunc(func() { cancel(); <-done })
	w.t.Cleanup(w.stop)
}

// repository is a valid LFSRepository; change adapts it.
func (w *world) repository(name string, change ...func(*v1alpha1.LFSRepository)) *v1alpha1.LFSRepository {
	repo := &v1alpha1.LFSRepository{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.ns, Name: name},
		Spec: v1alpha1.LFSRepositorySpec{
			Storage: &v1alpha1.Storage{
				Endpoint:             "http://store.example:9000",
				CredentialsSecretRef: &v1alpha1.LocalReference{Name: "store-credentials"},
			},
			Bucket: "bucket",
		},
	}
	for _, f := range change {
		f(repo)
	}
	return repo
}

// create applies a repository and returns it as created.
func (w *world) create(name string, change ...func(*v1alpha1.LFSRepository)) *v1alpha1.LFSRepository {
	w.t.Helper()
	repo := w.repository(name, change...)
	if err := w.c.Create(w.t.Context(), repo); err != nil {
		w.t.Fatal(err)
	}
	return repo
}

// change edits a repository as kubectl edit does.
func (w *world) change(name string, edit func(*v1alpha1.LFSRepository)) *v1alpha1.LFSRepository {
	w.t.Helper()
	repo := w.get(name)
	before := repo.DeepCopy()
	edit(repo)
	if err := w.c.Patch(w.t.Context(), repo, client.MergeFrom(before)); err != nil {
		w.t.Fatal(err)
	}
	return repo
}

func (w *world) get(name string) *v1alpha1.LFSRepository {
	w.t.Helper()
	repo := &v1alpha1.LFSRepository{}
	if err := w.c.Get(w.t.Context(), client.ObjectKey{Namespace: w.ns, Name: name}, repo); err != nil {
		w.t.Fatal(err)
	}
	return repo
}

// patience is how long a test waits for what must come: nobody waits that long but
// on a machine that has no time for the test.
const patience = 2 * time.Minute

// eventually waits until f returns nothing to complain about.
func (w *world) eventually(what string, f func() (problem string)) {
	w.t.Helper()
	deadline := time.Now().Add(patience)
	for {
		problem := f()
		if problem == "" {
			return
		}
		if time.Now().After(deadline) {
			w.t.Fatalf("%s: %s", what, problem)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// wait waits until a condition of the current generation has status and reason.
func (w *world) wait(name, kind string, status metav1.ConditionStatus, reason string) *v1alpha1.LFSRepository {
	w.t.Helper()
	var repo *v1alpha1.LFSRepository
	w.eventually(name+" "+kind+"="+string(status)+" "+reason, func() string {
		repo = w.get(name)
		c := meta.FindStatusCondition(repo.Status.Conditions, kind)
		if c != nil && c.Status == status && c.Reason == reason && c.ObservedGeneration == repo.Generation {
			return ""
		}
		return describe(repo)
	})
	return repo
}

func (w *world) ready(name string) *v1alpha1.LFSRepository {
	w.t.Helper()
	return w.wait(name, v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonReady)
}

// settled waits until the operator has done nothing for a while, and waits for no
// answer. It looks often in that while: a machine that lets nobody run is not quiet.
func (w *world) settled() {
	w.t.Helper()
	passes, since, looks := w.spy.passes(), time.Now(), 0
	w.eventually("the operator settles", func() string {
		if now := w.spy.passes(); now != passes || w.spy.busy() {
			passes, since, looks = now, time.Now(), 0
		}
		if looks++; looks > 20 && time.Since(since) > 500*time.Millisecond {
			return ""
		}
		return "still reconciling"
	})
}

// patiently starts the operator anew, as one that tells of no stage on the way to
// Ready, however long it lasts: for who counts what is written.
func (w *world) patiently() {
	w.t.Helper()
	w.stop()
	w.stageLasts = time.Hour
	w.start()
}

func describe(repo *v1alpha1.LFSRepository) string {
	var b strings.Builder
	for _, c := range repo.Status.Conditions {
		b.WriteString("\n  " + c.Type + "=" + string(c.Status) + " " + c.Reason + ": " + c.Message)
	}
	if b.Len() == 0 {
		return "no conditions"
	}
	return b.String()
}

// recorder keeps events instead of sending them.
type recorder struct {
	mu   sync.Mutex
	sent []string
}

// Eventf keeps the reason and type of an event.
func (r *recorder) Eventf(_, _ runtime.Object, kind, reason, _, _ string, _ ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sent = append(r.sent, kind+" "+reason)
}

func (r *recorder) all() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.sent)
}

// told waits for an event, and complains of a second one.
func (w *world) told(event string) {
	w.t.Helper()
	w.eventually("one event "+event, func() string {
		if w.events.count(event) == 1 {
			return ""
		}
		return strings.Join(w.events.all(), ", ")
	})
}

func (r *recorder) count(event string) int {
	n := 0
	for _, e := range r.all() {
		if e == event {
			n++
		}
	}
	return n
}
