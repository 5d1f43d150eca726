package controllers

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/lfs-operator/lfs-operator/api/v1alpha1"
	"github.com/lfs-operator/lfs-operator/controllers/poll"
	"github.com/lfs-operator/lfs-operator/internal/desired"
	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
	"github.com/lfs-operator/lfs-operator/internal/serverstatus"
)

// serverView is what all servers of a repository say together.
type serverView struct {
	// expected servers, and those that answered.
	expected, answered int
	// err is why one did not answer.
	err error
	// inForce is true when every server has loaded the wanted configuration.
	inForce bool
	// configErr is why one could not load it.
	configErr string
	// store is the worst of what they found of the store.
	store *serverstatus.Store
	// session with the store that ends first, of those that cannot be renewed where
	// there are any; nil where servers hold its key.
	session *serverstatus.Session
	// access is what keeps any of them from verifying identities.
	access []serverstatus.AccessProblem
	// The newest reports.
	usage   *serverstatus.Usage
	history *serverstatus.HistoryCheck
	gc      *serverstatus.GCReport
	// gcRequest is the newest that any of them knows.
	gcRequest *serverstatus.GCRequest
	adoption  *serverstatus.AdoptionReport
}

// poll tells the poller whom to ask, and reads what they said last.
func (r *LFSRepositoryReconciler) poll(_ context.Context, p *pass) error {
	if p.deployment == nil && len(p.problems) == 0 {
		p.again(time.Second) // too new for the cache, whose word of it wakes nobody
	}
	at := p.repo.Placement()
	pods, next := p.serverPods(), p.podsOf(at.Next)
	wish := poll.Wish{
		Token: p.in.Credentials.StatusToken,
		Fast:  p.expecting(p.live),
		Epoch: p.epoch(append(next, pods...)),
	}
	var serving, coming []poll.Target
	if !p.repo.Spec.Suspend {
		serving = r.targets(p, at.Name, pods)
		if at.Next != "" {
			coming = r.targets(p, at.Next, next)
		}
		wish.Targets = slices.Concat(serving, coming)
	}
	r.Poller.Want(p.key(), wish)
	p.answers = r.Poller.Answers(p.key())
	answers := p.ofReady(p.answers)
	p.server = view(serving, from(serving, answers), p.hashFor(at.Name))
	if at.Next != "" {
		p.coming = view(coming, from(coming, answers), p.hashFor(at.Next))
	}
	p.report()
	r.reportAdoption(p)
	return nil
}

// expecting is true while servers are to come up, or to take over.
func (p *pass) expecting(repo *v1alpha1.LFSRepository) bool {
	return !repo.Spec.Suspend && (!conditionTrue(repo, v1alpha1.ConditionReady) || p.repo.Placement().Next != "")
}

// targets are the pods of a server that can be asked.
func (r *LFSRepositoryReconciler) targets(p *pass, server string, pods []corev1.Pod) []poll.Target {
	if server != v1alpha1.ServerOwn && len(pods) == 0 {
		return nil
	}
	return r.Targets(p.repo, pods)
}

// from are the answers of some of those that were asked.
func from(targets []poll.Target, answers []poll.Answer) []poll.Answer {
	var out []poll.Answer
	for _, a := range answers {
		if slices.Contains(targets, a.Target) {
			out = append(out, a)
		}
	}
	return out
}

// ofReady leaves out the errors of pods that are not ready: they are starting or
// ending, and that is told elsewhere.
func (p *pass) ofReady(answers []poll.Answer) []poll.Answer {
	return slices.DeleteFunc(answers, func(a poll.Answer) bool {
		pod := p.pod(a.Target.Name)
		return a.Err != nil && pod != nil && !podReady(pod)
	})
}

// epoch names all that a server may soon have news about.
func (p *pass) epoch(pods []corev1.Pod) string {
	var b strings.Builder
	fmt.Fprint(&b, p.set.ConfigHash)
	for _, name := range p.repo.Placement().Shared() {
		fmt.Fprintf(&b, " %s=%s", name, p.hashFor(name))
	}
	for i := range pods {
		fmt.Fprintf(&b, " %s=%t", pods[i].UID, podReady(&pods[i]))
	}
	for i := range p.jobs {
		if done, _ := jobFinished(&p.jobs[i]); done != "" {
			fmt.Fprintf(&b, " %s", p.jobs[i].UID)
		}
	}
	return b.String()
}

// PodTargets are the pods that can be asked: by their own address, so that each
// replica answers for itself and no name must resolve.
func PodTargets(_ *v1alpha1.LFSRepository, pods []corev1.Pod) []poll.Target {
	var out []poll.Target
	for i := range pods {
		pod := &pods[i]
		if pod.Status.PodIP == "" || pod.Status.Phase != corev1.PodRunning {
			continue
		}
		address := net.JoinHostPort(pod.Status.PodIP, strconv.Itoa(serverconfig.PortAdmin))
		out = append(out, poll.Target{Name: pod.Name, URL: "http://" + address})
	}
	return out
}

// view puts the answers together: the worst of what needs care, the newest of
// what is a report.
func view(targets []poll.Target, answers []poll.Answer, wantHash string) serverView {
	v := serverView{expected: len(targets), inForce: len(targets) > 0 && len(answers) == len(targets)}
	for _, a := range answers {
		if a.Err != nil {
			v.err, v.inForce = a.Err, false
			continue
		}
		v.answered++
		s := a.Status
		if s.Config.Hash != wantHash {
			v.inForce = false
			if s.Config.Error != "" {
				v.configErr = s.Config.Error
			}
		}
		if v.store == nil || v.store.Ready && !s.Store.Ready {
			v.store = &s.Store
		}
		v.session = worse(v.session, s.Store.Session)
		for _, problem := range s.Access {
			if !slices.Contains(v.access, problem) {
				v.access = append(v.access, problem)
			}
		}
		if s.Usage != nil && (v.usage == nil || s.Usage.CountedAt.After(v.usage.CountedAt)) {
			v.usage = s.Usage
		}
		if s.History != nil && (v.history == nil || s.History.CheckedAt.After(v.history.CheckedAt)) {
			v.history = s.History
		}
		if s.GC != nil && (v.gc == nil || s.GC.FinishedAt.After(v.gc.FinishedAt)) {
			v.gc = s.GC
		}
		if s.Adoption != nil && (v.adoption == nil || s.Adoption.UpdatedAt.After(v.adoption.UpdatedAt)) {
			v.adoption = s.Adoption
		}
		if s.GCRequest != nil && (v.gcRequest == nil || s.GCRequest.RequestedAt.After(v.gcRequest.RequestedAt)) {
			v.gcRequest = s.GCRequest
		}
	}
	return v
}

// worse is the session that there is more to say about.
func worse(a, b *serverstatus.Session) *serverstatus.Session {
	switch {
	case a == nil:
		return b
	case b == nil || a.Error != "" && b.Error == "":
		return a
	case a.Error == "" && b.Error != "" || b.EndsAt.Before(a.EndsAt):
		return b
	}
	return a
}

func isServer(pod *corev1.Pod) bool {
	kind := pod.Labels[desired.LabelComponent]
	return kind == desired.ComponentServer || kind == desired.ComponentShared
}

func podReady(pod *corev1.Pod) bool {
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodReady {
			return c.Status == corev1.ConditionTrue
		}
	}
	return false
}

// jobFinished returns how a Job ended (Complete or Failed) and why; empty while
// it runs.
func jobFinished(job *batchv1.Job) (batchv1.JobConditionType, string) {
	for _, c := range job.Status.Conditions {
		if (c.Type == batchv1.JobComplete || c.Type == batchv1.JobFailed) && c.Status == corev1.ConditionTrue {
			return c.Type, c.Message
		}
	}
	return "", ""
}
