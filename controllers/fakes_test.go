package controllers

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"sync"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lfs-operator/lfs-operator/api/v1alpha1"
	"github.com/lfs-operator/lfs-operator/controllers/poll"
	"github.com/lfs-operator/lfs-operator/internal/desired"
	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
	"github.com/lfs-operator/lfs-operator/internal/serverstatus"
)

// fakeServer stands in for the LFS servers of a namespace: one address for each,
// which loads its ConfigMap at once, or when told to.
type fakeServer struct {
	w    *world
	http *httptest.Server

	mu     sync.Mutex
	loads  bool
	config map[string]*serverconfig.Config // by ConfigMap, as loaded
	hash   map[string]string
	where  map[string]string // namespace, by ConfigMap
	status serverstatus.Status
	down   bool
	pods   map[string]bool // namespace/name of those that count as servers
}

func newFakeServer(w *world) *fakeServer {
	f := &fakeServer{
		w: w, loads: true, config: map[string]*serverconfig.Config{}, hash: map[string]string{}, where: map[string]string{}, pods: map[string]bool{},
		status: serverstatus.Status{Store: serverstatus.Store{Ready: true, Reason: serverstatus.ReasonStoreReady}},
	}
	f.http = httptest.NewServer(http.HandlerFunc(f.answer))
	w.t.Cleanup(f.http.Close)
	return f
}

// set changes what the servers say.
func (f *fakeServer) set(change func(*serverstatus.Status)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(&f.status)
}

// loading decides whether new configurations are loaded.
func (f *fakeServer) loading(yes bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.loads = yes
}

// off lets the servers answer nothing.
func (f *fakeServer) off(yes bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.down = yes
}

// serverOf is where the server of a repository runs.
func serverOf(repo *v1alpha1.LFSRepository) desired.Place {
	in := desired.Inputs{Repository: repo}
	if repo.Status.Location != nil {
		in.Location = *repo.Status.Location
	}
	return in.Server()
}

// loaded is the configuration that a repository's server works by.
func (f *fakeServer) loaded(repository string) *serverconfig.Config {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.config[desired.ServerName(repository)]
}

// loadedAt is the same of a server that does not run beside the tenant.
func (f *fakeServer) loadedAt(at desired.Place) *serverconfig.Config { return f.loaded(at.Base) }

// targets is PodTargets for a cluster without pods.
func (f *fakeServer) targets(repo *v1alpha1.LFSRepository, pods []corev1.Pod) []poll.Target {
	at := serverOf(repo)
	name := desired.ServerName(at.Base)
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range pods {
		f.pods[pods[i].Namespace+"/"+pods[i].Name] = true
	}
	f.where[name] = at.Namespace
	return []poll.Target{{Name: name, URL: f.http.URL + "/" + name}}
}

// asked tells whether a pod was taken for a server.
func (f *fakeServer) asked(namespace, name string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.pods[namespace+"/"+name]
}

func (f *fakeServer) answer(w http.ResponseWriter, r *http.Request) {
	name := r.URL.Path[1 : len(r.URL.Path)-len(serverstatus.Path)]
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.down {
		http.Error(w, "down", http.StatusBadGateway)
		return
	}
	if f.loads || f.config[name] == nil {
		f.load(name)
	}
	config := f.config[name]
	if config == nil {
		http.Error(w, "no configuration", http.StatusServiceUnavailable)
		return
	}
	token := r.Header.Get("Authorization")
	if len(token) < 8 || serverconfig.TokenHash(token[len("Bearer "):]) != config.StatusTokenHash {
		http.Error(w, "who are you", http.StatusUnauthorized)
		return
	}
	status := f.status
	status.Config.Hash = f.hash[name]
	status.Store.CheckedAt = time.Now() // news that are none
	_ = json.NewEncoder(w).Encode(status)
}

func (f *fakeServer) load(name string) {
	var m corev1.ConfigMap
	if err := f.w.c.Get(background, client.ObjectKey{Namespace: f.where[name], Name: name}, &m); err != nil {
		return
	}
	raw := []byte(m.Data[desired.ConfigFile])
	config, err := serverconfig.Parse(raw)
	if err != nil {
		return // as the server: what was loaded stays in force
	}
	f.config[name], f.hash[name] = config, serverconfig.Hash(raw)
}

// startKubelet makes every Deployment of the world available, as controller
// and kubelet would.
func startKubelet(w *world) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		for w.t.Context().Err() == nil {
			for _, namespace := range w.namespaces() {
				var list appsv1.DeploymentList
				if err := w.c.List(w.t.Context(), &list, client.InNamespace(namespace)); err == nil {
					for i := range list.Items {
						runPods(w, &list.Items[i])
					}
				}
			}
			time.Sleep(20 * time.Millisecond)
		}
	}()
	w.t.Cleanup(func() { <-done })
}

// annotationBroken keeps the stand-in kubelet from running a Deployment's pods.
const annotationBroken = "test/broken"

func runPods(w *world, d *appsv1.Deployment) {
	if d.Status.ObservedGeneration == d.Generation || d.Spec.Template.Annotations[annotationBroken] != "" {
		return
	}
	n := *d.Spec.Replicas
	d.Status = appsv1.DeploymentStatus{
		ObservedGeneration: d.Generation, Replicas: n, UpdatedReplicas: n, ReadyReplicas: n, AvailableReplicas: n,
	}
	_ = w.c.Status().Update(w.t.Context(), d) // tried again
}
