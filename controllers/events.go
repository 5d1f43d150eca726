package controllers

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lfs-operator/lfs-operator/api/v1alpha1"
)

const (
	normal  = corev1.EventTypeNormal
	warning = corev1.EventTypeWarning
)

// note is an event to be sent; it goes out after the status that it belongs to has been written, so that a
// conflict does not send it twice.
type note struct {
	kind, reason, action, text string
}

// event records an event for the end of the pass.
func (p *pass) event(kind, reason, action, format string, args ...any) {
	p.events = append(p.events, note{kind, reason, action, fmt.Sprintf(format, args...)})
}

// told are the conditions whose transitions are events. StoreReady and
// ServerAvailable are not: Ready passes their reasons on.
var told = []string{
	v1alpha1.ConditionReady,
	v1alpha1.ConditionAccessReady,
	v1alpha1.ConditionHistoryReadable,
	v1alpha1.ConditionGarbageCollected,
	v1alpha1.ConditionQuarantineTooShort,
	v1alpha1.ConditionWithinQuota,
	v1alpha1.ConditionFieldsSupported,
}

// abnormal conditions are there only while something is wrong.
var abnormal = map[string]bool{v1alpha1.ConditionQuarantineTooShort: true}

// quiet reasons are stages on the way, not news.
var quiet = map[string]bool{
	v1alpha1.ReasonProgressing:          true,
	v1alpha1.ReasonConfigurationPending: true,
	reasonChecking:                      true,
	reasonNeverRan:                      true,
}

// transitions records one event for every condition whose status or reason is
// news. A stage in between is none: a reason that comes back after it is told
// once, as one that stayed.
func (r *LFSRepositoryReconciler) transitions(p *pass) {
	mem := r.memory.of(p.key(), p.repo.UID)
	for _, kind := range told {
		now := meta.FindStatusCondition(p.repo.Status.Conditions, kind)
		if now == nil || quiet[now.Reason] {
			continue
		}
		before, ok := mem.events[kind]
		if !ok {
			c := meta.FindStatusCondition(p.was, kind)
			switch fine := now.Status == metav1.ConditionTrue && !abnormal[kind]; {
			case fine && (c == nil || kind == v1alpha1.ConditionReady && quiet[c.Reason]):
				before = now.Reason // all well from the start is no news
			case c != nil:
				before = c.Reason
			}
		}
		p.heard = append(p.heard, heard{kind, now.Reason})
		if before == now.Reason {
			continue
		}
		severity := warning
		if now.Status == metav1.ConditionTrue && !abnormal[kind] || now.Reason == v1alpha1.ReasonSuspended || now.Reason == v1alpha1.ReasonDeleting {
			severity = normal
		}
		p.event(severity, now.Reason, kind, "%s", now.Message)
	}
}

// heard is what a condition's watchers will know after this pass.
type heard struct{ kind, reason string }

// send hands the events over, and remembers that.
func (r *LFSRepositoryReconciler) send(p *pass) {
	mem := r.memory.of(p.key(), p.repo.UID)
	for _, h := range p.heard {
		mem.events[h.kind] = h.reason
	}
	for _, e := range p.events {
		r.Recorder.Eventf(p.live, nil, e.kind, e.reason, e.action, "%s", truncate(e.text, maxNote))
	}
}

// maxNote is what the API takes of an event's note, in bytes.
const maxNote = 1024

func truncate(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	return s[:limit-3] + "..."
}
