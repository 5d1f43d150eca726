package controllers

import (
	"fmt"
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lfs-operator/lfs-operator/api/v1alpha1"
	"github.com/lfs-operator/lfs-operator/internal/desired"
	"github.com/lfs-operator/lfs-operator/internal/serverstatus"
)

// waitStore waits until the world's store is, or is not, Ready for its
// generation with that reason.
func (w *world) waitStore(status metav1.ConditionStatus, reason string) *v1alpha1.LFSStore {
	w.t.Helper()
	store := &v1alpha1.LFSStore{}
	w.eventually("store Ready="+string(status)+" "+reason, func() string {
		if err := w.c.Get(w.t.Context(), client.ObjectKey{Name: w.ns}, store); err != nil {
			return err.Error()
		}
		c := meta.FindStatusCondition(store.Status.Conditions, v1alpha1.ConditionReady)
		if c != nil && c.Status == status && c.Reason == reason && c.ObservedGeneration == store.Generation {
			return ""
		}
		return fmt.Sprintf("%+v", store.Status)
	})
	return store
}

// answerProbe ends the store's probe as its pod would.
func (w *world) answerProbe(store *v1alpha1.LFSStore, how batchv1.JobConditionType, words string) {
	w.t.Helper()
	var job *batchv1.Job
	w.eventually("a probe of this generation", func() string {
		current := &v1alpha1.LFSStore{}
		if err := w.c.Get(w.t.Context(), client.ObjectKey{Name: w.ns}, current); err != nil {
			return err.Error()
		}
		job = w.jobIn(store.Spec.ServerNamespace, desired.ProbeJobName(store))
		if done, _ := jobFinished(job); done != "" || job.Annotations[desired.AnnotationGeneration] != fmt.Sprint(current.Generation) {
			return "still the one before"
		}
		return ""
	})
	w.finish(job, how, words)
}

// TestStoreProbe: a Job beside the servers tries the store; its answer makes the
// status, a change of the store makes another Job.
func TestStoreProbe(t *testing.T) {
	w, store := newStoreWorld(t)
	w.waitStore(metav1.ConditionUnknown, serverstatus.ReasonChecking)
	w.answerProbe(store, batchv1.JobComplete,
		`{"ready":true,"reason":"StoreReady","capabilities":{"signedChecksum":true,"conditionalWrites":true,"presignExpiry":true},"checkedAt":"2026-01-02T03:04:05Z"}`)
	got := w.waitStore(metav1.ConditionTrue, serverstatus.ReasonStoreReady)
	want := v1alpha1.StoreCapabilities{
		SignedChecksum: "Yes", ConditionalWrites: "Yes", PresignExpiry: "Yes", QuerySHA256: "No", ForgedWrites: "No", Versioned: "No", STS: "Unknown",
	}
	if got.Status.Probe == nil || got.Status.Probe.Capabilities == nil || *got.Status.Probe.Capabilities != want {
		t.Errorf("the probe found %+v, want %+v", got.Status.Probe, want)
	}
	w.eventually("the Job goes", func() string {
		err := w.c.Get(t.Context(), client.ObjectKey{Namespace: store.Spec.ServerNamespace, Name: desired.ProbeJobName(store)}, &batchv1.Job{})
		if apierrors.IsNotFound(err) {
			return ""
		}
		return "still there"
	})
	w.create("models", inStore(w))
	w.ready("models")
	w.eventually("the repository is counted", func() string {
		if n := w.waitStore(metav1.ConditionTrue, serverstatus.ReasonStoreReady).Status.Repositories; n != 1 {
			return fmt.Sprint(n)
		}
		return ""
	})

	w.changeStore(func(s *v1alpha1.LFSStore) { s.Spec.CredentialsSecretRef.Name = "other" })
	w.waitStore(metav1.ConditionUnknown, serverstatus.ReasonChecking)
	w.answerProbe(store, batchv1.JobComplete, `{"ready":false,"reason":"CredentialsRefused","message":"the store refuses them","checkedAt":"2026-01-02T03:04:05Z"}`)
	got = w.waitStore(metav1.ConditionFalse, serverstatus.ReasonCredentialsRefused)
	if !meta.IsStatusConditionTrue(got.Status.Conditions, v1alpha1.ConditionStalled) {
		t.Errorf("nobody is asked to act: %+v", got.Status.Conditions)
	}
	if got.Status.Probe.Capabilities != nil {
		t.Error("what was found with other credentials is still told")
	}
}

// TestStoreProbeBreaks: a probe that says nothing useful is a problem that is told.
func TestStoreProbeBreaks(t *testing.T) {
	w, store := newStoreWorld(t)
	w.answerProbe(store, batchv1.JobFailed, "starting\nlfs-server: exec format error")
	got := w.waitStore(metav1.ConditionFalse, v1alpha1.ReasonProbeFailed)
	if c := meta.FindStatusCondition(got.Status.Conditions, v1alpha1.ConditionReady); !strings.Contains(c.Message, "exec format error") {
		t.Errorf("the message is %q", c.Message)
	}
}

// TestProbeDue: soon while it is broken, more rarely the longer it is, and about
// once an hour when all is well.
func TestProbeDue(t *testing.T) {
	now := time.Now().Truncate(time.Second)
	for name, tc := range map[string]struct {
		generation  int64
		ready       metav1.ConditionStatus
		since       time.Duration
		least, most time.Duration
	}{
		"changed":            {generation: 2, ready: metav1.ConditionTrue},
		"well":               {generation: 1, ready: metav1.ConditionTrue, since: time.Hour, least: 53 * time.Minute, most: 67 * time.Minute},
		"just broken":        {generation: 1, ready: metav1.ConditionFalse, least: 30 * time.Second, most: 30 * time.Second},
		"broken for a while": {generation: 1, ready: metav1.ConditionFalse, since: 4 * time.Minute, least: 2 * time.Minute, most: 2 * time.Minute},
		"broken for a day":   {generation: 1, ready: metav1.ConditionFalse, since: 24 * time.Hour, least: 10 * time.Minute, most: 10 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			store := &v1alpha1.LFSStore{ObjectMeta: metav1.ObjectMeta{Generation: tc.generation}}
			store.Status.Probe = &v1alpha1.StoreProbe{FinishedAt: metav1.NewTime(now), ObservedGeneration: 1}
			store.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionReady, Status: tc.ready, LastTransitionTime: metav1.NewTime(now.Add(-tc.since))}}
			p := &storePass{store: store, now: now}
			if wait := p.due().Sub(now); wait < tc.least || wait > tc.most {
				t.Errorf("due in %s, want %s to %s", wait, tc.least, tc.most)
			}
		})
	}
}
