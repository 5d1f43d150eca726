package controllers

import (
	"context"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/desired"
	"github.com/lfs-operator/lfs-operator/internal/serverstatus"
)

// A history that could not be read is tried again after firstCheckPause, which
// doubles up to maxCheckPause.
const (
	firstCheckPause = 30 * time.Second
	maxCheckPause   = 10 * time.Minute
)

// checkHistory starts a Job that tries to read the history: after every change
// of the list, and again for as long as it fails. The operator itself can read
// neither Git nor the Secrets for it.
func (r *LFSRepositoryReconciler) checkHistory(ctx context.Context, p *pass) error {
	revision := p.set.HistoryRevision
	// The Job reports to a server that must know the list, and keep the report.
	if revision == "" || p.repo.Spec.Suspend || !p.server.inForce || !p.storeReady() {
		return nil
	}
	if p.historyChecked() && historyFailure(p.server.history) == "" {
		return nil
	}
	mem := r.memory.of(p.key(), p.repo.UID)
	if mem.checkRevision != revision {
		mem.checkRevision, mem.checkFailures, mem.nextCheck = revision, 0, time.Time{}
	}
	if wait := mem.nextCheck.Sub(p.now); wait > 0 {
		p.again(wait)
		return nil
	}
	attempt := revision
	if p.server.history != nil {
		// Each failed check leaves its time, which names the next one.
		attempt += p.server.history.CheckedAt.UTC().Format(time.RFC3339Nano)
	}
	if err := r.sortErrors(p, r.Applier.Create(ctx, desired.CheckJob(p.in, attempt))); err != nil {
		return err
	}
	pause := min(firstCheckPause<<min(mem.checkFailures, 8), maxCheckPause)
	mem.checkFailures++
	mem.nextCheck = p.now.Add(pause)
	p.again(pause)
	return nil
}

// historyChecked is true when the servers know of a check of the wanted list.
func (p *pass) historyChecked() bool {
	return p.server.history != nil && p.server.history.Revision == p.set.HistoryRevision
}

// historyFailure is the reason of the first entry that could not be read.
func historyFailure(check *serverstatus.HistoryCheck) string {
	for _, e := range check.Entries {
		if !e.OK {
			return e.Reason
		}
	}
	return ""
}

func (p *pass) storeReady() bool { return p.server.store != nil && p.server.store.Ready }
