package controllers

import (
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lfs-operator/lfs-operator/api/v1alpha1"
	"github.com/lfs-operator/lfs-operator/internal/desired"
	"github.com/lfs-operator/lfs-operator/internal/serverstatus"
)

func adopts(prefix string) func(*v1alpha1.LFSRepository) {
	return func(r *v1alpha1.LFSRepository) { r.Spec.AdoptFrom = &v1alpha1.AdoptFrom{Prefix: prefix} }
}

// adoption makes the servers tell of one.
func (w *world) adoption(repo *v1alpha1.LFSRepository, change func(*serverstatus.AdoptionReport)) {
	now := time.Now().Truncate(time.Second)
	report := &serverstatus.AdoptionReport{UID: string(repo.UID), StartedAt: now, UpdatedAt: now, Objects: 7, Bytes: 700}
	change(report)
	w.server.set(func(s *serverstatus.Status) { s.Adoption = report })
}

// TestAdopt: a Job takes the objects over while the server serves, again if it
// must, and once more when asked; what it found stands in status.
func TestAdopt(t *testing.T) {
	w := newWorld(t)
	repo := w.create("models", adopts("old/"))
	w.ready("models")
	name := desired.AdoptJobName("models", "")
	job := w.job(name)
	if c := job.Spec.Template.Spec.Containers[0]; c.Args[0] != "adopt" || len(c.VolumeMounts) != 2 {
		t.Errorf("the Job runs %v with %v", c.Args, c.VolumeMounts)
	}
	if !metav1.IsControlledBy(job, repo) {
		t.Error("the Job has no owner")
	}
	if from := w.server.loaded("models").AdoptFrom; from == nil || from.Prefix != "old/" || from.Bucket != "bucket" {
		t.Errorf("the configuration says %+v", from)
	}
	w.wait("models", v1alpha1.ConditionAdopted, metav1.ConditionFalse, v1alpha1.ReasonAdopting)

	w.finish(job, batchv1.JobFailed, "lfs-server: adopting from bucket/old/: connection refused")
	w.wait("models", v1alpha1.ConditionAdopted, metav1.ConditionFalse, reasonJob)
	// What its time to live does in a cluster.
	if err := w.c.Delete(t.Context(), job, client.PropagationPolicy(metav1.DeletePropagationBackground)); err != nil {
		t.Fatal(err)
	}
	w.eventually("another Job", func() string {
		if again := w.job(name); again.UID == job.UID {
			return "still the old one"
		}
		return ""
	})
	// One of another repository is none of ours.
	w.adoption(repo, func(r *serverstatus.AdoptionReport) { r.UID, r.FinishedAt = "another", time.Now() })
	w.finish(w.job(name), batchv1.JobComplete, "")
	w.settled()
	w.wait("models", v1alpha1.ConditionAdopted, metav1.ConditionFalse, v1alpha1.ReasonAdopting)

	const damaged = "old/aa/bb/aabb"
	w.adoption(repo, func(r *serverstatus.AdoptionReport) {
		r.FinishedAt, r.Wrong = time.Now(), 12
		for range 12 {
			r.WrongObjects = append(r.WrongObjects, serverstatus.WrongObject{Key: damaged, Size: 9, SHA256: strings.Repeat("e", 64)})
		}
	})
	repo = w.wait("models", v1alpha1.ConditionAdopted, metav1.ConditionFalse, v1alpha1.ReasonWrongContent)
	message := meta.FindStatusCondition(repo.Status.Conditions, v1alpha1.ConditionAdopted).Message
	for _, says := range []string{damaged, "2 more", v1alpha1.AnnotationRunAdoption, strings.Repeat("e", 64)} {
		if !strings.Contains(message, says) {
			t.Errorf("%q does not say %q", message, says)
		}
	}
	if a := repo.Status.Adoption; a.Objects != 7 || a.Wrong != 12 || len(a.WrongObjects) != 10 {
		t.Errorf("status says %+v", a)
	}
	if !conditionTrue(repo, v1alpha1.ConditionReady) {
		t.Error("wrong objects keep the others from being served")
	}

	w.change("models", func(r *v1alpha1.LFSRepository) {
		r.Annotations = map[string]string{v1alpha1.AnnotationRunAdoption: "mended"}
	})
	w.job(desired.AdoptJobName("models", "mended"))
	w.wait("models", v1alpha1.ConditionAdopted, metav1.ConditionFalse, v1alpha1.ReasonAdopting)
	w.adoption(repo, func(r *serverstatus.AdoptionReport) {
		r.Request, r.FinishedAt = desired.AdoptRequest("mended"), time.Now()
	})
	w.wait("models", v1alpha1.ConditionAdopted, metav1.ConditionTrue, v1alpha1.ReasonAdopted)
}

// TestAdoptInPlace: the prefix is the one that another repository had; while that
// one exists in this cluster nothing is touched.
func TestAdoptInPlace(t *testing.T) {
	w := newWorld(t)
	old := w.create("old", func(r *v1alpha1.LFSRepository) { r.Spec.Prefix = "team-a/models/" })
	w.ready("old")
	w.server.set(func(s *serverstatus.Status) {
		s.Store = serverstatus.Store{Reason: serverstatus.ReasonPrefixInUse, Message: "it belongs to another"}
	})
	w.create("models", adopts("team-a/models/"), func(r *v1alpha1.LFSRepository) { r.Spec.AdoptFrom.Method = v1alpha1.AdoptInPlace })
	repo := w.wait("models", v1alpha1.ConditionReady, metav1.ConditionFalse, serverstatus.ReasonPrefixInUse)
	if repo.Status.Location.Prefix != "team-a/models/" || !strings.Contains(describe(repo), "/old") {
		t.Errorf("prefix %s: %s", repo.Status.Location.Prefix, describe(repo))
	}
	if err := w.c.Get(t.Context(), client.ObjectKey{Namespace: w.ns, Name: desired.AdoptJobName("models", "")}, &batchv1.Job{}); err == nil {
		t.Fatal("a Job takes over what another repository has")
	}
	if err := w.c.Delete(t.Context(), old); err != nil {
		t.Fatal(err)
	}
	w.gone("old")
	w.job(desired.AdoptJobName("models", ""))
	w.wait("models", v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonAdopting)
	w.adoption(repo, func(r *serverstatus.AdoptionReport) { r.FinishedAt = time.Now() })
	w.server.set(func(s *serverstatus.Status) {
		s.Store = serverstatus.Store{Ready: true, Reason: serverstatus.ReasonStoreReady}
	})
	w.ready("models")
	w.wait("models", v1alpha1.ConditionAdopted, metav1.ConditionTrue, v1alpha1.ReasonAdopted)
}

// TestAdoptFromStore: in an administrator's store nothing is taken over that is not
// listed for the namespace; the Job runs where the key is.
func TestAdoptFromStore(t *testing.T) {
	w, _ := newStoreWorld(t)
	w.create("models", inStore(w), adopts("team-b/models-1/"))
	repo := w.wait("models", v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonLimitExceeded)
	if repo.Status.Location != nil || !strings.Contains(describe(repo), "spec.adoptFrom") {
		t.Errorf("location %v: %s", repo.Status.Location, describe(repo))
	}
	allow := func(a ...v1alpha1.Adoption) {
		w.changeStore(func(s *v1alpha1.LFSStore) { s.Spec.Adoptions = a })
	}
	allow(v1alpha1.Adoption{Namespace: "another", Prefix: "team-b/"}, v1alpha1.Adoption{Namespace: w.ns, Prefix: "team-b/models-1/x/"},
		v1alpha1.Adoption{Namespace: w.ns, Prefix: "team-b/", Bucket: "another"})
	w.settled()
	w.wait("models", v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonLimitExceeded)
	allow(v1alpha1.Adoption{Namespace: w.ns, Prefix: "team-b/"})
	repo = w.ready("models")
	at := serverOf(repo)
	job := w.jobIn(at.Namespace, desired.AdoptJobName(at.Base, ""))
	if err := w.c.Delete(t.Context(), repo); err != nil {
		t.Fatal(err)
	}
	w.gone("models")
	w.eventually("the Job goes with the repository", func() string {
		if err := w.c.Get(t.Context(), client.ObjectKeyFromObject(job), &batchv1.Job{}); err == nil && job.DeletionTimestamp == nil {
			return "still there"
		}
		return ""
	})
}
