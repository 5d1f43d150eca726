package controllers

import (
	"context"
	"slices"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lfs-operator/lfs-operator/api/v1alpha1"
	"github.com/lfs-operator/lfs-operator/internal/desired"
)

// This file decides which server serves a repository of an LFSStore: one of its own,
// or one that it shares. Status records it before anything is done about it, and who
// moves is served all the way:
//
//	next      that server is given the configuration, beside the one that serves
//	name      once all its pods have loaded it, clients are sent there
//	previous  the one before goes on until all have noticed

// movedFor is how long the previous server goes on: names, routes and connections
// that are kept follow a Service within seconds. Tests say when it is over.
var movedFor = time.Minute

// places are those that were just given away, and that the informer may not know yet.
type places struct {
	mu   sync.Mutex
	held map[types.UID]string
}

// known drops a place that the informer knows of.
func (s *places) known(repo *v1alpha1.LFSRepository) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if slices.Contains(repo.Placement().Shared(), s.held[repo.UID]) {
		delete(s.held, repo.UID)
	}
}

// forget drops a place whose repository is gone.
func (s *places) forget(uid types.UID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.held, uid)
}

// place says where the repository is to be served, and fills in what follows for its
// objects.
func (r *LFSRepositoryReconciler) place(ctx context.Context, p *pass) error {
	if !p.in.Apart() {
		return nil
	}
	was := p.repo.Placement()
	now := was
	r.places.known(p.live)
	switch until := now.PreviousUntil; {
	case until == nil:
	case p.now.Before(until.Time):
		p.again(until.Sub(p.now))
	default:
		now.Previous, now.PreviousUntil = "", nil
	}
	want, err := r.wantedServer(ctx, p, was)
	if err != nil {
		return err
	}
	switch {
	case p.live.Status.Location == nil || p.repo.Spec.Suspend && now.Previous == "":
		now.Name, now.Next = want, "" // nobody is served yet
	case want == now.Name:
		now.Next = ""
	default:
		now.Next = want
	}
	for _, name := range was.Servers() {
		// Where it no longer is to be, it is taken out before status forgets it.
		if !slices.Contains(now.Servers(), name) {
			if err := r.leave(ctx, p, name); err != nil {
				return err
			}
		}
	}
	p.settle(was, now)
	r.fillServers(&p.in, now)
	return nil
}

// settle records a placement that has changed.
func (p *pass) settle(was, now v1alpha1.ServerPlacement) {
	if was == now {
		return
	}
	p.persist = true
	p.repo.Status.Server = &now
	if (now == v1alpha1.ServerPlacement{Name: v1alpha1.ServerOwn}) {
		p.repo.Status.Server = nil
	}
}

// fillServers says in the inputs which servers there are.
func (r *LFSRepositoryReconciler) fillServers(in *desired.Inputs, at v1alpha1.ServerPlacement) {
	if !in.Apart() || in.Store == nil {
		return
	}
	in.NoOwn = !slices.Contains(at.Servers(), v1alpha1.ServerOwn)
	if at.Name != v1alpha1.ServerOwn {
		in.Clients = at.Name
	}
	in.Shared = nil
	if in.Repository.Spec.Suspend {
		return
	}
	for _, name := range at.Shared() {
		_, key := r.Master.SharedKey(string(in.Store.UID), name)
		in.Shared = append(in.Shared, desired.SharedServer{Name: name, Key: key})
	}
}

// wantedServer is the server that the store's administrator lets the repository have.
func (r *LFSRepositoryReconciler) wantedServer(ctx context.Context, p *pass, at v1alpha1.ServerPlacement) (string, error) {
	if !p.in.Store.Shares(p.live) {
		return v1alpha1.ServerOwn, nil
	}
	sample, err := desired.SharedServerConfig(p.in, desired.SharedServer{Name: desired.SharedName(p.in.Store, 0)})
	if err != nil {
		return "", err
	}
	if len(sample.Rendered) > desired.MaxSharedConfig {
		return v1alpha1.ServerOwn, nil
	}
	for _, name := range []string{at.Next, at.Name} {
		if name != "" && name != v1alpha1.ServerOwn {
			return name, nil
		}
	}
	return r.findPlace(ctx, p)
}

// findPlace gives the repository a place at the first shared server that has one. It
// keeps it for as long as it shares a server.
func (r *LFSRepositoryReconciler) findPlace(ctx context.Context, p *pass) (string, error) {
	r.places.mu.Lock()
	defer r.places.mu.Unlock()
	if name := r.places.held[p.repo.UID]; name != "" {
		return name, nil
	}
	var list v1alpha1.LFSRepositoryList
	if err := r.List(ctx, &list, client.UnsafeDisableDeepCopy); err != nil {
		return "", err
	}
	taken := map[string]int32{}
	for i := range list.Items {
		repo := &list.Items[i]
		names := repo.Placement().Shared()
		if held := r.places.held[repo.UID]; held != "" && !slices.Contains(names, held) {
			names = append(names, held)
		}
		for _, name := range names {
			taken[name]++
		}
	}
	for i := 0; ; i++ {
		name := desired.SharedName(p.in.Store, i)
		if taken[name] < p.in.Store.RepositoriesPerServer() {
			if r.places.held == nil {
				r.places.held = map[types.UID]string{}
			}
			r.places.held[p.repo.UID] = name
			return name, nil
		}
	}
}

// move sends clients to the next server when all its pods serve the repository.
func (r *LFSRepositoryReconciler) move(ctx context.Context, p *pass) error {
	was := p.repo.Placement()
	if was.Next == "" || !p.nextReady() {
		return nil
	}
	deployment, err := r.deploymentOf(ctx, p, was.Next)
	if err != nil {
		return err
	}
	if out := rolloutOf(deployment); !out.current || out.available < max(1, out.wanted) {
		return nil
	}
	until := metav1.NewTime(p.now.Add(movedFor).Truncate(time.Second))
	now := v1alpha1.ServerPlacement{Name: was.Next, Previous: was.Name, PreviousUntil: &until}
	if was.Previous != "" && was.Previous != now.Name {
		if err := r.leave(ctx, p, was.Previous); err != nil {
			return err
		}
	}
	p.settle(was, now)
	p.event(normal, "ServerMoved", "Move", "clients are sent to server %s; %s serves on until %s", now.Name, now.Previous, until.UTC().Format(time.RFC3339))
	return errPersistFirst
}

// nextReady is true when clients may be sent to the next server.
func (p *pass) nextReady() bool {
	pods := p.podsOf(p.repo.Placement().Next)
	for i := range pods {
		if !podReady(&pods[i]) {
			return false
		}
	}
	return p.coming.inForce && p.coming.store != nil && p.coming.store.Ready
}
