package controllers

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lfs-operator/lfs-operator/api/v1alpha1"
	"github.com/lfs-operator/lfs-operator/internal/desired"
	"github.com/lfs-operator/lfs-operator/internal/serverstatus"
	"github.com/lfs-operator/lfs-operator/internal/storesession"
)

const role = "arn:aws:iam::123456789012:role/lfs"

// byRole assumes a role instead of holding a key.
func byRole(r *v1alpha1.LFSRepository) {
	r.Spec.Storage.CredentialsSecretRef, r.Spec.Storage.WebIdentity = nil, &v1alpha1.WebIdentity{RoleARN: role}
}

// checkToken wants a pod to show a token of that ServiceAccount and audience to the
// store, or to who makes its sessions, and to be mounted no Secret with a key.
func checkToken(t *testing.T, what string, pod corev1.PodSpec, account, audience string) {
	t.Helper()
	var audiences []string
	for _, v := range pod.Volumes {
		if v.Name == "store-credentials" {
			t.Errorf("%s is mounted a key: %+v", what, v.VolumeSource)
		}
		if v.Name != "store-sessions" || v.Projected == nil {
			continue
		}
		for _, s := range v.Projected.Sources {
			if s.ServiceAccountToken != nil {
				audiences = append(audiences, s.ServiceAccountToken.Audience)
			}
		}
	}
	if !slices.Equal(audiences, []string{audience}) || pod.ServiceAccountName != account {
		t.Errorf("%s shows tokens for %v as %s, want %s as %s", what, audiences, pod.ServiceAccountName, audience, account)
	}
}

func (w *world) deploymentAt(namespace, name string) *appsv1.Deployment {
	w.t.Helper()
	d := &appsv1.Deployment{}
	if err := w.c.Get(w.t.Context(), client.ObjectKey{Namespace: namespace, Name: name}, d); err != nil {
		w.t.Fatal(err)
	}
	return d
}

// TestWebIdentityOfOwnStorage: server and jobs show the token of the one ServiceAccount
// that a trust policy can name, and what the STS says is passed on.
func TestWebIdentityOfOwnStorage(t *testing.T) {
	w := newWorld(t)
	w.create("models", byRole, withDelete)
	repo := w.ready("models")
	checkToken(t, "the server", w.deploymentAt(w.ns, "models-lfs").Spec.Template.Spec, "models-lfs", "sts.amazonaws.com")
	cron := &batchv1.CronJob{}
	if err := w.c.Get(t.Context(), client.ObjectKey{Namespace: w.ns, Name: "models-lfs-gc"}, cron); err != nil {
		t.Fatal(err)
	}
	pod := cron.Spec.JobTemplate.Spec.Template.Spec
	checkToken(t, "garbage collection", pod, "models-lfs", "sts.amazonaws.com")
	if slices.ContainsFunc(pod.InitContainers[0].VolumeMounts, func(m corev1.VolumeMount) bool { return m.Name == "store-sessions" }) {
		t.Error("the scan has the token")
	}

	w.server.set(func(s *serverstatus.Status) {
		s.Store.Session = &serverstatus.Session{EndsAt: repo.CreationTimestamp.Add(1e12), FailingSince: repo.CreationTimestamp.Time, Error: "the STS is away"}
	})
	w.wait("models", v1alpha1.ConditionStoreSessionValid, metav1.ConditionFalse, v1alpha1.ReasonSessionNotRenewed)
	w.server.set(func(s *serverstatus.Status) {
		s.Store = serverstatus.Store{Reason: serverstatus.ReasonWebIdentityRefused, Message: "not let"}
	})
	got := w.wait("models", v1alpha1.ConditionReady, metav1.ConditionFalse, serverstatus.ReasonWebIdentityRefused)
	if !meta.IsStatusConditionTrue(got.Status.Conditions, v1alpha1.ConditionStalled) {
		t.Errorf("nobody is asked to act: %s", describe(got))
	}
}

// TestPurgeByWebIdentity: the Job that deletes the data is who the role knows, also
// where the cluster's garbage collection has taken the ServiceAccount before it.
func TestPurgeByWebIdentity(t *testing.T) {
	w := newWorld(t)
	_, job := w.purging(byRole)
	checkToken(t, "the purge", job.Spec.Template.Spec, "models-lfs", "sts.amazonaws.com")
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: w.ns, Name: "models-lfs"}}
	if err := w.c.Delete(t.Context(), account); err != nil {
		t.Fatal(err)
	}
	before := job.DeepCopy()
	job.Annotations = map[string]string{"looked-at": "again"} // as its status will be
	if err := w.c.Patch(t.Context(), job, client.MergeFrom(before)); err != nil {
		t.Fatal(err)
	}
	w.eventually("the ServiceAccount is there for the Job", func() string {
		if err := w.c.Get(t.Context(), client.ObjectKeyFromObject(account), account); err != nil {
			return err.Error()
		}
		if len(account.OwnerReferences) != 1 || account.OwnerReferences[0].UID != job.UID {
			return fmt.Sprint(account.OwnerReferences)
		}
		return ""
	})
	w.finish(job, batchv1.JobComplete, "")
	w.gone("models")
}

// TestWebIdentityOfStore: only the issuer and the probe assume the role; servers and
// jobs hold sessions of the issuer from the first pod on.
func TestWebIdentityOfStore(t *testing.T) {
	w, store := newStoreWorld(t, func(s *v1alpha1.LFSStore) {
		s.Spec.CredentialsSecretRef, s.Spec.WebIdentity = nil, &v1alpha1.WebIdentity{RoleARN: role, Audience: "lfs"}
		s.Spec.Adoptions = []v1alpha1.Adoption{{Namespace: s.Name, Prefix: "old/"}}
	})
	at, account := store.Spec.ServerNamespace, "lfs-sessions-"+store.Name
	checkToken(t, "the probe", w.jobIn(at, desired.ProbeJobName(store)).Spec.Template.Spec, account, "lfs")
	w.answerProbe(store, batchv1.JobComplete, `{"ready":false,"reason":"WebIdentityRefused","message":"not let","checkedAt":"2026-01-02T03:04:05Z"}`)
	got := w.waitStore(metav1.ConditionFalse, serverstatus.ReasonWebIdentityRefused)
	if !meta.IsStatusConditionTrue(got.Status.Conditions, v1alpha1.ConditionStalled) {
		t.Errorf("nobody is asked to act: %+v", got.Status.Conditions)
	}
	w.waitSessions(metav1.ConditionTrue, v1alpha1.ReasonSessionsActive)
	checkToken(t, "the issuer", w.deploymentAt(at, desired.IssuerName(store)).Spec.Template.Spec, account, "lfs")
	if err := w.c.Get(t.Context(), client.ObjectKey{Namespace: at, Name: account}, &corev1.ServiceAccount{}); err != nil {
		t.Error(err)
	}

	w.create("models", inStore(w), withDelete, adopts("old/"))
	repo := w.ready("models")
	server := serverOf(repo)
	own := server.Base + "-lfs"
	checkToken(t, "the server", w.deploymentAt(at, own).Spec.Template.Spec, own, storesession.Audience)
	checkToken(t, "the adoption", w.jobIn(at, desired.AdoptJobName(server.Base, "")).Spec.Template.Spec, own, storesession.Audience)
	if config := w.server.loadedAt(server).Storage; config.WebIdentity != nil || config.Sessions == nil {
		t.Errorf("the server is told %+v", config)
	}
	w.grantIsBound(got, repo)
	if err := w.c.Delete(t.Context(), repo); err != nil {
		t.Fatal(err)
	}
	purge := w.jobIn(at, own+"-purge")
	checkToken(t, "the purge", purge.Spec.Template.Spec, own, storesession.Audience)
	w.finish(purge, batchv1.JobComplete, "")
	w.gone("models")
	w.allGone(server)
}

// TestPurgeWithSession: where servers hold sessions, jobs need no key either.
func TestPurgeWithSession(t *testing.T) {
	w, _ := newStoreWorld(t, func(s *v1alpha1.LFSStore) { s.Spec.Sessions = &v1alpha1.StoreSessions{Mode: v1alpha1.SessionsRequired} })
	repo, purge := w.purging(inStore(w))
	own := serverOf(repo).Base + "-lfs"
	checkToken(t, "the purge", purge.Spec.Template.Spec, own, storesession.Audience)
	env := purge.Spec.Template.Spec.Containers[0].Env
	if !slices.ContainsFunc(env, func(e corev1.EnvVar) bool { return strings.Contains(e.Value, "grant: ey") }) {
		t.Errorf("it has no grant: %+v", env)
	}
	w.finish(purge, batchv1.JobComplete, "")
	w.gone("models")
}

// TestProbeNetworkPolicy: the pod that tries a store has a policy, which is there before
// it and stays, whatever becomes of the issuer.
func TestProbeNetworkPolicy(t *testing.T) {
	w, store := newStoreWorld(t)
	w.answerProbe(store, batchv1.JobComplete, probeWithSTS)
	w.waitSessions(metav1.ConditionTrue, v1alpha1.ReasonSessionsActive)
	w.changeStore(func(s *v1alpha1.LFSStore) { s.Spec.Sessions = &v1alpha1.StoreSessions{Mode: v1alpha1.SessionsOff} })
	w.waitSessions(metav1.ConditionFalse, v1alpha1.ReasonSessionsOff)
	job := w.jobIn(store.Spec.ServerNamespace, desired.ProbeJobName(store))
	w.settled()
	policy := &networkingv1.NetworkPolicy{}
	if err := w.c.Get(t.Context(), client.ObjectKey{Namespace: store.Spec.ServerNamespace, Name: desired.ProbeJobName(store)}, policy); err != nil {
		t.Fatal(err)
	}
	selects, err := metav1.LabelSelectorAsSelector(&policy.Spec.PodSelector)
	if err != nil {
		t.Fatal(err)
	}
	if pod := job.Spec.Template.Labels; !selects.Matches(labels.Set(pod)) || len(policy.Spec.Ingress) != 0 || len(policy.Spec.Egress) == 0 {
		t.Errorf("for a pod with labels %v the policy is %+v", pod, policy.Spec)
	}
}
