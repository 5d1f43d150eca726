package controllers

import (
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lfs-operator/lfs-operator/api/v1alpha1"
)

// stageLasts is how long a stage on the way to Ready must last before it is told.
// Tests are less patient.
var stageLasts = 3 * time.Second

// holdStage leaves the status as it is while a repository goes from one stage on its
// way to Ready to the next: every write is one to etcd, and thousands of repositories
// may be on their way at once. A stage that lasts is told; and so is, at once,
// whatever is no stage, or is of a newer spec, or must be in the cluster before
// others act on it.
func (r *LFSRepositoryReconciler) holdStage(p *pass, end error) {
	mem := r.memory.of(p.key(), p.repo.UID)
	before, now := onTheWay(p.live), onTheWay(p.repo)
	if end != nil || before == nil || now == nil || !sameButConditions(p.live.Status, p.repo.Status) {
		mem.stage = ""
		return
	}
	if mem.stage != now.Message {
		mem.stage, mem.stageSince = now.Message, p.now
	}
	if wait := mem.stageSince.Add(stageLasts).Sub(p.now); wait > 0 {
		p.repo.Status = *p.live.Status.DeepCopy()
		p.again(wait)
	}
}

// onTheWay is the Ready condition of a repository that is not Ready, for no other
// reason than that it takes time; nil of all others.
func onTheWay(repo *v1alpha1.LFSRepository) *metav1.Condition {
	c := meta.FindStatusCondition(repo.Status.Conditions, v1alpha1.ConditionReady)
	if c == nil || c.ObservedGeneration != repo.Generation || c.Reason != v1alpha1.ReasonProgressing {
		return nil
	}
	return c
}

// sameButConditions is true when nothing else differs, except for UIDs of Secrets,
// which memory keeps until the next write.
func sameButConditions(a, b v1alpha1.LFSRepositoryStatus) bool {
	for _, s := range []*v1alpha1.LFSRepositoryStatus{&a, &b} {
		s.Conditions = nil
		secrets := make([]v1alpha1.SecretStatus, len(s.Secrets))
		for i, record := range s.Secrets {
			record.UID = ""
			secrets[i] = record
		}
		s.Secrets = secrets
	}
	return equality.Semantic.DeepEqual(a, b)
}
