package controllers

import (
	"context"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/lfs-operator/lfs-operator/api/v1alpha1"
	"github.com/lfs-operator/lfs-operator/controllers/poll"
	"github.com/lfs-operator/lfs-operator/internal/desired"
)

// pass is one reconcile of one LFSRepository.
type pass struct {
	// live is the object as it was read; nobody changes it.
	live *v1alpha1.LFSRepository
	// repo is a deep copy; steps fill in its status and leave the rest alone.
	repo *v1alpha1.LFSRepository
	now  time.Time

	// in is what children are made from, filled in step by step.
	in      desired.Inputs
	secrets []desired.Secret
	set     desired.Set
	// unsupported fields of the spec, blocking ones first.
	unsupported []v1alpha1.UnsupportedField
	// purges is true while a deletion takes the data along.
	purges bool
	// retained says why data stays that should have been deleted, to be told
	// when the resource goes.
	retained string
	// persist is set by steps whose findings must be in the cluster before others act on them.
	persist bool
	// recorded: they are, in an annotation; see annotationRecord.
	recorded bool
	// was are the conditions at the beginning.
	was []metav1.Condition

	// What was observed.
	deployment *appsv1.Deployment
	pods       []corev1.Pod
	jobs       []batchv1.Job
	route      *httpRoute
	// server is the one that clients are sent to; coming may be another one.
	server, coming serverView
	// answers of all servers.
	answers []poll.Answer
	// observed is true when the steps that look at children have run.
	observed bool

	problems []problem
	events   []note
	heard    []heard
	// next is the soonest time at which a step wants to be called again; 0: none.
	next time.Duration
}

func newPass(live *v1alpha1.LFSRepository, now time.Time) *pass {
	return &pass{live: live, repo: live.DeepCopy(), now: now, was: live.Status.Conditions}
}

func (p *pass) key() types.NamespacedName {
	return types.NamespacedName{Namespace: p.repo.Namespace, Name: p.repo.Name}
}

// again asks for another pass after d at the latest.
func (p *pass) again(d time.Duration) {
	if d > 0 && (p.next == 0 || d < p.next) {
		p.next = d
	}
}

// complain records a problem that a person must solve.
func (p *pass) complain(reason, message string) {
	p.problems = append(p.problems, problem{reason: reason, message: message})
	p.again(recheck)
}

// await records a problem that goes away by itself, to be looked at again soon.
func (p *pass) await(message string, after time.Duration) {
	p.problems = append(p.problems, problem{reason: v1alpha1.ReasonProgressing, message: message, passes: true})
	p.again(after)
}

// step is a named part of a pass.
type step struct {
	name string
	run  func(context.Context, *pass) error
}
