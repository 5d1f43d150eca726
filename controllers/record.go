package controllers

import (
	"encoding/base64"
	"encoding/json"
	"strings"

	"github.com/lfs-operator/lfs-operator/api/v1alpha1"
)

// annotationRecord of a new LFSRepository holds what must be in the cluster before
// anything is made, and what status says from its first write on. It is set together
// with the finalizers: thousands may come at once, and this saves each of them a
// write. From then on status counts, and nobody looks at it any more.
//
// Whoever may edit an LFSRepository must not be able to say where its data lies, or
// which Secrets are the operator's to delete. So the record is sealed with the
// operator's key, for this UID: what was made by hand, or is of an object that was
// restored under another UID, counts for nothing.
const annotationRecord = "lfs-operator.dev/recorded"

// record is what the annotation holds.
type record struct {
	Location            *v1alpha1.Location        `json:"location,omitempty"`
	Secrets             []v1alpha1.SecretStatus   `json:"secrets,omitempty"`
	LastHandledRotation string                    `json:"lastHandledRotation,omitempty"`
	Server              *v1alpha1.ServerPlacement `json:"server,omitempty"`
}

// sealRecord renders the annotation: seal and record, with a dot between them.
func (r *LFSRepositoryReconciler) sealRecord(repo *v1alpha1.LFSRepository) (string, error) {
	raw, err := json.Marshal(record{repo.Status.Location, repo.Status.Secrets, repo.Status.LastHandledRotation, repo.Status.Server})
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(r.Master.Seal(string(repo.UID), raw)) + "." + string(raw), nil
}

// recall fills in a status that was never written from the annotation.
func (r *LFSRepositoryReconciler) recall(p *pass) {
	status := &p.repo.Status
	if status.Location != nil {
		return
	}
	encoded, raw, _ := strings.Cut(p.repo.Annotations[annotationRecord], ".")
	seal, err := base64.RawURLEncoding.DecodeString(encoded)
	if err != nil || !r.Master.Sealed(string(p.repo.UID), []byte(raw), seal) {
		return
	}
	var known record
	if err := json.Unmarshal([]byte(raw), &known); err != nil {
		return
	}
	status.Location, status.Secrets, status.LastHandledRotation, status.Server = known.Location, known.Secrets, known.LastHandledRotation, known.Server
	p.recorded = true
}
