package controllers

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/lfs-operator/lfs-operator/api/v1alpha1"
	"github.com/lfs-operator/lfs-operator/controllers/poll"
)

// This file ends the service of a repository by the servers that it shares, before
// its data is deleted: whatever could still write there would write for nobody.

// leftLag is how long what is mounted may still change to what it was before the
// repository was taken out: a kubelet that had just read it writes it, and the server
// looks at its files. Before that no pod is asked, nor made to look. Tests are less
// patient.
var leftLag = 3 * time.Second

// askLeft is the time between two questions to the pods that still serve it.
const askLeft = 2 * time.Second

// unserved waits until no pod of a shared server serves the repository any more, so
// that nothing of it can write.
func (r *LFSRepositoryReconciler) unserved(ctx context.Context, p *pass) error {
	servers := p.repo.Placement().Shared()
	for _, name := range servers {
		if err := r.leave(ctx, p, name); err != nil {
			return err
		}
	}
	for _, name := range servers {
		left := r.memory.of(p.key(), p.repo.UID).shared[name].at
		after, err := r.stillServed(ctx, p, name, left)
		if err != nil {
			return err
		}
		if after > 0 {
			return &waitingError{v1alpha1.ReasonDeleting, fmt.Sprintf(
				"pods of the shared server %s still serve the repository, or give no answer; %s", name, keepData), after}
		}
	}
	return nil
}

// stillServed is 0 when no pod of a shared server serves the repository, which was
// taken out at left, and else the time until they are to be asked again. One that
// gives no answer may serve it, and so may one that is on its way out: that follows
// its files no more.
func (r *LFSRepositoryReconciler) stillServed(ctx context.Context, p *pass, server string, left time.Time) (time.Duration, error) {
	var pods []corev1.Pod
	for _, pod := range p.anyPodsOf(server) {
		if pod.Spec.NodeName != "" { // else nothing is mounted yet
			pods = append(pods, pod)
		}
	}
	if len(pods) == 0 {
		return 0, nil
	}
	settled := left.Add(leftLag)
	if wait := settled.Sub(p.now); wait > 0 {
		return wait, nil
	}
	answers := map[string]poll.Answer{}
	for _, a := range r.Poller.Ask(r.Targets(p.live, pods), r.Master.StatusToken(string(p.repo.UID))) {
		answers[a.Target.Name] = a
	}
	var after time.Duration
	for i := range pods {
		a, asked := answers[pods[i].Name]
		if asked && errors.Is(a.Err, poll.ErrRefused) {
			continue
		}
		after = askLeft
		// Whoever drains has noticed.
		if a.Status == nil || a.Status.Draining || pods[i].DeletionTimestamp != nil {
			continue
		}
		if err := r.nudgeLeft(ctx, p, &pods[i], settled); err != nil {
			return 0, err
		}
	}
	return after, nil
}

// leftMounts begins the annotation of a pod that was made to look by nudgeLeft; the
// time in milliseconds follows.
const leftMounts = "left."

// nudgeLeft makes a pod look at its files, in which the repository stands no more. It
// does so again when that was of no use: the kubelet may have had the old ones yet.
// What was done for another repository since counts for all.
func (r *LFSRepositoryReconciler) nudgeLeft(ctx context.Context, p *pass, pod *corev1.Pod, settled time.Time) error {
	mem := r.memory.of(p.key(), p.repo.UID)
	for _, mounts := range []string{pod.Annotations[annotationMounts], mem.nudged[pod.UID]} {
		text, _ := strings.CutPrefix(mounts, leftMounts)
		ms, err := strconv.ParseInt(text, 10, 64)
		if last := time.UnixMilli(ms); err == nil && !last.Before(settled.Truncate(time.Millisecond)) && p.now.Sub(last) < recheck {
			return nil
		}
	}
	mounts := leftMounts + strconv.FormatInt(p.now.UnixMilli(), 10)
	if err := r.annotateMounts(ctx, pod, mounts); err != nil {
		return err
	}
	mem.nudged[pod.UID] = mounts
	return nil
}
