package controllers

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lfs-operator/lfs-operator/api/v1alpha1"
	"github.com/lfs-operator/lfs-operator/internal/desired"
)

// sharing has the store's servers shared by so many repositories.
func sharing(n int32) func(*v1alpha1.LFSStore) {
	return func(s *v1alpha1.LFSStore) {
		s.Spec.Server = &v1alpha1.StoreServer{Shared: &v1alpha1.SharedServers{RepositoriesPerServer: ptr.To(n)}}
	}
}

// leadsTo is the server that a repository's Service leads to.
func (w *world) leadsTo(repo *v1alpha1.LFSRepository) string {
	w.t.Helper()
	at := serverOf(repo)
	service := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: at.Base + "-lfs"}}
	if err := w.exists(at.Namespace, service); err != nil {
		w.t.Fatal(err)
	}
	if name := service.Spec.Selector[desired.LabelInstance]; name != at.Base {
		return name
	}
	return v1alpha1.ServerOwn
}

// files of a shared server's configuration.
func (w *world) files(name string) []string {
	m := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name}}
	if err := w.exists(w.others[0], m); err != nil {
		return nil
	}
	return slices.Sorted(maps.Keys(m.Data))
}

// ownDeployment tells whether the repository has a server of its own.
func (w *world) ownDeployment(repo *v1alpha1.LFSRepository) bool {
	w.t.Helper()
	at := serverOf(repo)
	err := w.exists(at.Namespace, named(&appsv1.Deployment{}, at.Base+"-lfs"))
	if err != nil && !apierrors.IsNotFound(err) {
		w.t.Fatal(err)
	}
	return err == nil
}

// TestSharedServers: repositories share servers, no more of them than are allowed to,
// by names of their own; those that need one of their own have it; and what the last
// one leaves goes.
func TestSharedServers(t *testing.T) {
	w, store := newStoreWorld(t, sharing(2))
	for _, name := range []string{"a", "b", "c"} {
		w.create(name, inStore(w))
	}
	w.create("many", inStore(w), func(r *v1alpha1.LFSRepository) { r.Spec.Server = &v1alpha1.Server{Replicas: ptr.To[int32](1)} })
	w.create("accounts", inStore(w), letIn)
	repos, servers := map[string]*v1alpha1.LFSRepository{}, map[string]int{}
	for _, name := range []string{"a", "b", "c"} {
		repo := w.ready(name)
		server := repo.Placement().Name
		repos[name] = repo
		servers[server]++
		if !strings.HasPrefix(server, "lfs-shared-") || w.leadsTo(repo) != server || w.ownDeployment(repo) {
			t.Errorf("%s is served by %s, its Service leads to %s, a Deployment of its own: %t", name, server, w.leadsTo(repo), w.ownDeployment(repo))
		}
		if !slices.Contains(w.files(server), string(repo.UID)+".yaml") {
			t.Errorf("%s has %v, and not the configuration of %s", server, w.files(server), name)
		}
		if repo.Status.URL != fmt.Sprintf("http://%s-lfs.%s.svc.cluster.local/%s/%s.git/info/lfs", name, w.ns, w.ns, name) {
			t.Errorf("URL of %s is %s", name, repo.Status.URL)
		}
	}
	if len(servers) != 2 || servers[desired.SharedName(store, 0)] != 2 {
		t.Errorf("repositories by server: %v", servers)
	}
	for _, name := range []string{"many", "accounts"} {
		if repo := w.ready(name); repo.Status.Server != nil || !w.ownDeployment(repo) || w.leadsTo(repo) != v1alpha1.ServerOwn {
			t.Errorf("%s: %+v, Service to %s", name, repo.Status.Server, w.leadsTo(repo))
		}
	}
	for server := range servers {
		_, key := w.r.Master.SharedKey(string(store.UID), server)
		for what, o := range map[string]client.Object{
			"serviceaccount":      named(&corev1.ServiceAccount{}, server),
			"poddisruptionbudget": named(&policyv1.PodDisruptionBudget{}, server),
			"networkpolicy":       named(&networkingv1.NetworkPolicy{}, server),
			"secret":              named(&corev1.Secret{}, desired.SharedSecretName(desired.SharedServer{Name: server, Key: key})),
		} {
			// Pods of a server are up before the last of its objects is made.
			w.eventually(what+" of "+server, func() string {
				if err := w.exists(w.others[0], o); err != nil {
					return err.Error()
				}
				return ""
			})
		}
	}
	w.waitStoreCondition(v1alpha1.ConditionServersShared, metav1.ConditionTrue, v1alpha1.ReasonSharedServersMade)
	w.settled()
	before := len(w.spy.writes())
	time.Sleep(time.Second)
	if after := w.spy.writes(); len(after) != before {
		t.Errorf("writes while nothing happens: %v", after[before:])
	}

	// The last one of a server takes it along; the place of another is free again.
	var first []string
	for _, name := range []string{"a", "b", "c"} {
		if repos[name].Placement().Name == desired.SharedName(store, 0) {
			first = append(first, name)
			continue
		}
		if err := w.c.Delete(t.Context(), repos[name]); err != nil {
			t.Fatal(err)
		}
		w.gone(name)
	}
	w.eventually("the second server goes", func() string {
		err := w.exists(w.others[0], named(&appsv1.Deployment{}, desired.SharedName(store, 1)))
		if apierrors.IsNotFound(err) {
			return ""
		}
		return fmt.Sprint("still there: ", err)
	})
	if err := w.c.Delete(t.Context(), repos[first[0]]); err != nil {
		t.Fatal(err)
	}
	w.gone(first[0])
	if got := w.files(desired.SharedName(store, 0)); !slices.Equal(got, []string{string(repos[first[1]].UID) + ".yaml"}) {
		t.Errorf("the first server has %v", got)
	}
	w.create("d", inStore(w))
	if got := w.ready("d").Placement().Name; got != desired.SharedName(store, 0) {
		t.Errorf("d is at %s", got)
	}
}

// TestSharedMove: clients are sent to another server only once it serves the
// repository, and the one before goes on for a while; the repository is Ready all the
// way, there and back.
func TestSharedMove(t *testing.T) {
	w, store := newStoreWorld(t)
	w.create("models", inStore(w))
	repo := w.ready("models")
	since := readySince(t, repo)
	server := desired.SharedName(store, 0)

	w.server.loading(false)
	w.server.mu.Lock()
	w.server.shared[server] = map[string]string{} // it will not have noticed
	w.server.mu.Unlock()
	w.changeStore(sharing(10))
	w.eventually("it is given to the next server", func() string {
		if got := w.files(server); len(got) != 1 {
			return fmt.Sprint(got)
		}
		return ""
	})
	w.settled()
	if got := w.get("models"); w.leadsTo(got) != v1alpha1.ServerOwn || got.Placement().Next != server {
		t.Errorf("clients are sent to %s, %+v", w.leadsTo(got), got.Status.Server)
	}
	w.server.loading(true)
	w.eventually("clients are sent there", func() string {
		if got := w.leadsTo(repo); got != server {
			return got
		}
		return ""
	})
	if got := w.get("models"); got.Placement().Previous != v1alpha1.ServerOwn || !w.ownDeployment(got) {
		t.Errorf("the server before: %+v, Deployment %t", got.Status.Server, w.ownDeployment(got))
	}
	w.endMove("models")
	w.eventually("the one before ends", func() string {
		if w.ownDeployment(repo) {
			return "still there"
		}
		return ""
	})
	w.told("Normal ServerMoved")

	w.changeStore(func(s *v1alpha1.LFSStore) { s.Spec.Server = nil })
	w.eventually("it has a server of its own again", func() string {
		if got := w.leadsTo(repo); got != v1alpha1.ServerOwn {
			return got
		}
		return ""
	})
	w.endMove("models")
	w.eventually("the shared server goes with the last one", func() string {
		got := w.get("models")
		if err := w.exists(w.others[0], named(&appsv1.Deployment{}, server)); !apierrors.IsNotFound(err) || got.Status.Server != nil {
			return fmt.Sprint(err, got.Status.Server)
		}
		return ""
	})
	if got := readySince(t, w.ready("models")); got != since {
		t.Errorf("Ready since %s, and was since %s", got, since)
	}
}

// endMove lets status say that the server before has gone on for long enough: clocks
// cannot be turned, and whoever waits for one may look too late.
func (w *world) endMove(name string) {
	w.t.Helper()
	w.eventually("status is turned back", func() string {
		repo := w.get(name)
		if repo.Placement().PreviousUntil == nil {
			return "no server goes on"
		}
		repo.Status.Server.PreviousUntil = new(metav1.NewTime(time.Now().Add(-time.Second)))
		if err := w.c.Status().Update(w.t.Context(), repo); err != nil {
			return err.Error()
		}
		return ""
	})
	// Any change makes the operator look.
	w.change(name, func(r *v1alpha1.LFSRepository) {
		metav1.SetMetaDataAnnotation(&r.ObjectMeta, "test/moved", r.ResourceVersion)
	})
}

// TestSharedMoveCalledOff: an administrator thinks better of it, before clients are
// sent to the shared server and while the one before still serves. Nothing was taken
// down too soon, and nothing is left.
func TestSharedMoveCalledOff(t *testing.T) {
	w, store := newStoreWorld(t)
	w.create("models", inStore(w))
	repo := w.ready("models")
	since, server := readySince(t, repo), desired.SharedName(store, 0)
	own := func() string {
		at := serverOf(repo)
		return string(w.deploymentAt(at.Namespace, at.Base+"-lfs").UID)
	}
	first := own()
	isOwn := func() string {
		got := w.get("models")
		err := w.exists(w.others[0], named(&appsv1.Deployment{}, server))
		if to := w.leadsTo(got); to != v1alpha1.ServerOwn || got.Status.Server != nil || !apierrors.IsNotFound(err) {
			return fmt.Sprintf("clients are sent to %s, %+v, the shared server: %v", to, got.Status.Server, err)
		}
		return ""
	}
	for _, moved := range []bool{false, true} {
		what := fmt.Sprintf("clients are sent there: %t;", moved)
		w.server.mu.Lock()
		w.server.shared[server], w.server.loads = map[string]string{}, moved // notices nothing, or all
		w.server.mu.Unlock()
		w.changeStore(sharing(10))
		w.eventually(what, func() string {
			if got := w.get("models").Placement(); moved && got.Name != server || !moved && got.Next != server {
				return fmt.Sprintf("%+v", got)
			}
			return ""
		})
		w.changeStore(func(s *v1alpha1.LFSStore) { s.Spec.Server = nil })
		if moved {
			w.eventually(what+" and are sent back", func() string {
				if to, at := w.leadsTo(repo), w.get("models").Placement(); to != v1alpha1.ServerOwn || at.Previous != server {
					return fmt.Sprintf("to %s, %+v", to, at)
				}
				return ""
			})
			w.endMove("models")
		}
		w.eventually(what+" it has its own server", isOwn)
		if got := own(); got != first {
			t.Errorf("%s: its own server was made anew", what)
		}
	}
	if got := readySince(t, w.ready("models")); got != since {
		t.Errorf("Ready since %s, and was since %s", got, since)
	}
}

func readySince(t *testing.T, repo *v1alpha1.LFSRepository) metav1.Time {
	t.Helper()
	for _, c := range repo.Status.Conditions {
		if c.Type == v1alpha1.ConditionReady {
			return c.LastTransitionTime
		}
	}
	t.Fatal("no condition Ready")
	return metav1.Time{}
}

// TestSharedDrift: what somebody takes out of a shared server's ConfigMap comes back,
// and so does the ConfigMap; a suspended repository is taken out; read-only gets
// through to one whose manifest is not taken.
func TestSharedDrift(t *testing.T) {
	w, store := newStoreWorld(t, sharing(10), func(s *v1alpha1.LFSStore) { s.Spec.Limits = &v1alpha1.StoreLimits{MaxKeepVersions: ptr.To[int32](10)} })
	w.create("models", inStore(w))
	repo := w.ready("models")
	server, file := desired.SharedName(store, 0), string(repo.UID)+".yaml"
	has := func(want bool) {
		t.Helper()
		w.eventually(fmt.Sprintf("the configuration is there: %t", want), func() string {
			if got := w.files(server); slices.Contains(got, file) != want {
				return fmt.Sprint(got)
			}
			return ""
		})
	}
	m := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: server}}
	if err := errorsOf(w.exists(w.others[0], m), w.c.Delete(t.Context(), m)); err != nil {
		t.Fatal(err)
	}
	has(true)
	w.ready("models")
	m = &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: server}}
	if err := w.exists(w.others[0], m); err != nil {
		t.Fatal(err)
	}
	m.Data[file] = "nonsense"
	if err := w.c.Update(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	w.eventually("nonsense is put right", func() string {
		m := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: server}}
		if err := w.exists(w.others[0], m); err != nil || m.Data[file] == "nonsense" {
			return fmt.Sprint("still nonsense ", err)
		}
		return ""
	})
	w.change("models", func(r *v1alpha1.LFSRepository) { r.Spec.KeepVersions = ptr.To[int32](99) })
	w.wait("models", v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonLimitExceeded)
	w.changeStore(func(s *v1alpha1.LFSStore) { s.Spec.ReadOnly = true })
	w.eventually("read-only gets through", func() string {
		m := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: server}}
		if err := w.exists(w.others[0], m); err != nil || !strings.Contains(m.Data[file], "readOnly: true") {
			return fmt.Sprint(m.Data[file], err)
		}
		return ""
	})
	w.change("models", func(r *v1alpha1.LFSRepository) { r.Spec.KeepVersions, r.Spec.Suspend = nil, true })
	has(false)
	w.change("models", func(r *v1alpha1.LFSRepository) { r.Spec.Suspend = false })
	has(true)
	w.ready("models")
}

// TestSharedOutlives: when the store is deleted its shared servers go on, and end with
// the last repository.
func TestSharedOutlives(t *testing.T) {
	w, store := newStoreWorld(t, sharing(10))
	w.create("models", inStore(w))
	repo := w.ready("models")
	server := desired.SharedName(store, 0)
	if err := w.c.Delete(t.Context(), store); err != nil {
		t.Fatal(err)
	}
	w.wait("models", v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonStoreNotUsable)
	d := named(&appsv1.Deployment{}, server)
	if err := w.exists(w.others[0], d); err != nil || len(d.GetOwnerReferences()) != 0 || len(w.files(server)) != 1 {
		t.Errorf("the server: %v, owned by %v, files %v", err, d.GetOwnerReferences(), w.files(server))
	}
	if err := w.c.Delete(t.Context(), repo); err != nil {
		t.Fatal(err)
	}
	w.gone("models")
	w.eventually("the server goes", func() string {
		if err := w.exists(w.others[0], named(&appsv1.Deployment{}, server)); !apierrors.IsNotFound(err) {
			return fmt.Sprint("still there: ", err)
		}
		return ""
	})
}
