package controllers

import (
	"strings"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lfs-operator/lfs-operator/api/v1alpha1"
	"github.com/lfs-operator/lfs-operator/internal/serverstatus"
)

// TestStoreReasons: what the server finds reaches Ready and StoreReady, is told
// once, and passes when its cause does.
func TestStoreReasons(t *testing.T) {
	for reason, stalled := range map[string]bool{
		serverstatus.ReasonCredentialsMissing: true,
		serverstatus.ReasonCredentialsRefused: true,
		serverstatus.ReasonBucketMissing:      true,
		serverstatus.ReasonPrefixInUse:        true,
		serverstatus.ReasonPrefixNotOurs:      true,
		serverstatus.ReasonStoreIncapable:     true,
		serverstatus.ReasonEncryptionRefused:  true,
		serverstatus.ReasonStoreUnreachable:   false,
	} {
		t.Run(reason, func(t *testing.T) {
			w := newWorld(t)
			w.server.set(func(s *serverstatus.Status) {
				s.Store = serverstatus.Store{Reason: reason, Message: "what to do about " + reason}
			})
			w.create("models")
			for _, kind := range []string{v1alpha1.ConditionReady, v1alpha1.ConditionStoreReady} {
				repo := w.wait("models", kind, metav1.ConditionFalse, reason)
				c := meta.FindStatusCondition(repo.Status.Conditions, kind)
				if c.Message != "what to do about "+reason {
					t.Errorf("%s says %q", kind, c.Message)
				}
				if conditionTrue(repo, v1alpha1.ConditionStalled) != stalled {
					t.Errorf("Stalled is %t, want %t", !stalled, stalled)
				}
			}
			// The same trouble in other words, and looked at again, is no news.
			w.server.set(func(s *serverstatus.Status) { s.Store.Message = "in other words" })
			w.change("models", func(r *v1alpha1.LFSRepository) { r.Spec.KeepVersions = ptr.To[int32](9) })
			w.eventually("the new message", func() string {
				c := meta.FindStatusCondition(w.get("models").Status.Conditions, v1alpha1.ConditionReady)
				if c.Message != "in other words" || c.Reason != reason {
					return c.Message
				}
				return ""
			})
			w.settled()
			if n := w.events.count("Warning " + reason); n != 1 || len(w.events.all()) != 1 {
				t.Errorf("events are %v, want one", w.events.all())
			}

			w.server.set(func(s *serverstatus.Status) {
				s.Store = serverstatus.Store{Ready: true, Reason: serverstatus.ReasonStoreReady}
			})
			w.ready("models")
			w.settled()
			if got := w.events.all(); len(got) != 2 || got[1] != "Normal Ready" {
				t.Errorf("events are %v, want one more that says Ready", got)
			}
		})
	}
}

// TestReadyMeansInForce: Ready turns True for a generation only when the server
// works by it.
func TestReadyMeansInForce(t *testing.T) {
	w := newWorld(t)
	w.create("models")
	w.ready("models")
	w.server.loading(false)
	repo := w.change("models", func(r *v1alpha1.LFSRepository) { r.Spec.KeepVersions = ptr.To[int32](9) })
	w.wait("models", v1alpha1.ConditionReady, metav1.ConditionUnknown, v1alpha1.ReasonConfigurationPending)
	if !conditionTrue(w.get("models"), v1alpha1.ConditionReconciling) {
		t.Error("not Reconciling while the configuration is on its way")
	}
	w.server.loading(true)
	w.ready("models")
	if got := w.server.loaded("models").Policy.KeepVersions; got != 9 {
		t.Errorf("Ready for generation %d, and the server keeps %d versions, want 9", repo.Generation, got)
	}
}

// TestConfigIndependentChange: a change that the server need not know of leaves
// its configuration as it is.
func TestConfigIndependentChange(t *testing.T) {
	w := newWorld(t)
	w.create("models")
	w.ready("models")
	w.server.loading(false)
	w.change("models", func(r *v1alpha1.LFSRepository) { r.Spec.Server = &v1alpha1.Server{Replicas: ptr.To[int32](2)} })
	w.ready("models")
}

func TestServerUnreachable(t *testing.T) {
	w := newWorld(t)
	w.server.off(true)
	w.create("models")
	repo := w.wait("models", v1alpha1.ConditionReady, metav1.ConditionUnknown, v1alpha1.ReasonServerUnreachable)
	if message := meta.FindStatusCondition(repo.Status.Conditions, v1alpha1.ConditionReady).Message; strings.Contains(message, "127.0.0.1") {
		t.Errorf("the message names an address that changes: %s", message)
	}
	w.server.off(false)
	w.ready("models")
}

func TestRefusedConfiguration(t *testing.T) {
	w := newWorld(t)
	w.create("models")
	w.ready("models")
	w.server.loading(false)
	w.server.set(func(s *serverstatus.Status) { s.Config.Error = "endpoints[0].host: want host[:port]" })
	w.change("models", func(r *v1alpha1.LFSRepository) { r.Spec.KeepVersions = ptr.To[int32](9) })
	repo := w.wait("models", v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonInvalidSpec)
	if !strings.Contains(describe(repo), "endpoints[0].host") {
		t.Errorf("the server's reason is missing: %s", describe(repo))
	}
}

func TestUnsupportedFields(t *testing.T) {
	t.Run("other", func(t *testing.T) {
		w, _ := newStoreWorld(t)
		w.create("models", inStore(w), func(r *v1alpha1.LFSRepository) {
			r.Spec.Exposure = &v1alpha1.Exposure{Ingress: &v1alpha1.IngressExposure{}}
		})
		w.ready("models")
		repo := w.wait("models", v1alpha1.ConditionFieldsSupported, metav1.ConditionFalse, v1alpha1.ReasonFieldNotSupported)
		if !strings.Contains(describe(repo), "spec.exposure.ingress") {
			t.Errorf("the message does not name the field: %s", describe(repo))
		}
	})
}

// TestAccessReady: what keeps identities from being verified is said, and Ready
// does not depend on it.
func TestAccessReady(t *testing.T) {
	w := newWorld(t)
	w.create("models")
	if meta.FindStatusCondition(w.ready("models").Status.Conditions, v1alpha1.ConditionAccessReady) != nil {
		t.Error("AccessReady is there without spec.access.jwt")
	}
	w.server.set(func(s *serverstatus.Status) {
		s.Access = []serverstatus.AccessProblem{{Source: "jwt:portal", Reason: serverstatus.ReasonJWTKeysMissing, Message: "make the Secret portal-key."}}
	})
	w.change("models", func(r *v1alpha1.LFSRepository) {
		r.Spec.Access = &v1alpha1.Access{JWT: &v1alpha1.JWTAccess{Issuers: []v1alpha1.JWTIssuer{
			{Name: "portal", KeySecretRef: &v1alpha1.LocalReference{Name: "portal-key"}},
		}}}
	})
	repo := w.wait("models", v1alpha1.ConditionAccessReady, metav1.ConditionFalse, serverstatus.ReasonJWTKeysMissing)
	if !strings.Contains(describe(repo), "portal-key") {
		t.Errorf("the message does not say what to do: %s", describe(repo))
	}
	w.ready("models")
	w.told("Warning " + serverstatus.ReasonJWTKeysMissing)
	w.server.set(func(s *serverstatus.Status) { s.Access = nil })
	w.wait("models", v1alpha1.ConditionAccessReady, metav1.ConditionTrue, "AccessReady")
}

// TestRefusedByAdmission: what the cluster does not want is said, with its words,
// the rest is made, and nothing is tried in a hot loop.
func TestRefusedByAdmission(t *testing.T) {
	w := newWorld(t)
	w.forbid("services", "no services on Sundays")
	w.create("models")
	repo := w.wait("models", v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonApplyRefused)
	if !strings.Contains(describe(repo), "no services on Sundays") || !strings.Contains(describe(repo), "Service/models-lfs") {
		t.Errorf("the message does not say what was refused and why: %s", describe(repo))
	}
	began, before := time.Now(), w.spy.passes()
	time.Sleep(time.Second)
	if n, took := w.spy.passes()-before, time.Since(began); float64(n) > 8*took.Seconds() {
		t.Errorf("%d passes in %s", n, took)
	}
	w.told("Warning ApplyRefused")
	w.allow()
	w.ready("models")
}

// forbid makes the API server refuse a resource in the world's namespace.
func (w *world) forbid(resource, message string) {
	w.t.Helper()
	policy := &admissionv1.ValidatingAdmissionPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: w.ns},
		Spec: admissionv1.ValidatingAdmissionPolicySpec{
			MatchConstraints: &admissionv1.MatchResources{
				NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: w.ns}},
				ResourceRules: []admissionv1.NamedRuleWithOperations{{RuleWithOperations: admissionv1.RuleWithOperations{
					Operations: []admissionv1.OperationType{admissionv1.OperationAll},
					Rule:       admissionv1.Rule{APIGroups: []string{"*"}, APIVersions: []string{"*"}, Resources: []string{resource}},
				}}},
			},
			Validations: []admissionv1.Validation{{Expression: "false", Message: message}},
		},
	}
	binding := &admissionv1.ValidatingAdmissionPolicyBinding{
		ObjectMeta: metav1.ObjectMeta{Name: w.ns},
		Spec: admissionv1.ValidatingAdmissionPolicyBindingSpec{
			PolicyName: w.ns, ValidationActions: []admissionv1.ValidationAction{admissionv1.Deny},
		},
	}
	for _, o := range []client.Object{policy, binding} {
		if err := w.c.Create(w.t.Context(), o); err != nil {
			w.t.Fatal(err)
		}
	}
	w.t.Cleanup(w.allow)
	probe := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: w.ns, Name: "probe"}, Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 80}}}}
	w.eventually("the policy is in force", func() string {
		if err := w.c.Create(w.t.Context(), probe.DeepCopy(), client.DryRunAll); err == nil {
			return "not yet"
		}
		return ""
	})
}

// allow takes the policy away.
func (w *world) allow() {
	_ = w.c.Delete(background, &admissionv1.ValidatingAdmissionPolicyBinding{ObjectMeta: metav1.ObjectMeta{Name: w.ns}})
	_ = w.c.Delete(background, &admissionv1.ValidatingAdmissionPolicy{ObjectMeta: metav1.ObjectMeta{Name: w.ns}})
}

// TestPodProblems: why no pod runs is said, with what to do.
func TestPodProblems(t *testing.T) {
	w := newWorld(t)
	w.create("models", func(r *v1alpha1.LFSRepository) {
		r.Spec.Server = &v1alpha1.Server{PodTemplate: &v1alpha1.PodTemplate{Annotations: map[string]string{annotationBroken: "yes"}}}
	})
	w.wait("models", v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonProgressing)
	repo := w.get("models")
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.ns, Name: "models-lfs-x", Labels: desiredLabels(repo)},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "server", Image: "x"}}},
	}
	if err := w.c.Create(t.Context(), pod); err != nil {
		t.Fatal(err)
	}
	pod.Status = corev1.PodStatus{Phase: corev1.PodPending, ContainerStatuses: []corev1.ContainerStatus{{
		Name: "server", State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ImagePullBackOff", Message: "no such image"}},
	}}}
	if err := w.c.Status().Update(t.Context(), pod); err != nil {
		t.Fatal(err)
	}
	repo = w.wait("models", v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonDeploymentNotReady)
	for _, word := range []string{"models-lfs-x", "no such image", "imagePullSecrets"} {
		if !strings.Contains(describe(repo), word) {
			t.Errorf("the message does not name %q: %s", word, describe(repo))
		}
	}
	w.change("models", func(r *v1alpha1.LFSRepository) { r.Spec.Server = nil })
	if err := w.c.Delete(t.Context(), pod, client.GracePeriodSeconds(0)); err != nil {
		t.Fatal(err)
	}
	w.ready("models")
}

// TestWithinQuota: how much of the quota is used is said before pushes fail, and a
// repository without one does not speak of it.
func TestWithinQuota(t *testing.T) {
	w := newWorld(t)
	w.create("models")
	if meta.FindStatusCondition(w.ready("models").Status.Conditions, v1alpha1.ConditionWithinQuota) != nil {
		t.Error("WithinQuota is there without a quota")
	}
	w.change("models", func(r *v1alpha1.LFSRepository) { r.Spec.Quota = ptr.To(resource.MustParse("1000")) })
	for _, tc := range []struct {
		bytes  int64
		status metav1.ConditionStatus
		reason string
	}{
		{100, metav1.ConditionTrue, v1alpha1.ConditionWithinQuota},
		{900, metav1.ConditionTrue, v1alpha1.ReasonQuotaNearlyUsed},
		{995, metav1.ConditionFalse, v1alpha1.ReasonQuotaUsed},
	} {
		w.server.set(func(s *serverstatus.Status) {
			s.Usage = &serverstatus.Usage{Objects: 1, Bytes: tc.bytes, CountedAt: time.Now()}
		})
		repo := w.wait("models", v1alpha1.ConditionWithinQuota, tc.status, tc.reason)
		if tc.bytes > 100 && !strings.Contains(describe(repo), "% of 1k are used") {
			t.Errorf("the message does not say how much: %s", describe(repo))
		}
	}
	w.told("Warning " + v1alpha1.ReasonQuotaUsed)
	w.ready("models")
}
