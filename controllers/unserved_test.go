package controllers

import (
	"fmt"
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lfs-operator/lfs-operator/api/v1alpha1"
	"github.com/lfs-operator/lfs-operator/internal/desired"
	"github.com/lfs-operator/lfs-operator/internal/serverstatus"
)

// purging is a repository that shares a server, and is to be deleted with its data.
type purging struct {
	*world
	repo   *v1alpha1.LFSRepository
	shared string
}

func newPurging(t *testing.T) *purging {
	t.Helper()
	w, store := newStoreWorld(t, sharing(10))
	w.create("models", inStore(w), func(r *v1alpha1.LFSRepository) { r.Spec.DeletionPolicy = v1alpha1.DeletionDelete })
	w.create("stays", inStore(w))
	w.ready("stays")
	return &purging{world: w, repo: w.ready("models"), shared: desired.SharedName(store, 0)}
}

// delete deletes it, and waits until it stands in the server's configuration no more.
func (w *purging) delete() {
	w.t.Helper()
	if err := w.c.Delete(w.t.Context(), w.repo); err != nil {
		w.t.Fatal(err)
	}
	w.eventually("its configuration is taken out", func() string {
		if got := w.files(w.shared); len(got) != 1 {
			return fmt.Sprint(got)
		}
		return ""
	})
}

func (w *purging) purges() bool {
	w.t.Helper()
	at := serverOf(w.repo)
	err := w.exists(at.Namespace, named(&batchv1.Job{}, desired.PurgeJobName(at.Base)))
	if err != nil && !apierrors.IsNotFound(err) {
		w.t.Fatal(err)
	}
	return err == nil
}

// waits checks that the purge does not begin, and that whoever looks is told why.
func (w *purging) waits(why string) {
	w.t.Helper()
	w.settled()
	w.eventually("the condition says what is waited for", func() string {
		if got := w.get("models"); !strings.Contains(describe(got), w.shared) {
			return describe(got)
		}
		return ""
	})
	if w.purges() {
		w.t.Errorf("the purge runs beside %s", why)
	}
}

func (w *purging) begins() {
	w.t.Helper()
	w.eventually("the purge begins", func() string {
		if w.purges() {
			return ""
		}
		return describe(w.get("models"))
	})
	w.ready("stays")
}

// pod of the shared server.
func (w *purging) pod() *corev1.Pod {
	w.t.Helper()
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: w.shared + "-pod"}}
	if err := w.exists(w.others[0], pod); err != nil {
		w.t.Fatal(err)
	}
	return pod
}

// mounts is what the pod was last asked to look at.
func (w *purging) mounts() string { return w.pod().Annotations[annotationMounts] }

// looks counts how often the operator had the pod look.
func (w *purging) looks() (n int) {
	for _, write := range w.spy.writes() {
		if strings.HasPrefix(write, "patch ") && strings.HasSuffix(write, " "+w.shared+"-pod") {
			n++
		}
	}
	return n
}

// TestSharedPurge: data is deleted only when no pod of the shared server knows the
// repository any more. One that goes on is asked again and again, not in a hurry.
func TestSharedPurge(t *testing.T) {
	w := newPurging(t)
	w.server.loading(false)
	began, before := time.Now(), w.looks()
	w.delete()
	var first string
	w.eventually("the pod is made to look", func() string {
		first = w.mounts()
		if strings.HasPrefix(first, leftMounts) {
			return ""
		}
		return first
	})
	w.waits("a server that still writes")
	w.eventually("it is made to look again", func() string {
		if got := w.mounts(); got == first {
			return got
		}
		return ""
	})
	if n, took := w.looks()-before, time.Since(began); n > 1+int(took/recheck) {
		t.Errorf("the pod was made to look %d times in %s", n, took)
	}
	w.server.loading(true)
	w.begins()
}

// TestSharedPurgeDrains: a server that has noticed, and ends what runs, is left alone.
func TestSharedPurgeDrains(t *testing.T) {
	w := newPurging(t)
	w.server.loading(false)
	w.server.set(func(s *serverstatus.Status) { s.Draining = true })
	before := w.looks()
	w.delete()
	w.waits("a server that drains")
	if n := w.looks() - before; n != 0 {
		t.Errorf("the pod was made to look %d times", n)
	}
	w.server.set(func(s *serverstatus.Status) { s.Draining = false })
	w.server.loading(true)
	w.begins()
}

// TestSharedPurgeOldPods: a pod that is on its way out serves to its end, and one that
// starts may have mounted the old configuration.
func TestSharedPurgeOldPods(t *testing.T) {
	w := newPurging(t)
	w.server.loading(false)
	old := w.pod()
	old.Finalizers = []string{"test/holds"}
	if err := w.c.Update(t.Context(), old); err != nil {
		t.Fatal(err)
	}
	if err := w.c.Delete(t.Context(), old); err != nil {
		t.Fatal(err)
	}
	w.settled() // it has seen that
	before := w.looks()
	w.delete()
	w.waits("a pod that is on its way out")
	if n := w.looks() - before; n != 0 {
		t.Errorf("a pod that follows nothing any more was made to look %d times", n)
	}
	next := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: old.Namespace, Name: "starting", Labels: old.Labels, Finalizers: old.Finalizers},
		Spec:       corev1.PodSpec{NodeName: "node", Containers: old.Spec.Containers},
	}
	if err := w.c.Create(t.Context(), next); err != nil {
		t.Fatal(err)
	}
	w.server.loading(true) // the old one has noticed, too
	w.waits("a pod that starts")
	w.unhold(old)
	w.waits("a pod that starts")
	if err := w.c.Delete(t.Context(), next); err != nil {
		t.Fatal(err)
	}
	w.unhold(next)
	w.begins()
}

// unhold lets a pod go.
func (w *purging) unhold(pod *corev1.Pod) {
	w.t.Helper()
	patch := client.RawPatch("application/merge-patch+json", []byte(`{"metadata":{"finalizers":null}}`))
	if err := w.c.Patch(w.t.Context(), pod, patch); err != nil {
		w.t.Fatal(err)
	}
}
