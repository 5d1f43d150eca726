package controllers

import (
	"encoding/json"
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lfs-operator/lfs-operator/api/v1alpha1"
)

// TestRecordOutlivesOperator: an operator that ended after its first Secret, before it
// could write any status, has left enough for the next one to go on.
func TestRecordOutlivesOperator(t *testing.T) {
	w, store := newStoreWorld(t)
	var made atomic.Bool
	w.spy.failing(func(what string) error {
		verb, _, _ := strings.Cut(what, " ")
		switch {
		case made.Load():
		case verb == "try" || verb == "patch":
			return nil
		case what == "create *v1.Secret models-lfs-access":
			made.Store(true)
			return nil
		}
		return errors.New("the API server is away")
	})
	w.create("models", inStore(w))
	before := &corev1.Secret{}
	w.eventually("the first Secret", func() string {
		if err := w.c.Get(t.Context(), client.ObjectKey{Namespace: w.ns, Name: "models-lfs-access"}, before); err != nil {
			return err.Error()
		}
		return ""
	})
	w.stop()
	if repo := w.get("models"); repo.Status.Location != nil || len(repo.Status.Secrets) != 0 {
		t.Fatalf("a status was written: %+v", repo.Status)
	}
	w.start()
	repo := w.ready("models")
	if want := store.Place(repo); *repo.Status.Location != want {
		t.Errorf("location is %+v, want %+v", *repo.Status.Location, want)
	}
	if after := w.secret("models-lfs-access"); after.UID != before.UID || string(after.Data["password"]) != string(before.Data["password"]) {
		t.Error("the Secret was made anew")
	}
	if w.events.count("Warning ForeignObject") != 0 {
		t.Errorf("it did not know its own Secret again: %v", w.events.all())
	}
}

// TestForgedRecord: neither a record that somebody made, nor one of another
// repository, says where data lies or which Secrets are the operator's.
func TestForgedRecord(t *testing.T) {
	w, store := newStoreWorld(t)
	w.create("models", inStore(w))
	theirs := w.ready("models")
	sealed := theirs.Annotations[annotationRecord]
	if !strings.Contains(sealed, theirs.Status.Location.Prefix) {
		t.Fatalf("the annotation is %q, and holds no location to copy", sealed)
	}
	raw, err := json.Marshal(record{Location: theirs.Status.Location})
	if err != nil {
		t.Fatal(err)
	}
	seal, _, _ := strings.Cut(sealed, ".")
	for name, forged := range map[string]string{"copied": sealed, "unsealed": "." + string(raw), "changed": seal + "." + string(raw), "nonsense": "x"} {
		w.create(name, inStore(w), func(r *v1alpha1.LFSRepository) { r.Annotations = map[string]string{annotationRecord: forged} })
		if repo := w.ready(name); *repo.Status.Location != store.Place(repo) {
			t.Errorf("%s: it lies at %+v", name, repo.Status.Location)
		}
	}
}

// TestEachWrittenOnce: until a repository in a store is Ready, each of its objects is
// written once, and it itself twice.
func TestEachWrittenOnce(t *testing.T) {
	w, _ := newStoreWorld(t)
	w.patiently()
	w.create("models", inStore(w))
	w.ready("models")
	w.settled()
	count := map[string]int{}
	for _, write := range w.spy.writes() {
		verb, what, _ := strings.Cut(write, " ")
		if strings.Contains(what, " models") { // and not of the store
			count[verb]++
		}
	}
	for verb, most := range map[string]int{"try": 2, "create": 3, "apply": 11, "patch": 1, "status": 1, "delete": 0} {
		if count[verb] > most {
			t.Errorf("%d times %s, want %d at most: %q", count[verb], verb, most, w.spy.writes())
		}
	}
}
