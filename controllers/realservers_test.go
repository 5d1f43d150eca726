package controllers

import (
	"context"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lfs-operator/lfs-operator/api/v1alpha1"
	"github.com/lfs-operator/lfs-operator/controllers/poll"
	"github.com/lfs-operator/lfs-operator/internal/desired"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/monitor"
	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
	"github.com/lfs-operator/lfs-operator/test/assets"
)

// realServers run an LFS server for each Deployment that the operator makes in the
// servers' namespace, on a real store, with the volumes of its pods mounted, and lead
// clients where the repository's Service does.
type realServers struct {
	w     *world
	store *assets.Store
	dir   string
	// front passes requests on: of the operator to the server that the path begins
	// with, and of clients, by door.
	front, door *httptest.Server

	mu      sync.Mutex
	running map[string]*realServer // by Deployment
	service client.ObjectKey       // that clients use
}

type realServer struct {
	api, admin string
	stop       context.CancelFunc
	done       chan error
}

// newRealWorld is newStoreWorld with real servers.
func newRealWorld(t *testing.T) (*world, *v1alpha1.LFSStore, *realServers) {
	t.Helper()
	backend := assets.SharedStore(t)
	w, store := newStoreWorld(t, func(s *v1alpha1.LFSStore) {
		s.Spec.Endpoint, s.Spec.Region, s.Spec.Bucket = backend.Endpoint, backend.Region, backend.NewBucket(t)
	})
	w.must(w.c.Create(t.Context(), &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.others[0], Name: "admin-credentials"},
		StringData: map[string]string{serverconfig.KeyAccessKeyID: backend.AccessKey, serverconfig.KeySecretAccessKey: backend.SecretKey},
	}))
	s := &realServers{w: w, store: backend, dir: t.TempDir(), running: map[string]*realServer{}}
	s.front, s.door = httptest.NewServer(http.HandlerFunc(s.ask)), httptest.NewServer(http.HandlerFunc(s.lead))
	t.Cleanup(s.front.Close)
	t.Cleanup(s.door.Close)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for t.Context().Err() == nil {
			s.sync()
			time.Sleep(20 * time.Millisecond)
		}
		for name := range s.running {
			s.end(name)
		}
	}()
	t.Cleanup(func() { <-done })
	w.stop()
	w.targets = s.targets
	w.start()
	return w, store, s
}

// sync does what kubelets do: what is mounted, and which servers run, follows the API
// server.
func (s *realServers) sync() {
	var list appsv1.DeploymentList
	if err := s.w.c.List(background, &list, client.InNamespace(s.w.others[0])); err != nil {
		return
	}
	wanted := map[string]bool{}
	for i := range list.Items {
		d := &list.Items[i]
		if kind := d.Labels[desired.LabelComponent]; kind != desired.ComponentServer && kind != desired.ComponentShared {
			continue
		}
		wanted[d.Name] = true
		s.mount(d)
		s.mu.Lock()
		running := s.running[d.Name] != nil
		s.mu.Unlock()
		if !running {
			s.run(d)
		}
	}
	s.mu.Lock()
	all := maps.Clone(s.running)
	s.mu.Unlock()
	for name := range all {
		if !wanted[name] {
			s.end(name)
		}
	}
}

// mount writes the files of ConfigMaps and Secrets where the container has them.
func (s *realServers) mount(d *appsv1.Deployment) {
	at := map[string]string{}
	for _, m := range d.Spec.Template.Spec.Containers[0].VolumeMounts {
		at[m.Name] = filepath.Join(s.dir, d.Name, m.MountPath)
	}
	for _, v := range d.Spec.Template.Spec.Volumes {
		files := map[string][]byte{}
		switch {
		case v.ConfigMap != nil:
			var m corev1.ConfigMap
			if s.w.c.Get(background, client.ObjectKey{Namespace: d.Namespace, Name: v.ConfigMap.Name}, &m) != nil {
				continue
			}
			for name, content := range m.Data {
				files[name] = []byte(content)
			}
		case v.Secret != nil:
			var m corev1.Secret
			if s.w.c.Get(background, client.ObjectKey{Namespace: d.Namespace, Name: v.Secret.SecretName}, &m) != nil {
				continue
			}
			files = m.Data
		default:
			continue
		}
		if err := s.write(at[v.Name], files); err != nil {
			s.w.t.Error(err)
		}
	}
}

func (s *realServers) write(dir string, files map[string][]byte) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	old, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range old {
		if _, there := files[e.Name()]; !there {
			if err := os.Remove(filepath.Join(dir, e.Name())); err != nil {
				return err
			}
		}
	}
	for name, content := range files {
		next := filepath.Join(s.dir, "next")
		if err := os.WriteFile(next, content, 0o600); err != nil {
			return err
		}
		if err := os.Rename(next, filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	return nil
}

// run starts the server of a Deployment, once it can.
func (s *realServers) run(d *appsv1.Deployment) {
	at := func(path string) string { return filepath.Join(s.dir, d.Name, path) }
	var ports [3]net.Listener
	for i := range ports {
		var err error
		if ports[i], err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			s.w.t.Error(err)
			return
		}
	}
	o := lfsserver.Options{
		ConfigFile: at(serverconfig.File), CredentialsDir: at(serverconfig.StoreCredentialsDir), KeysDir: at(serverconfig.KeysDir), CAFile: at(serverconfig.StoreCAFile),
		JWTDir: at(serverconfig.JWTDir), KubernetesDir: at(serverconfig.KubernetesDir), StoreTokenFile: at(serverconfig.StoreTokenFile),
		APIListener: ports[0], AdminListener: ports[1], MetricsListener: ports[2],
		DrainDelay: time.Millisecond, ReloadInterval: 20 * time.Millisecond, UsageGap: 20 * time.Millisecond,
		Monitor: monitor.Intervals{Unready: 100 * time.Millisecond, Ready: 200 * time.Millisecond, Least: 10 * time.Millisecond, Timeout: 15 * time.Second},
		Logger:  slog.New(slog.DiscardHandler),
	}
	var server interface{ Run(context.Context) error }
	var err error
	if d.Labels[desired.LabelComponent] == desired.ComponentShared {
		o.RepositoriesDir = at(serverconfig.RepositoriesDir)
		server, err = lfsserver.NewShared(o)
	} else {
		server, err = lfsserver.New(o)
	}
	if err != nil { // nothing is mounted yet
		for _, l := range ports {
			_ = l.Close()
		}
		return
	}
	ctx, stop := context.WithCancel(background)
	r := &realServer{api: ports[0].Addr().String(), admin: ports[1].Addr().String(), stop: stop, done: make(chan error, 1)}
	go func() { r.done <- server.Run(ctx) }()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running[d.Name] = r
}

// end stops a server, which answers until it has drained.
func (s *realServers) end(name string) {
	s.mu.Lock()
	r := s.running[name]
	s.mu.Unlock()
	r.stop()
	if err := <-r.done; err != nil {
		s.w.t.Errorf("server %s: %v", name, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.running, name)
}

// targets are the servers of a repository by the name of their Deployment.
func (s *realServers) targets(repo *v1alpha1.LFSRepository, pods []corev1.Pod) (out []poll.Target) {
	for _, pod := range pods {
		if pod.Labels[desired.LabelComponent] == desired.ComponentShared {
			out = append(out, poll.Target{Name: pod.Name, URL: s.front.URL + "/" + pod.Labels[desired.LabelInstance]})
		}
	}
	if len(out) > 0 {
		return out
	}
	name := desired.ServerName(serverOf(repo).Base)
	return []poll.Target{{Name: name, URL: s.front.URL + "/" + name}}
}

func (s *realServers) ask(w http.ResponseWriter, r *http.Request) {
	name, path, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	r.URL.Path = "/" + path
	s.mu.Lock()
	server := s.running[name]
	s.mu.Unlock()
	if server == nil {
		http.Error(w, "no such server", http.StatusBadGateway)
		return
	}
	relay(w, r, server.admin)
}

// lead takes a client where the Service leads to.
func (s *realServers) lead(w http.ResponseWriter, r *http.Request) {
	var service corev1.Service
	s.mu.Lock()
	key := s.service
	s.mu.Unlock()
	if err := s.w.c.Get(background, key, &service); err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	name := service.Spec.Selector[desired.LabelInstance]
	if service.Spec.Selector[desired.LabelComponent] == desired.ComponentServer {
		name = service.Name
	}
	s.mu.Lock()
	server := s.running[name]
	s.mu.Unlock()
	if server == nil {
		http.Error(w, "no server "+name, http.StatusBadGateway)
		return
	}
	relay(w, r, server.api)
}

// relay gives a request to a server, by a connection of its own.
func relay(w http.ResponseWriter, r *http.Request, to string) {
	(&httputil.ReverseProxy{
		Transport: &http.Transport{DisableKeepAlives: true},
		Rewrite: func(p *httputil.ProxyRequest) {
			p.SetURL(&url.URL{Scheme: "http", Host: to})
			p.Out.Host = p.In.Host
		},
	}).ServeHTTP(w, r)
}

// serve makes a repository that clients reach by the door.
func (s *realServers) serve(name string, change ...func(*v1alpha1.LFSRepository)) *v1alpha1.LFSRepository {
	s.w.t.Helper()
	s.w.create(name, append(change, inStore(s.w), func(r *v1alpha1.LFSRepository) {
		r.Spec.Exposure = &v1alpha1.Exposure{Endpoints: []v1alpha1.Endpoint{{Host: s.door.Listener.Addr().String(), Scheme: v1alpha1.SchemeHTTP}}}
	})...)
	repo := s.w.ready(name)
	at := serverOf(repo)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.service = client.ObjectKey{Namespace: at.Namespace, Name: desired.ServerName(at.Base)}
	return repo
}
