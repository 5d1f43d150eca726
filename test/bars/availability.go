package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/lfs-operator/lfs-operator/test/harness"
)

// Pushes and pulls by real git-lfs while something happens to what serves them. One
// that fails, after all that git-lfs does by itself, is counted.

// disturbance is what happens meanwhile.
type disturbance struct {
	name string
	bar  string
	// during runs once every interval, until the span is over.
	during   func(*stage, context.Context) error
	interval time.Duration
	// onlyPulls: nobody pushes.
	onlyPulls bool
}

var disturbances = []disturbance{
	{name: "rolling", bar: "failed-commands-rolling", during: (*stage).roll, interval: 20 * time.Second},
	{name: "eviction", bar: "failed-commands-eviction", during: (*stage).evict, interval: 10 * time.Second},
	{name: "podkill", bar: "failed-commands-podkill", during: (*stage).kill, interval: 15 * time.Second},
	{name: "rotation", bar: "failed-commands-rotation", during: (*stage).rotate, interval: 30 * time.Second},
	{name: "store-flap", bar: "failed-pulls-store-flap", during: (*stage).flap, interval: 30 * time.Second, onlyPulls: true},
}

// availability measures those disturbances that are named, or all.
func availability(ctx context.Context, only []string) error {
	var parts []part
	for i, d := range disturbances {
		parts = append(parts, part{d.name, disturb(d, availabilityPorts+i)})
	}
	return measureInCluster(ctx, parts, only)
}

// availabilityApart brings up a cluster for all of them.
func availabilityApart(ctx context.Context, r *rig) error {
	if err := prepareIsolated(ctx); err != nil {
		return err
	}
	return r.inIsolated(ctx, "availability")
}

// availabilityPorts begin here.
const availabilityPorts = 31500

// stage is a repository under load.
type stage struct {
	env  *harness.Env
	repo *harness.Repository
	door *harness.Door
	// n counts the disturbances.
	n int
}

func (s *stage) kubectl(ctx context.Context, args ...string) (string, error) {
	return s.env.Kubectl(ctx, append([]string{"-n", s.repo.Namespace}, args...)...)
}

// span of each disturbance: AVAILABILITY_SECONDS, or two minutes.
func availabilitySpan() (time.Duration, error) {
	v := os.Getenv("AVAILABILITY_SECONDS")
	if v == "" {
		return 2 * time.Minute, nil
	}
	d, err := time.ParseDuration(v + "s")
	if err != nil {
		return 0, fmt.Errorf("AVAILABILITY_SECONDS=%s: want a whole number of seconds", v)
	}
	return d, nil
}

// disturb measures one of them on a repository of its own, behind that node port.
func disturb(d disturbance, port int) func(context.Context, *harness.Env, string) error {
	return func(ctx context.Context, env *harness.Env, dir string) error {
		span, err := availabilitySpan()
		if err != nil {
			return err
		}
		s, err := newStage(ctx, env, d.name, port)
		if err != nil {
			return err
		}
		defer s.door.Shut()
		crew, err := newCrew(ctx, s.repo, filepath.Join(dir, d.name), d.onlyPulls)
		if err != nil {
			return err
		}
		env.Say("%s for %v, under %d clients", d.name, span, crewSize)
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		over := time.Now().Add(span)
		crew.start(ctx, over)
		for time.Now().Add(d.interval / 2).Before(over) {
			if err := pauseFor(ctx, d.interval/2); err != nil {
				return err
			}
			if err := d.during(s, ctx); err != nil {
				return err
			}
			s.n++
			if err := pauseFor(ctx, d.interval/2); err != nil {
				return err
			}
		}
		crew.wait()
		env.Say("%s happened %d times; %d pushes, %d pulls, %d failed", d.name, s.n, crew.pushes.Load(), crew.pulls.Load(), crew.failed.Load())
		if crew.pulls.Load() == 0 || !d.onlyPulls && crew.pushes.Load() == 0 || s.n == 0 {
			return fmt.Errorf("%s: nothing was measured", d.name)
		}
		bar(d.bar, crew.failed.Load())
		_, err = s.kubectl(ctx, "delete", "lfsrepository", s.repo.Name, "--wait=false")
		return err
	}
}

func pauseFor(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// newStage makes a repository with two replicas, whose store is behind a door.
func newStage(ctx context.Context, env *harness.Env, name string, port int) (*stage, error) {
	door, err := env.NewDoor()
	if err != nil {
		return nil, err
	}
	if err := door.Open(); err != nil {
		return nil, err
	}
	s := &stage{env: env, door: door}
	s.repo, err = env.NewRepository(ctx, harness.Repository{
		Namespace: "availability", Name: name, NodePort: port,
		Endpoint: door.URL(), PublicEndpoint: door.URL(), Spec: "  server: {replicas: 2}\n",
	})
	if err != nil {
		return nil, err
	}
	if err := s.repo.Apply(ctx); err != nil {
		return nil, err
	}
	_, err = env.WaitReady(ctx, s.repo.Namespace, s.repo.Name, 2*time.Minute)
	return s, err
}

// roll changes the pods, so that all of them are made anew, one after the other.
func (s *stage) roll(ctx context.Context) error {
	patch := fmt.Sprintf(`{"spec":{"server":{"podTemplate":{"annotations":{"rolled":"%d"}}}}}`, s.n)
	if _, err := s.kubectl(ctx, "patch", "lfsrepository", s.repo.Name, "--type=merge", "-p", patch); err != nil {
		return err
	}
	return harness.Until(ctx, time.Minute, "a rollout", func(ctx context.Context) (bool, string) {
		got, err := s.kubectl(ctx, "get", "deployment", s.repo.Name+"-lfs",
			"-o", "jsonpath={.spec.template.metadata.annotations.rolled}/{.status.updatedReplicas}/{.status.replicas}/{.status.availableReplicas}")
		return err == nil && got == fmt.Sprintf("%d/2/2/2", s.n), got
	})
}

// evict takes one pod away, as a drain of its node does.
func (s *stage) evict(ctx context.Context) error {
	pods, err := s.pods(ctx)
	if err != nil {
		return err
	}
	file := filepath.Join(os.TempDir(), "eviction-"+pods[0]+".json")
	defer os.Remove(file)
	body := fmt.Sprintf(`{"apiVersion":"policy/v1","kind":"Eviction","metadata":{"name":%q,"namespace":%q}}`, pods[0], s.repo.Namespace)
	if err := os.WriteFile(file, []byte(body), 0o600); err != nil {
		return err
	}
	_, err = s.env.Kubectl(ctx, "create", "--raw", fmt.Sprintf("/api/v1/namespaces/%s/pods/%s/eviction", s.repo.Namespace, pods[0]), "-f", file)
	if err != nil && strings.Contains(err.Error(), "disruption budget") {
		return nil // the last one is not replaced yet, and its budget says so
	}
	return err
}

// kill ends one of the pods without a warning, once all of them are there again.
func (s *stage) kill(ctx context.Context) error {
	var pods []string
	err := harness.Until(ctx, time.Minute, "two ready pods", func(ctx context.Context) (bool, string) {
		got, err := s.kubectl(ctx, "get", "deployment", s.repo.Name+"-lfs", "-o", "jsonpath={.status.availableReplicas}")
		if err != nil || got != "2" {
			return false, got
		}
		pods, err = s.pods(ctx)
		return err == nil && len(pods) == 2, fmt.Sprint(pods)
	})
	if err != nil {
		return err
	}
	_, err = s.kubectl(ctx, "delete", "pod", pods[s.n%2], "--grace-period=0", "--force")
	return err
}

// rotate changes the token, and then that of the clients: they find out in the time
// in which both work. A second rotation within the overlap would end the oldest, so
// that there is one.
func (s *stage) rotate(ctx context.Context) error {
	if s.n > 0 {
		return nil
	}
	_, err := s.kubectl(ctx, "annotate", "lfsrepository", s.repo.Name, "--overwrite", "lfs-operator.dev/rotate-tokens=1")
	return err
}

// flap takes the store away for ten seconds.
func (s *stage) flap(ctx context.Context) error {
	s.door.Shut()
	if err := pauseFor(ctx, 10*time.Second); err != nil {
		return err
	}
	return s.door.Open()
}

// pods of the server that are not on their way out.
func (s *stage) pods(ctx context.Context) ([]string, error) {
	out, err := s.kubectl(ctx, "get", "pods", "-l", "app.kubernetes.io/component=server,lfs-operator.dev/repository="+s.repo.Name,
		"-o", `go-template={{range .items}}{{if not .metadata.deletionTimestamp}}{{.metadata.name}} {{end}}{{end}}`)
	names := strings.Fields(out)
	if err == nil && len(names) == 0 {
		err = fmt.Errorf("no pods of %s", s.repo.Name)
	}
	return names, err
}
