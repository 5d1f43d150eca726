package controllers

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
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
	// shared servers by name: their configurations by file, as loaded.
	shared map[string]map[string]string
}

func newFakeServer(w *world) *fakeServer {
	f := &fakeServer{
		w: w, loads: true, config: map[string]*serverconfig.Config{}, hash: map[string]string{}, where: map[string]string{}, pods: map[string]bool{}, shared: map[string]map[string]string{},
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
	if len(pods) > 0 && pods[0].Labels[desired.LabelComponent] == desired.ComponentShared {
		var out []poll.Target
		for _, target := range PodTargets(repo, pods) { // those that can be asked
			out = append(out, poll.Target{Name: target.Name, URL: f.http.URL + "/" + pods[0].Labels[desired.LabelInstance]})
		}
		return out
	}
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
	if strings.HasPrefix(name, "lfs-shared-") {
		f.answerShared(w, r, name)
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

// answerShared answers for the repository whose token is sent. The caller holds mu.
func (f *fakeServer) answerShared(w http.ResponseWriter, r *http.Request, name string) {
	var m corev1.ConfigMap
	if f.loads || f.shared[name] == nil {
		if err := f.w.c.Get(background, client.ObjectKey{Namespace: f.w.others[0], Name: name}, &m); err == nil {
			f.shared[name] = m.Data
		}
	}
	for _, raw := range f.shared[name] {
		config, err := serverconfig.Parse([]byte(raw))
		if err != nil || "Bearer "+config.StatusTokenHash != "Bearer "+serverconfig.TokenHash(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")) {
			continue
		}
		status := f.status
		status.Config.Hash = serverconfig.Hash([]byte(raw))
		_ = json.NewEncoder(w).Encode(status)
		return
	}
	http.Error(w, "who are you", http.StatusUnauthorized)
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
					runShared(w, namespace, list.Items)
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

// runShared has a pod for each shared server: repositories are told apart there by
// what is asked, so the pod must be one.
func runShared(w *world, namespace string, deployments []appsv1.Deployment) {
	var pods corev1.PodList
	if err := w.c.List(w.t.Context(), &pods, client.InNamespace(namespace), client.MatchingLabels{desired.LabelComponent: desired.ComponentShared}); err != nil {
		return
	}
	for i := range pods.Items {
		pod := &pods.Items[i]
		if !slices.ContainsFunc(deployments, func(d appsv1.Deployment) bool { return d.Name+"-pod" == pod.Name }) {
			_ = w.c.Delete(w.t.Context(), pod, client.GracePeriodSeconds(0))
		}
	}
	for i := range deployments {
		d := &deployments[i]
		if d.Labels[desired.LabelComponent] != desired.ComponentShared || slices.ContainsFunc(pods.Items, func(p corev1.Pod) bool { return p.Name == d.Name+"-pod" }) {
			continue
		}
		pod := &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: d.Name + "-pod", Labels: d.Spec.Template.Labels},
			Spec:       corev1.PodSpec{NodeName: "node", Containers: []corev1.Container{{Name: "server", Image: "none"}}},
		}
		if w.c.Create(w.t.Context(), pod) == nil {
			pod.Status = corev1.PodStatus{Phase: corev1.PodRunning, PodIP: "192.0.2.1", Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}}
			_ = w.c.Status().Update(w.t.Context(), pod)
		}
	}
}
