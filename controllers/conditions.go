package controllers

import (
	"errors"
	"slices"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lfs-operator/lfs-operator/api/v1alpha1"
	"github.com/lfs-operator/lfs-operator/internal/serverstatus"
)

// Reasons that only this file gives.
const (
	reasonChecking = serverstatus.ReasonChecking
	reasonNeverRan = "NeverRan"
	reasonJob      = "JobFailed"
)

// verdict is what a condition will say.
type verdict struct {
	status  metav1.ConditionStatus
	reason  string
	message string
	// person is true when somebody must act before it gets better.
	person bool
}

func no(reason, message string) *verdict {
	return &verdict{status: metav1.ConditionFalse, reason: reason, message: message}
}

func unknown(reason, message string) *verdict {
	return &verdict{status: metav1.ConditionUnknown, reason: reason, message: message}
}

func yes(reason, message string) *verdict {
	return &verdict{status: metav1.ConditionTrue, reason: reason, message: message}
}

// needsPerson marks a verdict as one that waiting does not change.
func (v *verdict) needsPerson() *verdict {
	v.person = true
	return v
}

// conclude decides every condition from what the steps found and how they ended.
func conclude(p *pass, end error) {
	p.repo.Status.ObservedGeneration = p.repo.Generation
	if errors.Is(end, errPersistFirst) && !p.observed && p.wasReady() {
		return // it begins again at once, and only that will have looked
	}
	ready := readiness(p, end)
	p.put(v1alpha1.ConditionReady, ready)
	p.put(v1alpha1.ConditionReconciling, reconciling(ready))
	p.put(v1alpha1.ConditionStalled, stalled(ready))
	p.put(v1alpha1.ConditionFieldsSupported, fieldsSupported(p))
	p.put(v1alpha1.ConditionServerAvailable, serverAvailable(p))
	p.put(v1alpha1.ConditionQuarantineTooShort, quarantineTooShort(p))
	if p.observed && p.repo.DeletionTimestamp == nil {
		p.put(v1alpha1.ConditionExposed, exposed(p))
	}
	for kind, decide := range map[string]func(*pass) *verdict{
		v1alpha1.ConditionStoreReady:        storeReady,
		v1alpha1.ConditionStoreSessionValid: storeSessionValid,
		v1alpha1.ConditionAccessReady:       accessReady,
		v1alpha1.ConditionHistoryReadable:   historyReadable,
		v1alpha1.ConditionGarbageCollected:  garbageCollected,
		v1alpha1.ConditionWithinQuota:       withinQuota,
		v1alpha1.ConditionAdopted:           adopted,
	} {
		v := p.held(kind)
		if v == nil || p.repo.Spec.Suspend {
			v = decide(p)
		}
		p.put(kind, v)
	}
	slices.SortStableFunc(p.repo.Status.Conditions, func(a, b metav1.Condition) int {
		return order(a.Type) - order(b.Type)
	})
}

// order puts the conditions that people look at first first.
func order(kind string) int {
	return slices.Index([]string{
		v1alpha1.ConditionReady, v1alpha1.ConditionReconciling, v1alpha1.ConditionStalled,
		v1alpha1.ConditionServerAvailable, v1alpha1.ConditionStoreReady,
		v1alpha1.ConditionStoreSessionValid, v1alpha1.ConditionAccessReady, v1alpha1.ConditionExposed,
		v1alpha1.ConditionHistoryReadable, v1alpha1.ConditionGarbageCollected,
		v1alpha1.ConditionQuarantineTooShort, v1alpha1.ConditionWithinQuota, v1alpha1.ConditionAdopted,
		v1alpha1.ConditionFieldsSupported,
	}, kind)
}

// put sets a condition, or removes it where there is no verdict.
func (p *pass) put(kind string, v *verdict) {
	if v == nil {
		meta.RemoveStatusCondition(&p.repo.Status.Conditions, kind)
		return
	}
	meta.SetStatusCondition(&p.repo.Status.Conditions, metav1.Condition{
		Type:               kind,
		Status:             v.status,
		Reason:             v.reason,
		Message:            truncate(v.message, maxMessage),
		ObservedGeneration: p.repo.Generation,
		LastTransitionTime: metav1.NewTime(p.now),
	})
}

// maxMessage is what the API takes of a condition's message, in bytes.
const maxMessage = 32768

// reconciling is there while the operator is on the way (kstatus).
func reconciling(ready *verdict) *verdict {
	if ready.status == metav1.ConditionTrue || ready.person || ready.reason == v1alpha1.ReasonSuspended {
		return nil
	}
	return yes(ready.reason, ready.message)
}

// stalled is there while a person must act (kstatus).
func stalled(ready *verdict) *verdict {
	if !ready.person {
		return nil
	}
	return yes(ready.reason, ready.message)
}

// fieldsSupported says which fields of the spec have no effect yet.
func fieldsSupported(p *pass) *verdict {
	if len(p.unsupported) == 0 {
		return yes("AllSupported", "every field of the spec has an effect")
	}
	message := ""
	for i, f := range p.unsupported {
		if i > 0 {
			message += "; "
		}
		message += f.Path + " is not supported yet: " + f.Remedy
	}
	return no(v1alpha1.ReasonFieldNotSupported, message)
}

// isTransient is true for an error that is none of ours to explain.
func isTransient(end error) bool {
	var stalled *stalledError
	var waiting *waitingError
	return end != nil && !errors.Is(end, errPersistFirst) && !errors.As(end, &stalled) && !errors.As(end, &waiting)
}
