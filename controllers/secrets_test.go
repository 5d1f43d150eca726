package controllers

import (
	"slices"
	"strings"
	"testing"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lfs-operator/lfs-operator/api/v1alpha1"
	"github.com/lfs-operator/lfs-operator/internal/desired"
	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
	"github.com/lfs-operator/lfs-operator/internal/serverstatus"
)

// secret reads a Secret, as the operator never does.
func (w *world) secret(name string) *corev1.Secret {
	w.t.Helper()
	s := &corev1.Secret{}
	w.fetch(s, name)
	return s
}

// accepts is true when the server's configuration knows a token and it has not
// expired.
func accepts(c *serverconfig.Config, token string, at time.Time) bool {
	return slices.ContainsFunc(c.Access.Tokens, func(t serverconfig.Token) bool {
		return t.SHA256 == serverconfig.TokenHash(token) && (t.ExpiresAt == nil || t.ExpiresAt.After(at))
	})
}

func TestRestartKeepsSecrets(t *testing.T) {
	w := newWorld(t)
	w.create("models")
	names := []string{"models-lfs-access", "models-lfs-keys", desired.ScanSecretName(w.ready("models"))}
	before := map[string]*corev1.Secret{}
	for _, n := range names {
		before[n] = w.secret(n)
	}
	generation := w.get("models").Status.DeepCopy()

	w.stop()
	w.start()
	w.eventually("the new operator has looked", func() string {
		if w.spy.passes() == 0 {
			return "not yet"
		}
		return ""
	})
	w.settled()
	for _, n := range names {
		if after := w.secret(n); after.UID != before[n].UID || after.ResourceVersion != before[n].ResourceVersion {
			t.Errorf("Secret %s was made anew", n)
		}
	}
	if got := w.events.all(); len(got) != 0 {
		t.Errorf("events are %v, want none", got)
	}
	for _, write := range w.spy.writes() {
		if write == "status *v1alpha1.LFSRepository models" {
			t.Errorf("the new operator wrote a status: was %+v, is %s", generation.Conditions, describe(w.get("models")))
		}
	}
}

func TestDeletedSecretComesBackAfterRestart(t *testing.T) {
	w := newWorld(t)
	w.create("models")
	w.ready("models")
	before := w.secret("models-lfs-access")
	if err := w.c.Delete(t.Context(), before.DeepCopy()); err != nil {
		t.Fatal(err)
	}
	w.stop()
	w.start()
	w.eventually("the Secret comes back", func() string {
		s := &corev1.Secret{}
		if err := w.c.Get(t.Context(), client.ObjectKeyFromObject(before), s); err != nil {
			return err.Error()
		}
		if string(s.Data["password"]) != string(before.Data["password"]) {
			return "another password"
		}
		if record := secretRecord(w.get("models"), s.Name); record == nil || record.UID != string(s.UID) {
			return "status has another UID"
		}
		return ""
	})
}

// TestRotation: the old token works until servers know the new one, and an hour
// longer.
func TestRotation(t *testing.T) {
	w := newWorld(t)
	w.create("models", func(r *v1alpha1.LFSRepository) {
		r.Spec.Access = &v1alpha1.Access{Tokens: []v1alpha1.AccessToken{{Name: "ci", Scope: v1alpha1.ScopeRead}}}
	})
	w.ready("models")
	old, oldCI := string(w.secret("models-lfs-access").Data["password"]), string(w.secret("models-lfs-token-ci").Data["password"])
	w.server.loading(false)
	w.change("models", func(r *v1alpha1.LFSRepository) {
		r.Annotations = map[string]string{v1alpha1.AnnotationRotateTokens: "1"}
	})
	w.wait("models", v1alpha1.ConditionReady, metav1.ConditionUnknown, v1alpha1.ReasonConfigurationPending)
	w.settled()
	if got := string(w.secret("models-lfs-access").Data["password"]); got != old {
		t.Error("the Secret has a token that no server knows yet")
	}

	w.server.loading(true)
	w.ready("models")
	w.eventually("both Secrets have new tokens", func() string {
		for name, before := range map[string]string{"models-lfs-access": old, "models-lfs-token-ci": oldCI} {
			s := &corev1.Secret{}
			if err := w.c.Get(t.Context(), client.ObjectKey{Namespace: w.ns, Name: name}, s); err != nil {
				return err.Error()
			}
			if string(s.Data["password"]) == before {
				return name + " has the old one"
			}
		}
		return ""
	})
	fresh := string(w.secret("models-lfs-access").Data["password"])
	loaded := w.server.loaded("models")
	now := time.Now()
	if !accepts(loaded, fresh, now) || !accepts(loaded, old, now) || !accepts(loaded, oldCI, now) {
		t.Errorf("the server does not accept old and new tokens: %+v", loaded.Access.Tokens)
	}
	if accepts(loaded, old, now.Add(2*time.Hour)) || !accepts(loaded, fresh, now.Add(2*time.Hour)) {
		t.Errorf("two hours later the old token still works, or the new one does not: %+v", loaded.Access.Tokens)
	}
	w.settled()
	if record := secretRecord(w.get("models"), "models-lfs-access"); record.TokenGeneration != 2 {
		t.Errorf("token generation is %d, want 2: the annotation was acted on once", record.TokenGeneration)
	}
}

func TestNamedTokenComesAndGoes(t *testing.T) {
	w := newWorld(t)
	w.create("models")
	w.ready("models")
	w.change("models", func(r *v1alpha1.LFSRepository) {
		r.Spec.Access = &v1alpha1.Access{Tokens: []v1alpha1.AccessToken{{Name: "ci", Scope: v1alpha1.ScopeRead}}}
	})
	w.ready("models")
	token := string(w.secret("models-lfs-token-ci").Data["password"])
	if !accepts(w.server.loaded("models"), token, time.Now()) {
		t.Error("the server does not accept the new token")
	}
	w.change("models", func(r *v1alpha1.LFSRepository) { r.Spec.Access = nil })
	w.ready("models")
	w.eventually("the Secret is pruned", func() string {
		err := w.c.Get(t.Context(), client.ObjectKey{Namespace: w.ns, Name: "models-lfs-token-ci"}, &corev1.Secret{})
		if !apierrors.IsNotFound(err) {
			return "still there"
		}
		if secretRecord(w.get("models"), "models-lfs-token-ci") != nil {
			return "still in status"
		}
		return ""
	})
}

// TestMissingKeysAreMadeAgain: the server sees what the operator cannot.
func TestMissingKeysAreMadeAgain(t *testing.T) {
	w := newWorld(t)
	w.create("models")
	w.ready("models")
	keys := w.secret("models-lfs-keys")
	if err := w.c.Delete(t.Context(), keys.DeepCopy()); err != nil {
		t.Fatal(err)
	}
	w.server.set(func(s *serverstatus.Status) {
		s.Store = serverstatus.Store{Reason: serverstatus.ReasonSigningKeysMissing, Message: "not mounted"}
	})
	w.wait("models", v1alpha1.ConditionReady, metav1.ConditionFalse, serverstatus.ReasonSigningKeysMissing)
	w.eventually("the keys come back", func() string {
		s := &corev1.Secret{}
		if err := w.c.Get(t.Context(), client.ObjectKeyFromObject(keys), s); err != nil {
			return err.Error()
		}
		if string(s.Data["k1"]) != string(keys.Data["k1"]) {
			return "another key"
		}
		return ""
	})
}

// TestAnotherMasterKey: with another key of the operator everything that was
// derived is made anew, and all is well again without help.
func TestAnotherMasterKey(t *testing.T) {
	w := newWorld(t)
	w.create("models")
	names := []string{"models-lfs-access", "models-lfs-keys", desired.ScanSecretName(w.ready("models"))}
	before := map[string]*corev1.Secret{}
	for _, n := range names {
		before[n] = w.secret(n)
	}
	w.stop()
	w.startWithKey("another key")
	w.eventually("all Secrets are made anew", func() string {
		for _, n := range names {
			s := &corev1.Secret{}
			if err := w.c.Get(t.Context(), client.ObjectKey{Namespace: w.ns, Name: n}, s); err != nil {
				return err.Error()
			}
			if s.UID == before[n].UID {
				return n + " is the old one"
			}
		}
		return ""
	})
	w.ready("models")
	w.settled()
	token := string(w.secret("models-lfs-access").Data["password"])
	if token == string(before["models-lfs-access"].Data["password"]) || !accepts(w.server.loaded("models"), token, time.Now()) {
		t.Error("the access Secret does not hold a new token that the server accepts")
	}
}

// TestNudge: a pod that lags behind is made to look once, and not again.
func TestNudge(t *testing.T) {
	w := newWorld(t)
	w.create("models")
	repo := w.ready("models")
	pod := &corev1.Pod{
		// The stand-in for the servers answers by this name.
		ObjectMeta: metav1.ObjectMeta{Namespace: w.ns, Name: "models-lfs", Labels: desiredLabels(repo)},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "server", Image: "x"}}},
	}
	if err := w.c.Create(t.Context(), pod); err != nil {
		t.Fatal(err)
	}
	w.settled()
	if w.fetch(pod, pod.Name); pod.Annotations[annotationMounts] != "" {
		t.Error("a pod that is up to date was nudged")
	}
	w.server.loading(false)
	w.change("models", func(r *v1alpha1.LFSRepository) { r.Spec.KeepVersions = ptr.To[int32](9) })
	w.eventually("the pod is nudged", func() string {
		if w.fetch(pod, pod.Name); pod.Annotations[annotationMounts] == "" {
			return "not yet"
		}
		return ""
	})
	w.settled()
	nudges := 0
	for _, write := range w.spy.writes() {
		if strings.HasPrefix(write, "patch") {
			nudges++
		}
	}
	if nudges != 1 {
		t.Errorf("nudged %d times, want once: %v", nudges, w.spy.writes())
	}
}

// TestOperatorCanReadNoSecret: all tests run with the permissions that we ship;
// of Secrets they allow exactly this.
func TestOperatorCanReadNoSecret(t *testing.T) {
	w := newWorld(t)
	for verb, want := range map[string]bool{
		"create": true, "delete": true,
		"get": false, "list": false, "watch": false, "patch": false, "update": false, "deletecollection": false,
	} {
		review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
			User: operatorUser,
			ResourceAttributes: &authorizationv1.ResourceAttributes{
				Namespace: w.ns, Resource: "secrets", Verb: verb,
			},
		}}
		if err := w.c.Create(t.Context(), review); err != nil {
			t.Fatal(err)
		}
		if review.Status.Allowed != want {
			t.Errorf("%s: allowed %t, want %t", verb, review.Status.Allowed, want)
		}
	}
}
