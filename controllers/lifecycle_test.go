package controllers

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lfs-operator/lfs-operator/api/v1alpha1"
	"github.com/lfs-operator/lfs-operator/internal/desired"
	"github.com/lfs-operator/lfs-operator/internal/serverstatus"
)

func desiredLabels(repo *v1alpha1.LFSRepository) map[string]string {
	return desired.Labels(repo, desired.ComponentServer)
}

func TestSuspend(t *testing.T) {
	w := newWorld(t)
	w.create("models")
	w.ready("models")
	w.change("models", func(r *v1alpha1.LFSRepository) { r.Spec.Suspend = true })
	repo := w.wait("models", v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonSuspended)
	if conditionTrue(repo, v1alpha1.ConditionStalled) || conditionTrue(repo, v1alpha1.ConditionReconciling) {
		t.Errorf("suspended is neither stalled nor on the way: %s", describe(repo))
	}
	d, c := &appsv1.Deployment{}, &batchv1.CronJob{}
	w.fetch(d, "models-lfs")
	w.fetch(c, "models-lfs-gc")
	if *d.Spec.Replicas != 0 || !*c.Spec.Suspend {
		t.Errorf("replicas %d, CronJob suspended %t; want 0, true", *d.Spec.Replicas, *c.Spec.Suspend)
	}
	w.change("models", func(r *v1alpha1.LFSRepository) { r.Spec.Suspend = false })
	w.ready("models")
}

// TestAutoscaling: the number of replicas is the autoscaler's within its bounds, from
// the first moment on and while the operator goes on applying; and the spec's again
// without it.
func TestAutoscaling(t *testing.T) {
	w := newWorld(t)
	w.create("models", func(r *v1alpha1.LFSRepository) { r.Spec.Server = &v1alpha1.Server{Replicas: ptr.To[int32](3)} })
	w.ready("models")
	w.change("models", func(r *v1alpha1.LFSRepository) {
		r.Spec.Server = &v1alpha1.Server{Autoscaling: &v1alpha1.Autoscaling{MinReplicas: ptr.To[int32](2), MaxReplicas: 5}}
	})
	w.ready("models")
	hpa := &autoscalingv2.HorizontalPodAutoscaler{}
	w.fetch(hpa, "models-lfs")
	if *hpa.Spec.MinReplicas != 2 || hpa.Spec.MaxReplicas != 5 || hpa.Spec.ScaleTargetRef.Name != "models-lfs" {
		t.Errorf("the autoscaler is %+v", hpa.Spec)
	}
	replicas := func(want int32) {
		t.Helper()
		w.eventually(fmt.Sprintf("%d replicas", want), func() string {
			d := &appsv1.Deployment{}
			w.fetch(d, "models-lfs")
			if got := *d.Spec.Replicas; got != want {
				return fmt.Sprint(got)
			}
			return ""
		})
	}
	replicas(3) // as it was
	d := &appsv1.Deployment{}
	w.fetch(d, "models-lfs")
	scale := &autoscalingv1.Scale{Spec: autoscalingv1.ScaleSpec{Replicas: 4}}
	if err := w.c.SubResource("scale").Update(t.Context(), d, client.WithSubResourceBody(scale)); err != nil {
		t.Fatal(err)
	}
	w.change("models", func(r *v1alpha1.LFSRepository) {
		r.Spec.Server.PodTemplate = &v1alpha1.PodTemplate{Labels: map[string]string{"a": "b"}}
	})
	w.ready("models")
	replicas(4)
	w.change("models", func(r *v1alpha1.LFSRepository) { r.Spec.Server = &v1alpha1.Server{Replicas: ptr.To[int32](1)} })
	replicas(1)
	w.eventually("the autoscaler goes", func() string {
		err := w.c.Get(t.Context(), client.ObjectKey{Namespace: w.ns, Name: "models-lfs"}, hpa)
		if apierrors.IsNotFound(err) {
			return ""
		}
		return fmt.Sprintf("still there: %v", err)
	})
}

// TestRetain: nothing holds up a repository whose data stays.
func TestRetain(t *testing.T) {
	w := newWorld(t)
	w.create("models")
	repo := w.ready("models")
	if len(repo.Finalizers) != 0 {
		t.Errorf("finalizers are %v, want none", repo.Finalizers)
	}
	if err := w.c.Delete(t.Context(), repo); err != nil {
		t.Fatal(err)
	}
	w.gone("models")
}

func (w *world) gone(name string) {
	w.t.Helper()
	w.eventually(name+" is gone", func() string {
		repo := &v1alpha1.LFSRepository{}
		err := w.c.Get(w.t.Context(), client.ObjectKey{Namespace: w.ns, Name: name}, repo)
		if apierrors.IsNotFound(err) {
			return ""
		}
		return describe(repo)
	})
}

func withDelete(r *v1alpha1.LFSRepository) { r.Spec.DeletionPolicy = v1alpha1.DeletionDelete }

// purging deletes a repository called models as soon as it is Ready, and waits for the
// Job that deletes its data. The repository is as it was before.
func (w *world) purging(change ...func(*v1alpha1.LFSRepository)) (*v1alpha1.LFSRepository, *batchv1.Job) {
	w.t.Helper()
	w.create("models", append(change, withDelete)...)
	repo := w.ready("models")
	w.must(w.c.Delete(w.t.Context(), repo))
	at := serverOf(repo)
	return repo, w.jobIn(at.Namespace, at.Base+"-lfs-purge")
}

// purgesAgain takes a failed Job away, as its time to live does in a cluster: another
// follows, and ends well.
func (w *world) purgesAgain(failed *batchv1.Job) {
	w.t.Helper()
	w.must(w.c.Delete(w.t.Context(), failed, client.PropagationPolicy(metav1.DeletePropagationBackground)))
	w.eventually("another Job", func() string {
		if again := w.job("models-lfs-purge"); again.UID == failed.UID {
			return "still the old one"
		}
		return ""
	})
	w.finish(w.job("models-lfs-purge"), batchv1.JobComplete, "")
}

// TestDelete: the server ends, then a Job deletes the data, again if it must,
// then the resource goes.
func TestDelete(t *testing.T) {
	w := newWorld(t)
	repo, job := w.purging()
	if !slices.Contains(repo.Finalizers, v1alpha1.FinalizerData) {
		t.Errorf("finalizers are %v", repo.Finalizers)
	}
	w.eventually("the Deployment goes", func() string {
		err := w.c.Get(t.Context(), client.ObjectKey{Namespace: w.ns, Name: "models-lfs"}, &appsv1.Deployment{})
		if apierrors.IsNotFound(err) {
			return ""
		}
		return "still there"
	})
	if len(job.OwnerReferences) != 0 {
		t.Error("the Job has an owner, whose deletion in the foreground would take it along")
	}

	w.finish(job, batchv1.JobFailed, "lfs-server: the store at http://store.example:9000: connection refused")
	w.eventually("the condition says why, and the way out", func() string {
		text := describe(w.get("models"))
		if strings.Contains(text, "connection refused") && strings.Contains(text, "set spec.deletionPolicy to Retain") {
			return ""
		}
		return text
	})
	w.purgesAgain(job)
	w.gone("models")
	w.told("Normal DataDeleted")
}

// job waits for a Job.
func (w *world) job(name string) *batchv1.Job {
	w.t.Helper()
	return w.jobIn(w.ns, name)
}

func (w *world) jobIn(namespace, name string) *batchv1.Job {
	w.t.Helper()
	job := &batchv1.Job{}
	w.eventually("Job "+name, func() string {
		if err := w.c.Get(w.t.Context(), client.ObjectKey{Namespace: namespace, Name: name}, job); err != nil {
			return err.Error()
		}
		return ""
	})
	return job
}

// finish ends a Job, as its controller would; words are the last of its pod.
func (w *world) finish(job *batchv1.Job, how batchv1.JobConditionType, words string) {
	w.t.Helper()
	now := metav1.Now()
	if words != "" {
		labels := job.Spec.Template.Labels
		pod := &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Namespace: job.Namespace, GenerateName: job.Name + "-", Labels: labels},
			Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "x", Image: "x"}}},
		}
		pod.Labels[batchv1.JobNameLabel] = job.Name
		if err := w.c.Create(w.t.Context(), pod); err != nil {
			w.t.Fatal(err)
		}
		pod.Status = corev1.PodStatus{Phase: corev1.PodFailed, ContainerStatuses: []corev1.ContainerStatus{{
			Name: "x", State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 1, Message: words}},
		}}}
		if err := w.c.Status().Update(w.t.Context(), pod); err != nil {
			w.t.Fatal(err)
		}
		w.t.Cleanup(func() { _ = w.c.Delete(background, pod) })
	}
	job.Status.StartTime = &now
	before := batchv1.JobSuccessCriteriaMet
	if how == batchv1.JobFailed {
		before = batchv1.JobFailureTarget
		job.Status.Failed = 1
	} else {
		job.Status.CompletionTime, job.Status.Succeeded = &now, 1
	}
	for _, kind := range []batchv1.JobConditionType{before, how} {
		job.Status.Conditions = append(job.Status.Conditions, batchv1.JobCondition{
			Type: kind, Status: corev1.ConditionTrue, Reason: "Test", Message: "of a test", LastTransitionTime: now, LastProbeTime: now,
		})
	}
	if err := w.c.Status().Update(w.t.Context(), job); err != nil {
		w.t.Fatal(err)
	}
}

// TestDeleteChangedToRetain is the way out for who cannot or will not wait.
func TestDeleteChangedToRetain(t *testing.T) {
	w := newWorld(t)
	w.purging()
	w.change("models", func(r *v1alpha1.LFSRepository) { r.Spec.DeletionPolicy = v1alpha1.DeletionRetain })
	w.gone("models")
}

// TestDeleteBeforePlaced: what never had a place holds nothing up.
func TestDeleteBeforePlaced(t *testing.T) {
	w := newWorld(t)
	w.create("models", withDelete, func(r *v1alpha1.LFSRepository) {
		r.Spec.Storage, r.Spec.Bucket, r.Spec.StoreRef = nil, "", &v1alpha1.StoreReference{Name: "nowhere"}
		r.Finalizers = []string{v1alpha1.FinalizerData}
	})
	repo := w.wait("models", v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonStoreNotUsable)
	if err := w.c.Delete(t.Context(), repo); err != nil {
		t.Fatal(err)
	}
	w.gone("models")
}

// TestNamespaceTerminating: a namespace that is being deleted takes no Job; the
// repository must not hold it up, and says that the data stays.
func TestNamespaceTerminating(t *testing.T) {
	w := newWorld(t)
	w.create("models", withDelete)
	repo := w.ready("models")
	if err := w.c.Delete(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: w.ns}}); err != nil {
		t.Fatal(err)
	}
	if err := w.c.Delete(t.Context(), repo); err != nil { // as the namespace's controller would
		t.Fatal(err)
	}
	w.gone("models")
	w.told("Warning DataRetained")
}

// TestNameMadeAgain: a repository of the same name is another one.
func TestNameMadeAgain(t *testing.T) {
	w := newWorld(t)
	w.create("models")
	first := w.ready("models")
	before := string(w.secret("models-lfs-access").Data["password"])
	w.settled() // a pass that is under way would make children again
	if err := w.c.Delete(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	w.gone("models")
	for _, o := range children(first) { // as the cluster's garbage collection would
		if err := w.c.Delete(t.Context(), place(o, w.ns, o.GetName()), client.PropagationPolicy(metav1.DeletePropagationBackground)); err != nil {
			t.Fatal(err)
		}
	}
	w.create("models")
	second := w.ready("models")
	if first.Status.Location.Prefix == second.Status.Location.Prefix {
		t.Error("the second repository has the first one's prefix")
	}
	if before == string(w.secret("models-lfs-access").Data["password"]) {
		t.Error("the second repository has the first one's token")
	}
}

// TestRunGC: every new value of the annotation starts one Job.
func TestRunGC(t *testing.T) {
	w := newWorld(t)
	w.create("models")
	w.ready("models")
	ask := func(value string) {
		w.change("models", func(r *v1alpha1.LFSRepository) {
			r.Annotations = map[string]string{v1alpha1.AnnotationRunGC: value}
		})
		w.eventually("request "+value+" is handled", func() string {
			if gc := w.get("models").Status.GC; gc == nil || gc.LastHandledRequest != value {
				return "not yet"
			}
			return ""
		})
	}
	ask("1")
	job := w.job(desired.GCJobName("models", "1"))
	if len(job.Spec.Template.Spec.InitContainers) != 1 || !metav1.IsControlledBy(job, w.get("models")) {
		t.Errorf("the Job is not one of ours: %+v", job.ObjectMeta)
	}
	w.change("models", func(r *v1alpha1.LFSRepository) { r.Labels = map[string]string{"poke": "1"} })
	ask("2")
	w.settled()
	var jobs batchv1.JobList
	if err := w.c.List(t.Context(), &jobs, client.InNamespace(w.ns)); err != nil {
		t.Fatal(err)
	}
	if len(jobs.Items) != 2 {
		t.Errorf("%d Jobs, want 2", len(jobs.Items))
	}

	started := time.Now().Add(-time.Minute).Truncate(time.Second)
	w.server.set(func(s *serverstatus.Status) {
		s.GC = &serverstatus.GCReport{
			ID: job.Name, Mode: "DryRun", Outcome: serverstatus.GCStopped, Reason: "TooMany", Message: "60% would go",
			StartedAt: started, FinishedAt: started, Kept: 4, Condemned: 6, DeletedBytes: 7,
		}
	})
	repo := w.wait("models", v1alpha1.ConditionGarbageCollected, metav1.ConditionFalse, "TooMany")
	if run := repo.Status.GC.LastRun; run == nil || run.ID != job.Name || run.Kept != 4 || run.Condemned != 6 {
		t.Errorf("the report in status is %+v", run)
	}
	if !conditionTrue(repo, v1alpha1.ConditionReady) {
		t.Error("a stopped garbage collection makes the repository not Ready")
	}

	w.finish(w.job(desired.GCJobName("models", "2")), batchv1.JobFailed, "scan: no route to git.example")
	repo = w.wait("models", v1alpha1.ConditionGarbageCollected, metav1.ConditionFalse, reasonJob)
	if !strings.Contains(describe(repo), "no route to git.example") {
		t.Errorf("the Job's last words are missing: %s", describe(repo))
	}
}

// TestRunGCFromServer: a request that somebody made to the server starts one Job,
// unless a newer run has answered it.
func TestRunGCFromServer(t *testing.T) {
	w := newWorld(t)
	w.create("models")
	w.ready("models")
	now := time.Now()
	request := func(id string, at time.Time) {
		w.server.set(func(s *serverstatus.Status) {
			s.GCRequest = &serverstatus.GCRequest{ID: id, By: "token:alice", RequestedAt: at}
		})
	}
	request("one", now)
	job := w.job(desired.GCJobName("models", "one"))
	w.eventually("the request is handled", func() string {
		if gc := w.get("models").Status.GC; gc == nil || gc.LastServerRequest != "one" {
			return "not yet"
		}
		return ""
	})
	w.told("Normal GarbageCollectionStarted")
	w.finish(job, batchv1.JobComplete, "")
	w.server.set(func(s *serverstatus.Status) {
		s.GC = &serverstatus.GCReport{
			ID: job.Name, Mode: "DryRun", Outcome: serverstatus.GCSucceeded, StartedAt: now.Add(time.Minute), FinishedAt: now.Add(2 * time.Minute),
		}
	})
	w.eventually("the report is in status", func() string {
		if gc := w.get("models").Status.GC; gc.LastRun == nil {
			return "not yet"
		}
		return ""
	})
	request("answered already", now.Add(30*time.Second))
	w.change("models", func(r *v1alpha1.LFSRepository) { r.Labels = map[string]string{"poke": "1"} })
	w.settled()
	var jobs batchv1.JobList
	if err := w.c.List(t.Context(), &jobs, client.InNamespace(w.ns)); err != nil {
		t.Fatal(err)
	}
	if len(jobs.Items) != 1 {
		t.Errorf("%d Jobs, want 1", len(jobs.Items))
	}
	request("two", now.Add(3*time.Minute))
	w.job(desired.GCJobName("models", "two"))
}

// TestHistoryCheck: a Job tries the history after every change of it, and again
// while it fails; the repository is Ready meanwhile.
func TestHistoryCheck(t *testing.T) {
	w := newWorld(t)
	w.create("models", func(r *v1alpha1.LFSRepository) {
		r.Spec.History = []v1alpha1.HistorySource{{Name: "main", URL: "https://git.example/models.git"}}
	})
	w.ready("models")
	w.wait("models", v1alpha1.ConditionHistoryReadable, metav1.ConditionUnknown, serverstatus.ReasonChecking)
	w.eventually("a Job checks", func() string {
		var jobs batchv1.JobList
		if err := w.c.List(t.Context(), &jobs, client.InNamespace(w.ns)); err != nil || len(jobs.Items) != 1 {
			return "none"
		}
		return ""
	})
	report := func(revision string, entry serverstatus.HistoryCheckEntry) {
		entry.Name = "main"
		w.server.set(func(s *serverstatus.Status) {
			s.History = &serverstatus.HistoryCheck{Revision: revision, CheckedAt: time.Now(), Entries: []serverstatus.HistoryCheckEntry{entry}}
		})
	}
	revision := w.server.loaded("models").HistoryRevision
	report(revision, serverstatus.HistoryCheckEntry{Reason: serverstatus.ReasonHistoryNotFound, Message: "no repository there"})
	repo := w.wait("models", v1alpha1.ConditionHistoryReadable, metav1.ConditionFalse, serverstatus.ReasonHistoryNotFound)
	if c := meta.FindStatusCondition(repo.Status.Conditions, v1alpha1.ConditionHistoryReadable); !strings.Contains(c.Message, `"main": no repository there`) {
		t.Errorf("the message is %q", c.Message)
	}
	if !conditionTrue(repo, v1alpha1.ConditionReady) {
		t.Error("an unreadable history makes the repository not Ready")
	}
	report(revision, serverstatus.HistoryCheckEntry{OK: true, Reason: serverstatus.ReasonHistoryReadable})
	w.wait("models", v1alpha1.ConditionHistoryReadable, metav1.ConditionTrue, serverstatus.ReasonHistoryReadable)

	// Another list is another question, whatever the last answer was.
	w.change("models", func(r *v1alpha1.LFSRepository) { r.Spec.History[0].URL = "https://git.example/other.git" })
	w.wait("models", v1alpha1.ConditionHistoryReadable, metav1.ConditionUnknown, serverstatus.ReasonChecking)
	w.change("models", func(r *v1alpha1.LFSRepository) { r.Spec.History = nil })
	w.ready("models")
	w.eventually("without history the condition goes", func() string {
		if meta.FindStatusCondition(w.get("models").Status.Conditions, v1alpha1.ConditionHistoryReadable) != nil {
			return "still there"
		}
		return ""
	})
}

// TestUsageIsWrittenRarely: a client that pushes does not make the operator
// write at every poll.
func TestUsageIsWrittenRarely(t *testing.T) {
	w := newWorld(t)
	w.create("models")
	w.ready("models")
	w.settled()
	before := len(w.spy.writes())
	for i := range 20 {
		w.server.set(func(s *serverstatus.Status) {
			s.Usage = &serverstatus.Usage{Objects: int64(i + 1), Bytes: int64(i+1) << 20}
		})
		time.Sleep(50 * time.Millisecond)
	}
	writes := 0
	for _, write := range w.spy.writes()[before:] {
		if strings.HasPrefix(write, "status") {
			writes++
		}
	}
	if writes > 2 {
		t.Errorf("%d status writes while the usage changed 20 times", writes)
	}
}

// TestRunGCAfterUploads: so many uploads since the last run start one more, and
// the same uploads no other.
func TestRunGCAfterUploads(t *testing.T) {
	w := newWorld(t)
	w.create("models", func(r *v1alpha1.LFSRepository) {
		r.Spec.GC = &v1alpha1.GarbageCollection{AfterUploads: ptr.To[int32](10)}
	})
	w.ready("models")
	now := time.Now()
	count := func(objects int64, at time.Time) {
		w.server.set(func(s *serverstatus.Status) { s.Usage = &serverstatus.Usage{Objects: objects, CountedAt: at} })
	}
	report := func(id, outcome string, objects int64, at time.Time) {
		w.server.set(func(s *serverstatus.Status) {
			s.GC = &serverstatus.GCReport{ID: id, Mode: "DryRun", Outcome: outcome, StartedAt: at, FinishedAt: at, Objects: objects}
		})
		w.eventually("the report is in status", func() string {
			if gc := w.get("models").Status.GC; gc == nil || gc.LastRun == nil || gc.LastRun.ID != id {
				return "not yet"
			}
			return ""
		})
	}
	poke := 0
	jobs := func(want int) {
		t.Helper()
		poke++
		w.change("models", func(r *v1alpha1.LFSRepository) { r.Labels = map[string]string{"poke": fmt.Sprint(poke)} })
		w.settled()
		var list batchv1.JobList
		if err := w.c.List(t.Context(), &list, client.InNamespace(w.ns)); err != nil {
			t.Fatal(err)
		}
		if len(list.Items) != want {
			t.Errorf("%d Jobs, want %d", len(list.Items), want)
		}
	}
	count(9, now)
	jobs(0)
	count(10, now)
	first := w.job(desired.GCJobName("models", "uploads after the first"))
	w.told("Normal GarbageCollectionStarted")
	count(30, now) // one is under way
	jobs(1)
	w.finish(first, batchv1.JobComplete, "")
	report(first.Name, serverstatus.GCSucceeded, 25, now.Add(-time.Hour))
	jobs(1) // five have come since
	count(36, now.Add(-2*time.Hour))
	jobs(1) // an old count
	count(35, now)
	second := w.job(desired.GCJobName("models", "uploads after "+first.Name))
	w.finish(second, batchv1.JobComplete, "")
	report(second.Name, serverstatus.GCSucceeded, 25, now.Add(-time.Minute))
	count(100, now)
	jobs(2) // too soon
	report("failed", serverstatus.GCFailed, 25, now.Add(-time.Hour))
	jobs(2) // the schedule tries again
}

// TestQuarantineTooShort: whoever lets garbage collection delete so soon that a push
// could lose is told, once, and no more when it is mended.
func TestQuarantineTooShort(t *testing.T) {
	w := newWorld(t)
	short := func(r *v1alpha1.LFSRepository) {
		r.Spec.GC = &v1alpha1.GarbageCollection{Mode: v1alpha1.GCDryRun, Quarantine: &metav1.Duration{Duration: time.Hour}}
	}
	w.create("models", short)
	if repo := w.ready("models"); conditionTrue(repo, v1alpha1.ConditionQuarantineTooShort) {
		t.Error("a dry run deletes nothing")
	}
	w.change("models", func(r *v1alpha1.LFSRepository) { r.Spec.GC.Mode = v1alpha1.GCDelete })
	repo := w.wait("models", v1alpha1.ConditionQuarantineTooShort, metav1.ConditionTrue, v1alpha1.ConditionQuarantineTooShort)
	if message := meta.FindStatusCondition(repo.Status.Conditions, v1alpha1.ConditionQuarantineTooShort).Message; !strings.Contains(message, "gc.quarantine (1h0m0s) must be longer than 13h5m10s") {
		t.Errorf("message %q", message)
	}
	if !conditionTrue(w.ready("models"), v1alpha1.ConditionReady) {
		t.Error("not Ready")
	}
	w.told("Warning QuarantineTooShort")
	w.change("models", func(r *v1alpha1.LFSRepository) { r.Spec.GC.Quarantine.Duration = 24 * time.Hour })
	w.eventually("the condition goes", func() string {
		if meta.FindStatusCondition(w.get("models").Status.Conditions, v1alpha1.ConditionQuarantineTooShort) != nil {
			return "still there"
		}
		return ""
	})
}
