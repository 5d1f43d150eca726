package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lfs-operator/lfs-operator/api/v1alpha1"
	"github.com/lfs-operator/lfs-operator/internal/desired"
	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
	"github.com/lfs-operator/lfs-operator/internal/serverstatus"
)

// mostRepositories is how many pods have an address of their own, see podAddress.
const mostRepositories = 1 << 15

// standIn does for a cluster what nodes would do: it makes the pod of every
// Deployment, marks it ready, and answers the operator for it. The addresses of the
// pods are of the loopback interface, each another, so the operator is the one that
// is shipped, and finds its servers as in any cluster.
type standIn struct {
	cluster *scaleCluster
	server  *http.Server
	deploys chan *appsv1.Deployment

	mu sync.Mutex
	// started pods by the name of their Deployment: generation that is running.
	started map[string]int64
	// named by the address of the pod.
	named map[string]string
	// loaded configuration by the name of the ConfigMap, which is the Deployment's.
	loaded map[string]string
	// ready LFSRepositories, and those whose policy in force keeps so many versions.
	ready map[string]int32
	// changed is closed when one of these has changed, and made anew.
	changed chan struct{}
}

// newStandIn begins to look after a cluster, until the context ends.
func (c *scaleCluster) newStandIn(ctx context.Context) (*standIn, error) {
	s := &standIn{
		cluster: c, deploys: make(chan *appsv1.Deployment, mostRepositories), changed: make(chan struct{}),
		started: map[string]int64{}, named: map[string]string{}, loaded: map[string]string{}, ready: map[string]int32{},
	}
	// All of 127.0.0.0/8 are pods.
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp4", fmt.Sprintf(":%d", serverconfig.PortAdmin))
	if err != nil {
		return nil, fmt.Errorf("the servers' stand-in: %w", err)
	}
	s.server = &http.Server{Handler: http.HandlerFunc(s.answer), ReadHeaderTimeout: time.Minute}
	go func() { _ = s.server.Serve(listener) }()
	context.AfterFunc(ctx, func() { _ = s.server.Close() })
	for range barsWorkers {
		go s.run(ctx)
	}
	return s, s.watch(ctx)
}

func (s *standIn) watch(ctx context.Context) error {
	inServers := cache.ByObject{Namespaces: map[string]cache.Config{scaleServers: {}}}
	informers, err := cache.New(s.cluster.config, cache.Options{
		Scheme: s.cluster.scheme,
		ByObject: map[client.Object]cache.ByObject{
			&corev1.ConfigMap{}: inServers, &appsv1.Deployment{}: inServers, &v1alpha1.LFSRepository{}: {},
		},
		DefaultTransform: cache.TransformStripManagedFields(),
	})
	if err != nil {
		return err
	}
	go func() { _ = informers.Start(ctx) }()
	for kind, see := range map[client.Object]func(any){
		&corev1.ConfigMap{}: s.configured, &appsv1.Deployment{}: s.deployed, &v1alpha1.LFSRepository{}: s.concluded,
	} {
		informer, err := informers.GetInformer(ctx, kind)
		if err != nil {
			return err
		}
		if _, err := informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
			AddFunc: see, UpdateFunc: func(_, now any) { see(now) },
		}); err != nil {
			return err
		}
	}
	return nil
}

// configured is the server's reload of its mounted configuration.
func (s *standIn) configured(o any) {
	m := o.(*corev1.ConfigMap)
	raw := []byte(m.Data[desired.ConfigFile])
	s.mu.Lock()
	defer s.mu.Unlock()
	s.loaded[m.Name] = serverconfig.Hash(raw)
}

func (s *standIn) deployed(o any) { s.deploys <- o.(*appsv1.Deployment) }

// concluded counts what the operator says.
func (s *standIn) concluded(o any) {
	repo := o.(*v1alpha1.LFSRepository)
	var keeps int32
	for _, c := range repo.Status.Conditions {
		if c.Type == v1alpha1.ConditionReady && c.Status == metav1.ConditionTrue && repo.Status.Policy != nil {
			keeps = repo.Status.Policy.KeepVersions.Value
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ready[repo.Namespace+"/"+repo.Name] = keeps
	s.tell()
}

// tell wakes whoever waits. The lock is held.
func (s *standIn) tell() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// await waits until so many of what count counts are there.
func (s *standIn) await(ctx context.Context, n int, what string, count func() int) error {
	for {
		s.mu.Lock()
		have, changed := count(), s.changed
		s.mu.Unlock()
		if have >= n {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("%d of %d %s: %w", have, n, what, ctx.Err())
		}
	}
}

// available waits until so many Deployments are.
func (s *standIn) available(ctx context.Context, n int) error {
	return s.await(ctx, n, "Deployments are available", func() int { return len(s.started) })
}

// allReady waits until so many LFSRepositories are Ready, and keep so many versions.
func (s *standIn) allReady(ctx context.Context, n int, keep int32) error {
	return s.await(ctx, n, "LFSRepositories are Ready", func() (have int) {
		for _, keeps := range s.ready {
			if keeps == keep {
				have++
			}
		}
		return have
	})
}

// podAddress is the i-th pod's.
func podAddress(i int) string {
	return netip.AddrFrom4([4]byte{127, byte(1 + i>>8), byte(i), 1}).String()
}

// run makes pods.
func (s *standIn) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case d := <-s.deploys:
			if err := s.runPod(ctx, d); err != nil && ctx.Err() == nil && !apierrors.IsConflict(err) {
				fmt.Printf("the stand-in for nodes: %v\n", err)
			}
		}
	}
}

func (s *standIn) runPod(ctx context.Context, d *appsv1.Deployment) error {
	s.mu.Lock()
	running, again := s.started[d.Name]
	address := podAddress(len(s.named))
	if !again && d.Status.ObservedGeneration != d.Generation {
		s.named[address] = d.Name
	}
	s.mu.Unlock()
	if d.Status.ObservedGeneration == d.Generation || running >= d.Generation {
		return nil
	}
	if !again {
		if err := s.startPod(ctx, d, address); err != nil {
			return err
		}
	}
	d = d.DeepCopy()
	d.Status = appsv1.DeploymentStatus{
		ObservedGeneration: d.Generation, Replicas: 1, UpdatedReplicas: 1, ReadyReplicas: 1, AvailableReplicas: 1,
	}
	if err := s.cluster.client.Status().Update(ctx, d); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.started[d.Name] = d.Generation
	s.tell()
	return nil
}

func (s *standIn) startPod(ctx context.Context, d *appsv1.Deployment, address string) error {
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: d.Namespace, Name: d.Name + "-0", Labels: d.Spec.Template.Labels},
		Spec:       d.Spec.Template.Spec,
	}
	pod.Spec.NodeName = "a-node"
	if err := s.cluster.client.Create(ctx, pod); client.IgnoreAlreadyExists(err) != nil {
		return err
	}
	pod.Status = corev1.PodStatus{
		Phase: corev1.PodRunning, PodIP: address, PodIPs: []corev1.PodIP{{IP: address}},
		Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}},
	}
	return s.cluster.client.Status().Update(ctx, pod)
}

// answer is what a server says that is well. Which one is asked, the address says.
func (s *standIn) answer(w http.ResponseWriter, r *http.Request) {
	local, _ := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	host, _, _ := net.SplitHostPort(local.String())
	s.mu.Lock()
	hash := s.loaded[s.named[host]]
	s.mu.Unlock()
	_ = json.NewEncoder(w).Encode(serverstatus.Status{
		Config: serverstatus.Config{Hash: hash},
		Store:  serverstatus.Store{Ready: true, Reason: serverstatus.ReasonStoreReady, CheckedAt: time.Now()},
		Usage:  &serverstatus.Usage{Objects: 1, Bytes: 1 << 20, CountedAt: time.Now()},
	})
}
