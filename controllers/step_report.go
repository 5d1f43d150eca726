package controllers

import (
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lfs-operator/lfs-operator/api/v1alpha1"
	"github.com/lfs-operator/lfs-operator/internal/serverstatus"
)

// report copies the servers' reports into status. What they no longer say stays.
func (p *pass) report() {
	if u := p.server.usage; u != nil {
		p.repo.Status.Usage = &v1alpha1.Usage{Objects: u.Objects, Size: *resource.NewQuantity(u.Bytes, resource.DecimalSI)}
	}
	if g := p.server.gc; g != nil {
		p.gcStatus().LastRun = gcRun(g)
	}
}

func (p *pass) gcStatus() *v1alpha1.GCStatus {
	if p.repo.Status.GC == nil {
		p.repo.Status.GC = &v1alpha1.GCStatus{}
	}
	return p.repo.Status.GC
}

func gcRun(g *serverstatus.GCReport) *v1alpha1.GCRun {
	return &v1alpha1.GCRun{
		ID:          g.ID,
		Mode:        v1alpha1.GCMode(g.Mode),
		Outcome:     g.Outcome,
		Message:     g.Message,
		StartedAt:   metav1.NewTime(g.StartedAt.Truncate(time.Second)),
		FinishedAt:  metav1.NewTime(g.FinishedAt.Truncate(time.Second)),
		Kept:        g.Kept,
		Condemned:   g.Condemned,
		Deleted:     g.Deleted,
		DeletedSize: *resource.NewQuantity(g.DeletedBytes, resource.DecimalSI),
		Orphans:     g.Orphans,
	}
}

// usageEvery is the least time between two status writes that only say that
// objects came or went.
const usageEvery = time.Minute

// holdUsage leaves the counts as they were when nothing else has changed and
// they were written a moment ago. A pushing client must not make the operator
// write every few seconds.
func (r *LFSRepositoryReconciler) holdUsage(p *pass) {
	before, now := p.live.Status.Usage, p.repo.Status.Usage
	if before == nil || now == nil || before.Objects == now.Objects && before.Size.Cmp(now.Size) == 0 {
		return
	}
	mem := r.memory.of(p.key(), p.repo.UID)
	if wait := mem.usageWritten.Add(usageEvery).Sub(p.now); wait > 0 {
		p.repo.Status.Usage = before.DeepCopy()
		p.again(wait)
		return
	}
	mem.usageWritten = p.now
}
