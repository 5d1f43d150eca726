package controllers

import (
	"crypto/ed25519"
	"fmt"
	"slices"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/lfs-operator/lfs-operator/api/v1alpha1"
	"github.com/lfs-operator/lfs-operator/internal/desired"
	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
	"github.com/lfs-operator/lfs-operator/internal/serverstatus"
	"github.com/lfs-operator/lfs-operator/internal/storesession"
)

const (
	probeWithSTS = `{"ready":true,"reason":"StoreReady","capabilities":{"signedChecksum":true,"conditionalWrites":true,"presignExpiry":true},` +
		`"sessions":{"bound":true,"seconds":86400},"checkedAt":"2026-01-02T03:04:05Z"}`
	probeWithoutSTS = `{"ready":true,"reason":"StoreReady","capabilities":{"signedChecksum":true,"conditionalWrites":true,"presignExpiry":true,"forgedWrites":true},` +
		`"sessions":{"bound":false,"message":"AssumeRole is not known"},"checkedAt":"2026-01-02T03:04:05Z"}`
)

// waitSessions waits for the condition SessionsIssued of the world's store.
func (w *world) waitSessions(status metav1.ConditionStatus, reason string) *v1alpha1.LFSStore {
	w.t.Helper()
	return w.waitStoreCondition(v1alpha1.ConditionSessionsIssued, status, reason)
}

func (w *world) waitStoreCondition(kind string, status metav1.ConditionStatus, reason string) *v1alpha1.LFSStore {
	w.t.Helper()
	store := &v1alpha1.LFSStore{}
	w.eventually(kind+"="+string(status)+" "+reason, func() string {
		if err := w.c.Get(w.t.Context(), client.ObjectKey{Name: w.ns}, store); err != nil {
			return err.Error()
		}
		c := meta.FindStatusCondition(store.Status.Conditions, kind)
		if c != nil && c.Status == status && c.Reason == reason && c.ObservedGeneration == store.Generation {
			return ""
		}
		return fmt.Sprintf("%+v", store.Status)
	})
	return store
}

// volumesOf a Deployment in the place of a server.
func (w *world) volumesOf(namespace, name string) []string {
	w.t.Helper()
	d := &appsv1.Deployment{}
	if err := w.c.Get(w.t.Context(), client.ObjectKey{Namespace: namespace, Name: name}, d); err != nil {
		w.t.Fatal(err)
	}
	var out []string
	for _, v := range d.Spec.Template.Spec.Volumes {
		out = append(out, v.Name)
	}
	return out
}

// TestSessions: where the store makes sessions, only the issuer is mounted its key;
// a server's grant says its own prefix and its own ServiceAccount; and the way back
// is the administrator's word alone.
func TestSessions(t *testing.T) {
	w, store := newStoreWorld(t)
	w.answerProbe(store, batchv1.JobComplete, probeWithSTS)
	store = w.waitSessions(metav1.ConditionTrue, v1alpha1.ReasonSessionsActive)
	if store.Status.Sessions != v1alpha1.SessionsActive || store.Status.Probe.Capabilities.STS != v1alpha1.CapabilityYes {
		t.Errorf("status %+v", store.Status)
	}
	issuer, at := desired.IssuerName(store), store.Spec.ServerNamespace
	if !slices.Contains(w.volumesOf(at, issuer), "store-credentials") {
		t.Error("the issuer has no key")
	}
	w.eventually("the issuer may ask whose a token is", func() string {
		var binding rbacv1.ClusterRoleBinding
		if err := w.c.Get(t.Context(), client.ObjectKey{Name: desired.TokenReviewers}, &binding); err != nil {
			return err.Error()
		}
		if !slices.Contains(binding.Subjects, desired.IssuerSubject(store)) {
			return fmt.Sprint(binding.Subjects)
		}
		return ""
	})

	w.create("models", inStore(w))
	repo := w.ready("models")
	server := serverOf(repo)
	if v := w.volumesOf(at, server.Base+"-lfs"); slices.Contains(v, "store-credentials") || !slices.Contains(v, "store-sessions") {
		t.Errorf("the server is mounted %v", v)
	}
	w.grantIsBound(store, repo)

	w.server.set(func(s *serverstatus.Status) {
		s.Store.Session = &serverstatus.Session{EndsAt: repo.CreationTimestamp.Add(1e12), FailingSince: repo.CreationTimestamp.Time, Error: "the issuer is away"}
	})
	w.wait("models", v1alpha1.ConditionStoreSessionValid, metav1.ConditionFalse, v1alpha1.ReasonSessionNotRenewed)
	w.ready("models")
	w.settled()

	// A store that makes no more sessions is no reason to hand out the key.
	w.changeStore(func(s *v1alpha1.LFSStore) { s.Spec.ReadOnly = true })
	w.answerProbe(store, batchv1.JobComplete, probeWithoutSTS)
	w.waitStoreCondition(v1alpha1.ConditionWritesAuthentic, metav1.ConditionFalse, v1alpha1.ReasonForgedWrites)
	if got := w.waitSessions(metav1.ConditionTrue, v1alpha1.ReasonSessionsActive); got.Status.Sessions != v1alpha1.SessionsActive {
		t.Errorf("sessions are %q", got.Status.Sessions)
	}
	w.changeStore(func(s *v1alpha1.LFSStore) { s.Spec.Sessions = &v1alpha1.StoreSessions{Mode: v1alpha1.SessionsOff} })
	w.waitSessions(metav1.ConditionFalse, v1alpha1.ReasonSessionsOff)
	w.eventually("the server gets the key", func() string {
		if v := w.volumesOf(at, server.Base+"-lfs"); !slices.Contains(v, "store-credentials") || slices.Contains(v, "store-sessions") {
			return fmt.Sprint(v)
		}
		return ""
	})
	w.eventually("the issuer goes", func() string {
		err := w.c.Get(t.Context(), client.ObjectKey{Namespace: at, Name: issuer}, &appsv1.Deployment{})
		if apierrors.IsNotFound(err) {
			return ""
		}
		return fmt.Sprint("still there: ", err)
	})
}

// grantIsBound: the key that verifies the grant is the one that the issuer has.
func (w *world) grantIsBound(store *v1alpha1.LFSStore, repo *v1alpha1.LFSRepository) {
	w.t.Helper()
	d := &appsv1.Deployment{}
	if err := w.c.Get(w.t.Context(), client.ObjectKey{Namespace: store.Spec.ServerNamespace, Name: desired.IssuerName(store)}, d); err != nil {
		w.t.Fatal(err)
	}
	var config serverconfig.Issuer
	env := d.Spec.Template.Spec.Containers[0].Env
	i := slices.IndexFunc(env, func(e corev1.EnvVar) bool { return e.Name == serverconfig.EnvSessionsConfig })
	if err := yaml.Unmarshal([]byte(env[i].Value), &config); err != nil {
		w.t.Fatal(err)
	}
	at := serverOf(repo)
	loaded := w.server.loadedAt(at)
	if loaded.Storage.Sessions == nil {
		w.t.Fatal("the server's configuration names no issuer")
	}
	got, err := storesession.Verify(loaded.Storage.Sessions.Grant, ed25519.PublicKey(config.GrantKey))
	want := storesession.Grant{
		Store: string(store.UID), ServiceAccount: at.Namespace + "/" + at.Base + "-lfs",
		Bucket: repo.Status.Location.Bucket, Prefix: repo.Status.Location.Prefix,
	}
	if err != nil || got != want {
		w.t.Errorf("the grant is %+v (%v), want %+v", got, err, want)
	}
}

// TestNoSessions: where the store makes none, servers hold the key, and the
// administrator reads why.
func TestNoSessions(t *testing.T) {
	w, store := newStoreWorld(t)
	w.answerProbe(store, batchv1.JobComplete, probeWithoutSTS)
	got := w.waitSessions(metav1.ConditionFalse, v1alpha1.ReasonSessionsUnavailable)
	c := meta.FindStatusCondition(got.Status.Conditions, v1alpha1.ConditionSessionsIssued)
	if got.Status.Sessions != "" || c.Message != "every server of this store holds the store's key: AssumeRole is not known" {
		t.Errorf("%q: %s", got.Status.Sessions, c.Message)
	}
	w.create("models", inStore(w))
	server := serverOf(w.ready("models"))
	if v := w.volumesOf(store.Spec.ServerNamespace, server.Base+"-lfs"); !slices.Contains(v, "store-credentials") {
		t.Errorf("the server is mounted %v", v)
	}
}

// TestSessionsRequired: no server gets the key, not even before the first probe.
func TestSessionsRequired(t *testing.T) {
	w, store := newStoreWorld(t, func(s *v1alpha1.LFSStore) {
		s.Spec.Sessions = &v1alpha1.StoreSessions{Mode: v1alpha1.SessionsRequired}
	})
	w.create("models", inStore(w))
	server := serverOf(w.ready("models"))
	if v := w.volumesOf(store.Spec.ServerNamespace, server.Base+"-lfs"); slices.Contains(v, "store-credentials") {
		t.Errorf("the server is mounted %v", v)
	}
}
