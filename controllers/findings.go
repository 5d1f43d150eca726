package controllers

import (
	"fmt"
	"slices"
	"strings"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lfs-operator/lfs-operator/api/v1alpha1"
	"github.com/lfs-operator/lfs-operator/internal/desired"
	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
	"github.com/lfs-operator/lfs-operator/internal/serverstatus"
)

// serverAvailable says whether pods of the server are available.
func serverAvailable(p *pass) *verdict {
	r := p.rollout()
	switch {
	case !p.observed:
		return unknown(v1alpha1.ReasonProgressing, "not looked at yet")
	case p.repo.Spec.Suspend:
		return no(v1alpha1.ReasonSuspended, "spec.suspend is set")
	case r.available > 0 && r.available >= r.wanted:
		return yes("ServersAvailable", fmt.Sprintf("%d of %d servers are available", r.available, r.wanted))
	case r.available > 0:
		return yes("SomeServersAvailable", strings.TrimSpace(fmt.Sprintf("%d of %d servers are available. %s", r.available, r.wanted, p.podProblem())))
	default:
		if problem := p.podProblem(); problem != "" {
			return no(v1alpha1.ReasonDeploymentNotReady, problem)
		}
		return no(v1alpha1.ReasonProgressing, "no server is available yet")
	}
}

// storeReady passes on what the servers found of the store.
func storeReady(p *pass) *verdict {
	s := p.server.store
	switch {
	case p.repo.Spec.Suspend:
		return unknown(v1alpha1.ReasonSuspended, "no server runs that could look")
	case s == nil:
		return unknown(v1alpha1.ReasonServerUnreachable, "no server has answered yet")
	case s.Ready:
		return yes(serverstatus.ReasonStoreReady, "the store is reachable, takes the credentials, and does what is needed of it")
	case s.Reason == serverstatus.ReasonChecking:
		return unknown(s.Reason, s.Message)
	default:
		return no(s.Reason, s.Message)
	}
}

// storeSessionValid warns before a session with the store ends that cannot be renewed.
func storeSessionValid(p *pass) *verdict {
	own := p.repo.Spec.Storage
	expected := p.in.Store != nil && p.in.Store.UsesSessions() || own != nil && own.WebIdentity != nil
	if !expected || p.repo.Spec.Suspend || p.server.session == nil {
		return nil
	}
	s := p.server.session
	switch {
	case s.Error == "" && !s.EndsAt.IsZero():
		return yes(v1alpha1.ReasonSessionRenewed, "the servers' sessions with the store are renewed in time")
	case s.Error == "":
		return unknown(v1alpha1.ReasonProgressing, "the server is asking for its first session")
	case s.EndsAt.IsZero():
		return no(v1alpha1.ReasonSessionNotRenewed, "a server got no session with the store yet: "+s.Error)
	}
	return no(v1alpha1.ReasonSessionNotRenewed, fmt.Sprintf("a server's session with the store ends at %s and could not be renewed: %s. Clients are served until then.",
		s.EndsAt.UTC().Format(time.RFC3339), s.Error))
}

// accessReady passes on what keeps the servers from verifying identities.
func accessReady(p *pass) *verdict {
	a := p.repo.Spec.Access
	switch {
	case a == nil || a.JWT == nil && a.Kubernetes == nil:
		return nil
	case p.repo.Spec.Suspend:
		return unknown(v1alpha1.ReasonSuspended, "no server runs that could look")
	case p.server.answered == 0:
		return unknown(v1alpha1.ReasonServerUnreachable, "no server has answered yet")
	case len(p.server.access) == 0:
		return yes("AccessReady", "identities can be verified")
	}
	var messages []string
	for _, problem := range p.server.access {
		messages = append(messages, problem.Message)
	}
	return no(p.server.access[0].Reason, strings.Join(messages, " "))
}

// historyReadable passes on the last check of the history list.
func historyReadable(p *pass) *verdict {
	if len(p.repo.Spec.History) == 0 {
		return nil
	}
	if !p.historyChecked() {
		if message := p.jobFailure(desired.ComponentCheck, time.Time{}, ""); message != "" {
			return no(reasonJob, message)
		}
		return unknown(reasonChecking, "the history has not been looked at yet")
	}
	var failures []string
	for _, e := range p.server.history.Entries {
		if !e.OK {
			failures = append(failures, fmt.Sprintf("history %q: %s", e.Name, e.Message))
		}
	}
	if len(failures) > 0 {
		return no(historyFailure(p.server.history), strings.Join(failures, "; "))
	}
	return yes(serverstatus.ReasonHistoryReadable, fmt.Sprintf("%d history entries can be read", len(p.server.history.Entries)))
}

// garbageCollected tells how the last run ended, and what keeps the next one
// from deleting anything.
func garbageCollected(p *pass) *verdict {
	report := p.server.gc
	if report == nil && p.repo.Status.GC != nil && p.repo.Status.GC.LastRun != nil {
		last := p.repo.Status.GC.LastRun
		report = &serverstatus.GCReport{ID: last.ID, Outcome: last.Outcome, Message: last.Message, FinishedAt: last.FinishedAt.Time}
	}
	var since time.Time
	var reported string
	if report != nil {
		since, reported = report.FinishedAt, report.ID
	}
	if message := p.jobFailure(desired.ComponentGC, since, reported); message != "" {
		return no(reasonJob, message)
	}
	switch {
	case p.in.Store != nil && p.in.Store.SuspendsGC():
		return no(v1alpha1.ReasonSuspended, "the administrator has suspended garbage collection in this object store: nothing is deleted until that is taken back")
	case report == nil && len(p.repo.Spec.History) == 0:
		return unknown(reasonNeverRan, "garbage collection has not run yet; without spec.history it will report and delete nothing")
	case report == nil:
		return unknown(reasonNeverRan, "garbage collection has not run yet")
	case report.Outcome == serverstatus.GCSucceeded:
		return yes(serverstatus.GCSucceeded, fmt.Sprintf("run %s: %s", report.ID, orElse(report.Message, "came to its end")))
	default:
		return no(orElse(report.Reason, report.Outcome), fmt.Sprintf("run %s: %s", report.ID, orElse(report.Message, "did not come to its end")))
	}
}

// quarantineTooShort warns of a quarantine that does not cover a push which is
// under way: garbage collection keeps its promise under that condition only.
func quarantineTooShort(p *pass) *verdict {
	policy := p.repo.Status.Policy
	if policy == nil || policy.GCMode == nil || policy.Quarantine == nil || policy.GCMode.Value != string(v1alpha1.GCDelete) ||
		policy.Quarantine.Value.Duration > serverconfig.SafeQuarantine {
		return nil
	}
	return yes(v1alpha1.ConditionQuarantineTooShort, fmt.Sprintf("gc.quarantine (%s) must be longer than %s: a link to upload lives up to %s, "+
		"servers remember what is there for %s, and a push takes a while from its last upload to its ref. "+
		"A push that is under way could lose objects that it was told are there. Raise gc.quarantine, unless nobody pushes",
		policy.Quarantine.Value.Duration, serverconfig.SafeQuarantine, serverconfig.LongestLink, serverconfig.RememberedFor))
}

// reportDelay is how long a Job's own report takes to arrive: the server looks
// for it now and then. Tests are less patient.
var reportDelay = 20 * time.Second

// jobFailure tells of the newest Job of a component, if it failed after since
// and has not reported why.
func (p *pass) jobFailure(component string, since time.Time, reported string) string {
	var newest *batchv1.Job
	for i := range p.jobs {
		job := &p.jobs[i]
		if kind := job.Labels[desired.LabelComponent]; kind != component && !(kind == desired.ComponentSweep && component == desired.ComponentGC) {
			continue
		}
		if done, _ := jobFinished(job); done == "" {
			continue
		}
		if newest == nil || newest.CreationTimestamp.Before(&job.CreationTimestamp) || runOf(job) == newest.Name {
			newest = job
		}
	}
	if newest == nil || runOf(newest) == reported {
		return ""
	}
	done, message := jobFinished(newest)
	if done != batchv1.JobFailed || !failedAt(newest).After(since) {
		return ""
	}
	// A run that failed has usually said why, and the server will pass it on.
	if wait := failedAt(newest).Add(reportDelay).Sub(p.now); wait > 0 {
		p.again(wait)
		return ""
	}
	return p.describeFailure(newest, message)
}

// describeFailure says why a Job failed: the last lines of its log where a pod
// still tells, else where to look.
func (p *pass) describeFailure(job *batchv1.Job, message string) string {
	if words := p.lastWords(job); words != "" {
		return fmt.Sprintf("Job %s failed: %s", job.Name, words)
	}
	return fmt.Sprintf("Job %s failed: %s; look at its log: kubectl logs job/%s --all-containers", job.Name, message, job.Name)
}

// lastWords is what a failed container of a Job said in the end.
func (p *pass) lastWords(job *batchv1.Job) string {
	for i := range p.pods {
		pod := &p.pods[i]
		if pod.Labels[batchv1.JobNameLabel] != job.Name {
			continue
		}
		for _, c := range slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses) {
			if t := c.State.Terminated; t != nil && t.ExitCode != 0 && t.Message != "" {
				return lastLine(t.Message)
			}
		}
	}
	return ""
}

// exposed says what became of the routes that are asked for.
func exposed(p *pass) *verdict {
	e := p.in.Exposure()
	if !e.Wanted() {
		return nil
	}
	if reason, message := p.in.Obstacle(); reason != "" {
		return no(reason, message)
	}
	if e.HTTPRoute != nil && !p.in.GatewayAPI {
		return no(v1alpha1.ReasonGatewayAPIMissing,
			"the cluster knows no HTTPRoutes: install the CRDs of the Gateway API (standard channel, 1.2 or later) and a controller for them, or ask for an Ingress")
	}
	at := p.in.Server()
	made := fmt.Sprintf("%s in namespace %s routes %s to the server", strings.Join(e.Kinds(desired.ServerName(at.Base)), " and "), at.Namespace, strings.Join(e.Hosts, ", "))
	if e.HTTPRoute == nil {
		return yes(v1alpha1.ReasonRoutesMade, made)
	}
	v := routeTaken(p)
	if v.status == metav1.ConditionTrue {
		v.message = made + "; " + v.message
	}
	return v
}

// lastLine is where programs say why they end.
func lastLine(log string) string {
	lines := strings.Split(strings.TrimSpace(log), "\n")
	return strings.TrimSpace(lines[len(lines)-1])
}

func failedAt(job *batchv1.Job) time.Time {
	for _, c := range job.Status.Conditions {
		if c.Type == batchv1.JobFailed {
			return c.LastTransitionTime.Time
		}
	}
	return time.Time{}
}

func orElse(s, fallback string) string {
	if s == "" {
		return fallback
	}
	return s
}
