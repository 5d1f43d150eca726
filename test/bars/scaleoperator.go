package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/lfs-operator/lfs-operator/api/v1alpha1"
	"github.com/lfs-operator/lfs-operator/test/harness"
)

// operatorScale measures the operator, as it is shipped, on a kube-apiserver with
// many LFSRepositories that all lie in one LFSStore. Each size is measured on a new
// API server, twice: with a bare loop that only applies the same objects, and with
// the operator. In both something stands in for the nodes and makes pods ready.
func operatorScale(ctx context.Context, r *rig) error {
	sizes, err := scaleSizes()
	if err != nil {
		return err
	}
	idle, err := idleWindow()
	if err != nil {
		return err
	}
	most := 0.0
	for _, n := range sizes {
		m := &scaleMeasurement{rig: r, n: n}
		if n == idleSize(sizes) {
			m.idle = idle
		}
		if err := m.measure(ctx); err != nil {
			return fmt.Errorf("%d repositories: %w", n, err)
		}
		most = max(most, m.written)
	}
	bar("writes-per-repository", most)
	return nil
}

// idleSize is the size at which is counted what is written while nothing happens:
// usualSize where that is measured, else the largest.
func idleSize(sizes []int) int {
	if slices.Contains(sizes, usualSize) {
		return usualSize
	}
	return slices.Max(sizes)
}

// What is measured with n repositories takes leastPatience and n times patienceEach at
// the most, and what idles besides. Half a minute and a tenth of a second are usual.
const (
	leastPatience = 3 * time.Minute
	patienceEach  = 300 * time.Millisecond
)

// The versions that are kept by default, and after the change of the store.
const (
	keepBefore = v1alpha1.DefaultKeepVersions
	keepAfter  = 7
)

// scaleMeasurement is that of n repositories.
type scaleMeasurement struct {
	*rig
	n int
	// idle is how long writes are counted while nothing happens; 0: not at all.
	idle time.Duration
	// What the bare loop took: in seconds, for the first time, and once more with
	// what the change of the store makes of it.
	bareFirst, bareAgain float64
	// bareAvailable is when the pods of all were there, too.
	bareAvailable float64
	children      int
	// written is how many writes the operator needed for each, events among them.
	written float64
}

func (m *scaleMeasurement) measure(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, leastPatience+time.Duration(m.n)*patienceEach+m.idle)
	defer cancel()
	if err := m.onCluster(ctx, m.bare); err != nil {
		return fmt.Errorf("the bare loop: %w", err)
	}
	return m.onCluster(ctx, m.operator)
}

// onCluster runs something on a new API server with a stand-in for the nodes.
func (m *scaleMeasurement) onCluster(ctx context.Context, what func(context.Context, *scaleCluster, *standIn) error) error {
	c, err := m.newScaleCluster(ctx, m.n)
	if err != nil {
		return err
	}
	defer c.stop()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s, err := c.newStandIn(ctx)
	if err != nil {
		return err
	}
	return what(ctx, c, s)
}

func (m *scaleMeasurement) bare(ctx context.Context, c *scaleCluster, s *standIn) error {
	var list v1alpha1.LFSRepositoryList
	if err := c.client.List(ctx, &list); err != nil {
		return err
	}
	loop, err := newBareLoop(c.config)
	if err != nil {
		return err
	}
	start := time.Now()
	children, took, err := loop.apply(ctx, list.Items, c.store)
	if err != nil {
		return err
	}
	if err := s.available(ctx, m.n); err != nil {
		return err
	}
	m.children, m.bareFirst, m.bareAvailable = children, took, time.Since(start).Seconds()
	m.say("bare loop: %d objects of %d repositories in %.1f s, all available after %.1f s", children, m.n, took, m.bareAvailable)
	changed := c.store.DeepCopy()
	keepSeven(changed)
	if _, m.bareAgain, err = loop.apply(ctx, list.Items, changed); err != nil {
		return err
	}
	m.say("bare loop: once more, after a change of the store, in %.1f s", m.bareAgain)
	return nil
}

func keepSeven(store *v1alpha1.LFSStore) {
	store.Spec.Defaults = &v1alpha1.StoreDefaults{KeepVersions: new(int32(keepAfter))}
}

func (m *scaleMeasurement) operator(ctx context.Context, c *scaleCluster, s *standIn) error {
	start := time.Now()
	manager, err := m.startManager(ctx, c)
	if err != nil {
		return err
	}
	defer manager.stop()
	if err := s.allReady(ctx, m.n, keepBefore); err != nil {
		return manager.failure(err)
	}
	took := time.Since(start).Seconds()
	if err := m.quiet(ctx, c); err != nil {
		return err
	}
	if err := m.first(c, start, took); err != nil {
		return err
	}
	if m.idle > 0 {
		if err := m.nothing(ctx, c, manager); err != nil {
			return err
		}
	}
	if err := m.ripple(ctx, c, s); err != nil {
		return manager.failure(err)
	}
	return m.memory(manager)
}

// startManager starts the operator with the arguments and the memory limit that
// config/manager gives it.
func (m *scaleMeasurement) startManager(ctx context.Context, c *scaleCluster) (*program, error) {
	raw, err := os.ReadFile(filepath.Join(m.root, "config", "manager", "manager.yaml"))
	if err != nil {
		return nil, err
	}
	var shipped appsv1.Deployment
	if err := yaml.Unmarshal(raw, &shipped); err != nil {
		return nil, err
	}
	cmdline := []string{"env", "KUBECONFIG=" + c.kubeconfig}
	for _, e := range shipped.Spec.Template.Spec.Containers[0].Env {
		if strings.HasPrefix(e.Name, "GO") {
			cmdline = append(cmdline, e.Name+"="+e.Value)
		}
	}
	cmdline = append(cmdline, m.bin("manager"), "--server-image=lfs-operator:bars", "--namespace="+harness.OperatorNamespace,
		"--cluster-domain=cluster.local", "--metrics-bind-address=0", "--health-probe-bind-address=0")
	cmdline = append(cmdline, strings.Fields(os.Getenv("SCALE_MANAGER_ARGS"))...)
	return m.launch(ctx, "manager", nil, cmdline...)
}

// quiet waits until the operator has written nothing for a few seconds.
func (m *scaleMeasurement) quiet(ctx context.Context, c *scaleCluster) error {
	const pause = 5 * time.Second
	return harness.Until(ctx, 2*time.Minute, "the operator comes to rest", func(context.Context) (bool, string) {
		w, err := c.operatorWrites(time.Now().Add(-pause))
		return err == nil && w.total() == 0, fmt.Sprint(w, err)
	})
}

// first prints what it took to bring all into being.
func (m *scaleMeasurement) first(c *scaleCluster, since time.Time, took float64) error {
	w, err := c.operatorWrites(since)
	if err != nil {
		return err
	}
	m.say("operator: %d repositories Ready after %.1f s; %s", m.n, took, w)
	bar(fmt.Sprintf("reconcile-%d-s", m.n), took)
	bar(fmt.Sprintf("reconcile-%d-ratio", m.n), took/m.bareFirst)
	bar(fmt.Sprintf("reconcile-%d-to-available-ratio", m.n), took/m.bareAvailable)
	bar(fmt.Sprintf("children-per-repository-at-%d", m.n), m.each(m.children))
	m.written = max(m.written, m.each(w.writes+w.events))
	bar(fmt.Sprintf("writes-per-repository-at-%d", m.n), m.each(w.writes))
	bar(fmt.Sprintf("events-per-repository-at-%d", m.n), m.each(w.events))
	bar(fmt.Sprintf("dry-runs-per-repository-at-%d", m.n), m.each(w.dryRuns))
	return nil
}

func (m *scaleMeasurement) each(n int) float64 { return float64(n) / float64(m.n) }

// nothing counts what the operator does while nothing happens.
func (m *scaleMeasurement) nothing(ctx context.Context, c *scaleCluster, manager *program) error {
	m.say("counting for %s what the operator writes while nothing happens", m.idle)
	start := time.Now()
	before, err := cpuSeconds(manager)
	if err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(m.idle):
	}
	after, err := cpuSeconds(manager)
	if err != nil {
		return err
	}
	w, err := c.operatorWrites(start)
	if err != nil {
		return err
	}
	m.say("while nothing happened: %s", w)
	bar(fmt.Sprintf("idle-writes-%dmin", int(m.idle.Minutes())), w.total())
	bar(fmt.Sprintf("operator-%d-idle-millicores", m.n), 1000*(after-before)/time.Since(start).Seconds())
	return nil
}

// ripple changes a default of the store, which concerns every repository.
func (m *scaleMeasurement) ripple(ctx context.Context, c *scaleCluster, s *standIn) error {
	store := &v1alpha1.LFSStore{}
	if err := c.client.Get(ctx, client.ObjectKey{Name: scaleStore}, store); err != nil {
		return err
	}
	keepSeven(store)
	start := time.Now()
	if err := c.client.Update(ctx, store); err != nil {
		return err
	}
	if err := s.allReady(ctx, m.n, keepAfter); err != nil {
		return err
	}
	took := time.Since(start).Seconds()
	if err := m.quiet(ctx, c); err != nil {
		return err
	}
	w, err := c.operatorWrites(start)
	if err != nil {
		return err
	}
	m.say("a change of the store reached %d repositories in %.1f s; %s", m.n, took, w)
	bar(fmt.Sprintf("ripple-%d-s", m.n), took)
	bar(fmt.Sprintf("ripple-%d-ratio", m.n), took/m.bareAgain)
	return nil
}

// memory prints the most that the operator ever had, and what it has now.
func (m *scaleMeasurement) memory(manager *program) error {
	for _, figure := range []struct{ field, bar string }{
		{"VmHWM", fmt.Sprintf("operator-%d-rss-mib", m.n)}, {"VmRSS", fmt.Sprintf("operator-%d-rss-now-mib", m.n)},
	} {
		kib, err := procStatus(manager.cmd.Process.Pid, figure.field)
		if err != nil {
			return err
		}
		bar(figure.bar, kib/1024)
	}
	return nil
}

// procStatus reads a number of /proc/PID/status.
func procStatus(pid int, field string) (float64, error) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	_, rest, ok := strings.Cut(string(raw), "\n"+field+":")
	if !ok {
		return 0, fmt.Errorf("no %s of process %d", field, pid)
	}
	return strconv.ParseFloat(strings.Fields(rest)[0], 64)
}

// cpuSeconds that a program has used, by proc(5): fields 14 and 15 in ticks of 10 ms.
func cpuSeconds(p *program) (float64, error) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(raw), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0, fmt.Errorf("/proc/%d/stat: %q", p.cmd.Process.Pid, raw)
	}
	user, err1 := strconv.ParseFloat(fields[11], 64)
	system, err2 := strconv.ParseFloat(fields[12], 64)
	if err1 != nil || err2 != nil {
		return 0, fmt.Errorf("/proc/%d/stat: %q", p.cmd.Process.Pid, raw)
	}
	return (user + system) / 100, nil
}
