package controllers

import (
	"context"
	"fmt"
	"strings"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lfs-operator/lfs-operator/api/v1alpha1"
	"github.com/lfs-operator/lfs-operator/internal/desired"
	"github.com/lfs-operator/lfs-operator/internal/serverstatus"
)

// adopt runs a Job that takes over what spec.adoptFrom names, again and again until
// one comes to its end, and once more for each request.
func (r *LFSRepositoryReconciler) adopt(ctx context.Context, p *pass) error {
	if p.repo.Spec.AdoptFrom == nil || p.repo.Spec.Suspend || !p.server.inForce || p.adoptionDone() {
		return nil
	}
	p.again(recheck)
	if !p.adoptsInPlace() && !p.storeReady() {
		return nil // the server claims the prefix first, or says what keeps it from that
	}
	if p.adoptsInPlace() {
		if other := r.sharing(ctx, p); other != "" {
			p.complain(serverstatus.ReasonPrefixInUse, fmt.Sprintf(
				"prefix %q of bucket %q is that of LFSRepository %s, which still exists: delete it first, with deletionPolicy: Retain",
				p.in.Location.Prefix, p.in.Location.Bucket, other))
			return nil
		}
	}
	job := desired.AdoptJob(p.in, p.adoptionRequest())
	if p.jobNamed(*job.Name) != nil {
		return nil
	}
	before := len(p.problems)
	if err := r.sortErrors(p, r.Applier.Create(ctx, job)); err != nil || len(p.problems) > before {
		return err
	}
	p.event(normal, "AdoptionStarted", "Adopt", "Job %s takes over the objects under prefix %q", *job.Name, p.repo.Spec.AdoptFrom.Prefix)
	return nil
}

// adoptionRequest is what the adoption that is wanted answers: empty for the first.
func (p *pass) adoptionRequest() string { return p.repo.Annotations[v1alpha1.AnnotationRunAdoption] }

// adoptsInPlace is true where the source is the repository's own prefix.
func (p *pass) adoptsInPlace() bool {
	from, own := p.repo.Spec.AdoptFrom, p.in.Location
	return from != nil && from.Prefix == own.Prefix && (from.Bucket == "" || from.Bucket == own.Bucket)
}

// adoptionDone is true when the adoption that is wanted has come to its end.
func (p *pass) adoptionDone() bool {
	done := p.repo.Status.Adoption
	return done != nil && done.FinishedAt != nil && done.Request == desired.AdoptRequest(p.adoptionRequest())
}

func (p *pass) jobNamed(name string) *batchv1.Job {
	for i := range p.jobs {
		if p.jobs[i].Name == name {
			return &p.jobs[i]
		}
	}
	return nil
}

// sharing names another LFSRepository at the same place. Two clusters cannot see
// each other's; the Job looks whether a server was there a moment ago.
func (r *LFSRepositoryReconciler) sharing(ctx context.Context, p *pass) string {
	own := p.in.Location
	for _, request := range r.repositories(ctx, "", func(other *v1alpha1.LFSRepository) bool {
		at := other.Status.Location
		return other.UID != p.repo.UID && at != nil && at.Endpoint == own.Endpoint && at.Bucket == own.Bucket && at.Prefix == own.Prefix
	}) {
		return request.String()
	}
	return ""
}

// adoptionEvery is the least time between two status writes that only say how far
// an adoption has come.
const adoptionEvery = 15 * time.Second

// reportAdoption copies the servers' report into status.
func (r *LFSRepositoryReconciler) reportAdoption(p *pass) {
	a := p.server.adoption
	if p.repo.Spec.AdoptFrom == nil || a == nil || a.UID != string(p.repo.UID) {
		return
	}
	mem := r.memory.of(p.key(), p.repo.UID)
	if a.FinishedAt.IsZero() {
		if wait := mem.adoptionWritten.Add(adoptionEvery).Sub(p.now); wait > 0 {
			p.again(wait)
			return
		}
		mem.adoptionWritten = p.now
	}
	p.repo.Status.Adoption = adoptionStatus(a)
}

func adoptionStatus(a *serverstatus.AdoptionReport) *v1alpha1.AdoptionStatus {
	out := &v1alpha1.AdoptionStatus{
		Request:   a.Request[:min(len(a.Request), maxRequest)],
		StartedAt: metav1.NewTime(a.StartedAt),
		Objects:   a.Objects,
		Size:      *resource.NewQuantity(a.Bytes, resource.DecimalSI),
		Ignored:   a.Ignored,
		Wrong:     a.Wrong,
	}
	if !a.FinishedAt.IsZero() {
		out.FinishedAt = &metav1.Time{Time: a.FinishedAt}
	}
	for _, w := range a.WrongObjects[:min(len(a.WrongObjects), maxWrongInStatus)] {
		out.WrongObjects = append(out.WrongObjects, v1alpha1.WrongObject{
			Key: w.Key, Size: *resource.NewQuantity(w.Size, resource.DecimalSI), SHA256: w.SHA256,
		})
	}
	return out
}

// What the API takes.
const (
	maxWrongInStatus = 10
	maxRequest       = 64
)

// adopted tells how far the adoption has come.
func adopted(p *pass) *verdict {
	from, status := p.repo.Spec.AdoptFrom, p.repo.Status.Adoption
	switch {
	case from == nil:
		return nil
	case p.adoptionDone() && status.Wrong > 0:
		return no(v1alpha1.ReasonWrongContent, wrongMessage(status))
	case p.adoptionDone():
		return yes(v1alpha1.ReasonAdopted, fmt.Sprintf("%d objects (%d bytes) are proven and in their place; %d keys name no object", status.Objects, status.Size.Value(), status.Ignored))
	case p.repo.Spec.Suspend:
		return unknown(v1alpha1.ReasonSuspended, "spec.suspend is set: nothing is adopted meanwhile")
	}
	if message := p.jobFailure(desired.ComponentAdopt, time.Time{}, ""); message != "" {
		return no(reasonJob, message+"; it is tried again, and goes on where it was")
	}
	if status == nil || status.Request != desired.AdoptRequest(p.adoptionRequest()) {
		return no(v1alpha1.ReasonAdopting, fmt.Sprintf("the objects under prefix %q are about to be taken over", from.Prefix))
	}
	return no(v1alpha1.ReasonAdopting, fmt.Sprintf("%d objects (%d bytes) are proven and in their place so far, %d are not what their name says", status.Objects, status.Size.Value(), status.Wrong))
}

func wrongMessage(status *v1alpha1.AdoptionStatus) string {
	var names []string
	for _, w := range status.WrongObjects {
		names = append(names, fmt.Sprintf("%s (%d bytes, SHA-256 %s)", w.Key, w.Size.Value(), w.SHA256))
	}
	more := ""
	if n := status.Wrong - int64(len(names)); n > 0 {
		more = fmt.Sprintf(", and %d more", n)
	}
	return fmt.Sprintf("%d objects are in their place; %d are not what their name says and are not served: %s%s. "+
		"Push them again from a clone that has them; or set the annotation %s once the source is mended",
		status.Objects, status.Wrong, strings.Join(names, ", "), more, v1alpha1.AnnotationRunAdoption)
}

// awaitsAdoption: what the servers find is that the objects of another repository
// are not proven yet.
func awaitsAdoption(p *pass, _ error) *verdict {
	if !p.adoptsInPlace() || p.adoptionDone() || p.server.store == nil {
		return nil
	}
	switch p.server.store.Reason {
	case serverstatus.ReasonAdopting, serverstatus.ReasonPrefixInUse, serverstatus.ReasonPrefixNotOurs:
		return adopted(p)
	}
	return nil
}
