package controllers

import (
	"strings"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lfs-operator/lfs-operator/api/v1alpha1"
)

// What an API server does with a namespace that goes: it deletes everything in it,
// in no order that could be relied on, and takes nothing new.
func (w *world) terminate(namespace string) {
	w.t.Helper()
	if err := w.c.Delete(w.t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}); err != nil {
		w.t.Fatal(err)
	}
	background := client.PropagationPolicy(metav1.DeletePropagationBackground)
	for _, o := range []client.Object{&batchv1.Job{}, &batchv1.CronJob{}, &corev1.Secret{}, &corev1.ConfigMap{}, &corev1.ServiceAccount{}, &v1alpha1.LFSRepository{}} {
		if err := w.c.DeleteAllOf(w.t.Context(), o, client.InNamespace(namespace), background); err != nil {
			w.t.Fatal(err)
		}
	}
}

// TestNamespaceTerminatingWhilePurging: the namespace goes while a Job deletes the
// data there. No Job can be made again, so nothing is waited for.
func TestNamespaceTerminatingWhilePurging(t *testing.T) {
	w := newWorld(t)
	w.purging()
	w.terminate(w.ns)
	w.gone("models")
	w.told("Warning DataRetained")
}

// TestNamespaceTerminatingContentFirst: all that the repository is made of goes
// before it does.
func TestNamespaceTerminatingContentFirst(t *testing.T) {
	w := newWorld(t)
	w.create("models", withDelete)
	w.ready("models")
	w.terminate(w.ns)
	w.gone("models")
	w.told("Warning DataRetained")
}

// TestServerNamespaceTerminatingWhilePurging: the same where the server runs apart.
func TestServerNamespaceTerminatingWhilePurging(t *testing.T) {
	w, _ := newStoreWorld(t)
	_, job := w.purging(inStore(w))
	w.terminate(job.Namespace)
	w.gone("models")
	w.told("Warning DataRetained")
}

// TestStoreDeletedWhilePurging: the LFSStore goes while a Job deletes the data.
func TestStoreDeletedWhilePurging(t *testing.T) {
	w, store := newStoreWorld(t)
	repo, _ := w.purging(inStore(w))
	if err := w.c.Delete(t.Context(), store); err != nil {
		t.Fatal(err)
	}
	w.gone("models")
	w.allGone(serverOf(repo))
	w.told("Warning DataRetained")
}

// TestServerNamespaceNotWatched: the operator was told to look after fewer
// namespaces. It can make no Job there, and does not wait for one.
func TestServerNamespaceNotWatched(t *testing.T) {
	w, _ := newStoreWorld(t)
	w.create("models", inStore(w), withDelete)
	repo := w.ready("models")
	w.stop()
	w.others = nil
	w.start()
	if err := w.c.Delete(t.Context(), repo); err != nil {
		t.Fatal(err)
	}
	w.gone("models")
	w.told("Warning DataRetained")
}

// TestDeleteWithoutCredentials: the Secret went first. The condition says which one,
// and either way out ends it: the Secret back, or the data kept.
func TestDeleteWithoutCredentials(t *testing.T) {
	const words = `lfs-server: secret "store-credentials" lacks AWS_ACCESS_KEY_ID or AWS_SECRET_ACCESS_KEY: the store cannot be reached`
	for name, wayOut := range map[string]func(*world, *batchv1.Job){
		"the Secret is back": (*world).purgesAgain,
		"the data is kept": func(w *world, _ *batchv1.Job) {
			w.change("models", func(r *v1alpha1.LFSRepository) { r.Spec.DeletionPolicy = v1alpha1.DeletionRetain })
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			_, job := w.purging()
			w.finish(job, batchv1.JobFailed, words)
			w.eventually("the condition says which Secret", func() string {
				text := describe(w.get("models"))
				if strings.Contains(text, `"store-credentials"`) && strings.Contains(text, "set spec.deletionPolicy to Retain") {
					return ""
				}
				return text
			})
			wayOut(w, job)
			w.gone("models")
		})
	}
}
