package controllers

import (
	"errors"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lfs-operator/lfs-operator/api/v1alpha1"
	"github.com/lfs-operator/lfs-operator/internal/serverstatus"
)

// readiness answers "why is it not ready": the first that has an answer decides.
func readiness(p *pass, end error) *verdict {
	for _, why := range []func(*pass, error) *verdict{
		stopped, failed, obstructed, suspended, starting, unanswered, pending, awaitsAdoption, storeNotReady,
	} {
		if v := why(p, end); v != nil {
			return v
		}
	}
	return yes(v1alpha1.ReasonReady, "clients can push and pull")
}

// stopped: a step said that there is no going on.
func stopped(_ *pass, end error) *verdict {
	var s *stalledError
	if errors.As(end, &s) {
		return no(s.reason, s.message).needsPerson()
	}
	var w *waitingError
	if errors.As(end, &w) {
		return no(w.reason, w.message)
	}
	return nil
}

// failed: a step could not do its work, which may pass. A repository that was
// Ready stays so: its server runs without the operator.
func failed(p *pass, end error) *verdict {
	if !isTransient(end) {
		return nil
	}
	if was := meta.FindStatusCondition(p.live.Status.Conditions, v1alpha1.ConditionReady); was != nil && was.ObservedGeneration == p.repo.Generation {
		v := &verdict{status: was.Status, reason: was.Reason, message: was.Message}
		v.person = meta.IsStatusConditionTrue(p.live.Status.Conditions, v1alpha1.ConditionStalled)
		return v
	}
	return unknown(v1alpha1.ReasonProgressing, "the operator's last attempt met an error, and it tries again: "+end.Error())
}

// obstructed: something stands in the way of our objects.
func obstructed(p *pass, _ error) *verdict {
	if len(p.problems) == 0 {
		return nil
	}
	var messages []string
	var worst *problem
	for i := range p.problems {
		messages = append(messages, p.problems[i].message)
		if worst == nil && !p.problems[i].passes {
			worst = &p.problems[i]
		}
	}
	if worst == nil {
		return unknown(v1alpha1.ReasonProgressing, strings.Join(messages, "; "))
	}
	return no(worst.reason, strings.Join(messages, "; ")).needsPerson()
}

func suspended(p *pass, _ error) *verdict {
	if !p.repo.Spec.Suspend || !p.observed {
		return nil
	}
	return no(v1alpha1.ReasonSuspended, "spec.suspend is set: no server runs; the data stays")
}

// starting: the pods of this generation are not there yet.
func starting(p *pass, _ error) *verdict {
	if !p.observed || p.deployment == nil {
		return unknown(v1alpha1.ReasonProgressing, "the operator is creating what the repository needs")
	}
	r := p.rollout()
	enough := r.available >= r.wanted
	if !enough && r.available > 0 && p.wasReady() {
		enough = true // one of several is missing: clients are still served
	}
	if r.current && enough {
		return nil
	}
	if problem := p.podProblem(); problem != "" {
		return no(v1alpha1.ReasonDeploymentNotReady, problem)
	}
	if r.available == 0 {
		return no(v1alpha1.ReasonProgressing, "the server is starting")
	}
	return unknown(v1alpha1.ReasonProgressing, fmt.Sprintf("%d of %d servers are available, or not all run the current pod template yet", r.available, r.wanted))
}

// wasReady is true when the last pass found this generation ready.
func (p *pass) wasReady() bool {
	c := meta.FindStatusCondition(p.live.Status.Conditions, v1alpha1.ConditionReady)
	return c != nil && c.Status == metav1.ConditionTrue && c.ObservedGeneration == p.repo.Generation
}

// unanswered: what only the servers can see is not known.
func unanswered(p *pass, _ error) *verdict {
	if p.server.err != nil {
		return unknown(v1alpha1.ReasonServerUnreachable, p.server.err.Error())
	}
	if p.server.answered < p.server.expected || p.server.expected == 0 {
		if held := p.held(v1alpha1.ConditionReady); held != nil {
			return held
		}
		return unknown(v1alpha1.ReasonProgressing, "the server has not been asked yet")
	}
	return nil
}

// pending: a server still works by an older configuration.
func pending(p *pass, _ error) *verdict {
	switch {
	case p.server.inForce:
		return nil
	case p.server.configErr != "":
		return no(v1alpha1.ReasonInvalidSpec, "the server refuses its configuration and keeps the one before: "+p.server.configErr).needsPerson()
	default:
		return unknown(v1alpha1.ReasonConfigurationPending, "the server has not loaded the current configuration yet; until then it works by the one before")
	}
}

// curable are problems of the store that may pass without a person.
var curable = map[string]bool{
	serverstatus.ReasonChecking:              true,
	serverstatus.ReasonStoreUnreachable:      true,
	serverstatus.ReasonAdopting:              true,
	serverstatus.ReasonSigningKeysMissing:    true,
	serverstatus.ReasonSigningKeysMismatched: true,
}

// storeNotReady passes on what the server found.
func storeNotReady(p *pass, _ error) *verdict {
	s := p.server.store
	switch {
	case s.Ready:
		return nil
	case s.Reason == serverstatus.ReasonChecking:
		return unknown(s.Reason, s.Message)
	case curable[s.Reason]:
		return no(s.Reason, s.Message)
	default:
		return no(s.Reason, s.Message).needsPerson()
	}
}

// held is the verdict of an earlier pass on this generation, for as long as the
// servers have not been asked: after a restart of the operator, or beside a new
// pod. Not to have asked yet is no news.
func (p *pass) held(kind string) *verdict {
	was := meta.FindStatusCondition(p.live.Status.Conditions, kind)
	if was == nil || was.ObservedGeneration != p.repo.Generation || p.server.err != nil || p.server.answered == p.server.expected && p.server.expected > 0 {
		return nil
	}
	return &verdict{
		status: was.Status, reason: was.Reason, message: was.Message,
		person: kind == v1alpha1.ConditionReady && conditionTrue(p.live, v1alpha1.ConditionStalled),
	}
}

func conditionTrue(repo *v1alpha1.LFSRepository, kind string) bool {
	return meta.IsStatusConditionTrue(repo.Status.Conditions, kind)
}
