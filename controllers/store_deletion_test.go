package controllers

import (
	"slices"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lfs-operator/lfs-operator/api/v1alpha1"
)

// TestDeleteApart: data in a store is deleted beside the server, and nothing is
// left there.
func TestDeleteApart(t *testing.T) {
	w, _ := newStoreWorld(t)
	repo, job := w.purging(inStore(w))
	for _, f := range ourFinalizers {
		if !slices.Contains(repo.Finalizers, f) {
			t.Errorf("finalizers are %v, want %s among them", repo.Finalizers, f)
		}
	}
	w.finish(job, batchv1.JobComplete, "")
	w.gone("models")
	w.allGone(serverOf(repo))
	w.told("Normal DataDeleted")
}

// TestDeleteWithoutStore: a store that is gone holds nothing up; the data stays,
// and that is told.
func TestDeleteWithoutStore(t *testing.T) {
	w, store := newStoreWorld(t)
	w.create("models", inStore(w), withDelete)
	repo := w.ready("models")
	if err := w.c.Delete(t.Context(), store); err != nil {
		t.Fatal(err)
	}
	w.wait("models", v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonStoreNotUsable)
	if err := w.c.Delete(t.Context(), repo); err != nil {
		t.Fatal(err)
	}
	w.gone("models")
	w.allGone(serverOf(repo))
	w.told("Warning DataRetained")
}

// TestServerNamespaceTerminating: no Job can run there any more.
func TestServerNamespaceTerminating(t *testing.T) {
	w, _ := newStoreWorld(t)
	w.create("models", inStore(w), withDelete)
	repo := w.ready("models")
	if err := w.c.Delete(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: w.others[0]}}); err != nil {
		t.Fatal(err)
	}
	if err := w.c.Delete(t.Context(), repo); err != nil {
		t.Fatal(err)
	}
	w.gone("models")
	w.told("Warning DataRetained")
}

// TestTenantNamespaceTerminating: the administrator's namespace lives, so the
// data is deleted there, and the tenant's is not held up.
func TestTenantNamespaceTerminating(t *testing.T) {
	w, _ := newStoreWorld(t)
	w.create("models", inStore(w), withDelete)
	repo := w.ready("models")
	if err := w.c.Delete(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: w.ns}}); err != nil {
		t.Fatal(err)
	}
	if err := w.c.Delete(t.Context(), repo); err != nil {
		t.Fatal(err)
	}
	at := serverOf(repo)
	w.finish(w.jobIn(at.Namespace, at.Base+"-lfs-purge"), batchv1.JobComplete, "")
	w.gone("models")
	w.allGone(at)
}

// TestRetainApart: what stays is the data, not the server.
func TestRetainApart(t *testing.T) {
	w, _ := newStoreWorld(t)
	w.create("models", inStore(w))
	repo := w.ready("models")
	if err := w.c.Delete(t.Context(), repo); err != nil {
		t.Fatal(err)
	}
	w.gone("models")
	w.allGone(serverOf(repo))
	for _, e := range w.events.all() {
		if e == "Warning DataRetained" {
			t.Error("what was asked for is told as a warning")
		}
	}
}
