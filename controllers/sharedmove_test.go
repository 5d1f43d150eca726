package controllers

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lfs-operator/lfs-operator/api/v1alpha1"
	"github.com/lfs-operator/lfs-operator/internal/desired"
)

// TestSharedMovePushes: an administrator has a repository share a server, and its
// tenant takes it out again, while pushes go on. What was begun at one server ends
// well at the other, or where it was begun, locks stay locks, and nothing of the server
// before is left.
func TestSharedMovePushes(t *testing.T) {
	for _, transfer := range []v1alpha1.TransferMode{v1alpha1.TransferDirect, v1alpha1.TransferProxy} {
		t.Run(string(transfer), func(t *testing.T) { movesWhilePushing(t, transfer) })
	}
}

func movesWhilePushing(t *testing.T, transfer v1alpha1.TransferMode) {
	w, store, servers := newRealWorld(t)
	repo := servers.serve("models", func(r *v1alpha1.LFSRepository) { r.Spec.Transfer = transfer })
	c := &lfsClient{t: t, root: repo.Status.URL, token: string(w.secret("models-lfs-access").Data["password"])}
	alone, since := w.children(repo), readySince(t, repo)
	own, server := desired.ServerName(serverOf(repo).Base), desired.SharedName(store, 0)

	for _, move := range []struct {
		name, from, to string
		by             func()
	}{
		{"to a shared server", own, server, func() { w.changeStore(sharing(10)) }},
		{"to one of its own", server, v1alpha1.ServerOwn, func() {
			w.change("models", func(r *v1alpha1.LFSRepository) { r.Spec.Server = &v1alpha1.Server{Replicas: ptr.To[int32](1)} })
		}},
	} {
		before, slow := c.begin(move.name+", before"), c.slow(strings.Repeat(move.name+", slowly ", 1<<15))
		lock := c.lock("held " + move.name)
		end := c.pushOn(move.name)
		move.by()
		w.eventually(move.name+": clients are sent there", func() string {
			if got := w.leadsTo(repo); got != move.to {
				return got
			}
			return ""
		})
		// Both serve: whoever still knows the one before may end there.
		before.end()
		w.endMove("models")
		w.eventually(move.name+": the server before is to end", func() string {
			if at := w.get("models").Placement(); at.Previous != "" || at.Next != "" {
				return fmt.Sprintf("%+v", at)
			}
			return ""
		})
		w.eventually(move.name+": it drains", func() string { return c.refusedBy(servers.addressOf(move.from)) })
		slow().end()
		w.eventually(move.name+": the server before is gone", func() string {
			if n := servers.runs(); n != 1 {
				return fmt.Sprintf("%d servers", n)
			}
			return ""
		})
		if n := end(); n == 0 {
			t.Errorf("%s: nothing was pushed meanwhile", move.name)
		}
		if got := c.locks(); !slices.Contains(got, lock) {
			t.Errorf("%s: the lock is gone, there are %v", move.name, got)
		}
		if status, _ := c.send("POST", c.root+"/locks/"+lock+"/unlock", map[string]any{}, nil); status != http.StatusOK {
			t.Errorf("%s: unlock: %d", move.name, status)
		}
	}
	c.allThere()
	got := w.ready("models")
	w.eventually("all is as it was", func() string {
		now := w.children(repo)
		maps.DeleteFunc(now, func(name string, _ bool) bool { return alone[name] })
		if len(now) > 0 {
			return fmt.Sprint(slices.Sorted(maps.Keys(now)))
		}
		return ""
	})
	if was := readySince(t, got); was != since {
		t.Errorf("Ready since %s, and was since %s", was, since)
	}
}

// addressOf is where a server answers clients, empty where it does not run.
func (s *realServers) addressOf(name string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.running[name]; r != nil {
		return r.api
	}
	return ""
}

// runs counts the servers that run.
func (s *realServers) runs() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.running)
}

// children are all objects of the operator in the servers' namespace.
func (w *world) children(repo *v1alpha1.LFSRepository) map[string]bool {
	w.t.Helper()
	out := map[string]bool{}
	for _, kind := range append(slices.Clone(childKinds), secretKindOfTests) {
		list := &metav1.PartialObjectMetadataList{}
		list.SetGroupVersionKind(kind)
		w.must(w.c.List(w.t.Context(), list, client.InNamespace(serverOf(repo).Namespace), client.MatchingLabels{desired.LabelManagedBy: desired.ManagedBy}))
		for i := range list.Items {
			out[kind.Kind+"/"+list.Items[i].Name] = true
		}
	}
	return out
}

// secretKindOfTests is that of Secrets, which the operator itself never lists.
var secretKindOfTests = corev1.SchemeGroupVersion.WithKind("Secret")
