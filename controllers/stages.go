package controllers

import (
	"cmp"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lfs-operator/lfs-operator/api/v1alpha1"
)

// stageLasts is how long a stage on the way to Ready must last before it is told.
const stageLasts = 3 * time.Second

// stages on the way to Ready: they take time, and nothing else is wrong.
var stages = map[string]bool{
	v1alpha1.ReasonProgressing:          true,
	v1alpha1.ReasonConfigurationPending: true,
	reasonChecking:                      true,
}

// holdStage leaves the status as it is while a repository goes from one stage on its
// way to Ready to the next: every write is one to etcd, and thousands of repositories
// may be on their way at once. A stage that lasts is told; and so is, at once,
// whatever is no stage, or is of a newer spec, or must be in the cluster before
// others act on it.
func (r *LFSRepositoryReconciler) holdStage(p *pass, end error) {
	mem := r.memory.of(p.key(), p.repo.UID)
	if end != nil || !p.mayHold() {
		mem.stage = ""
		return
	}
	stage := readyOf(p.repo).Message
	if p.untold() {
		stage = "new" // whichever it is, the first is told in time
	}
	if mem.stage != stage {
		mem.stage, mem.stageSince = stage, p.now
	}
	if wait := mem.stageSince.Add(cmp.Or(r.stageLasts, stageLasts)).Sub(p.now); wait > 0 {
		p.repo.Status = *p.live.Status.DeepCopy()
		p.again(wait)
	}
}

// mayHold is true between two stages, before the first, and while servers load what
// a store or an administrator has changed.
func (p *pass) mayHold() bool {
	before, now := readyOf(p.live), readyOf(p.repo)
	switch {
	case !stages[now.Reason]:
		return false
	case p.untold():
		return true
	case before == nil || before.ObservedGeneration != p.repo.Generation || !sameInEffect(p.live.Status, p.repo.Status):
		return false
	case now.Reason == v1alpha1.ReasonConfigurationPending && before.Status == metav1.ConditionTrue:
		return true
	}
	return stages[before.Reason]
}

// untold: status says nothing yet, nor must it. ServiceAccounts are let in by a
// ClusterRoleBinding that goes by status.location, and shared servers made for the
// repositories whose status names them.
func (p *pass) untold() bool {
	return p.recorded && len(p.live.Status.Conditions) == 0 && !p.repo.Spec.AdmitsServiceAccounts() && p.repo.Status.Server == nil
}

func readyOf(repo *v1alpha1.LFSRepository) *metav1.Condition {
	return meta.FindStatusCondition(repo.Status.Conditions, v1alpha1.ConditionReady)
}

// sameInEffect is true when only what people read differs; and UIDs of Secrets,
// which memory keeps until the next write.
func sameInEffect(a, b v1alpha1.LFSRepositoryStatus) bool {
	for _, s := range []*v1alpha1.LFSRepositoryStatus{&a, &b} {
		s.Conditions, s.Policy, s.URL, s.Endpoints = nil, nil, "", nil
		secrets := make([]v1alpha1.SecretStatus, len(s.Secrets))
		for i, record := range s.Secrets {
			record.UID = ""
			secrets[i] = record
		}
		s.Secrets = secrets
	}
	return equality.Semantic.DeepEqual(a, b)
}
