package controllers

import (
	"context"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lfs-operator/lfs-operator/api/v1alpha1"
	"github.com/lfs-operator/lfs-operator/internal/desired"
)

// rotationOverlap is how long the token before a rotation still works.
const rotationOverlap = time.Hour

// credentials derives the tokens and keys of the repository, and raises their
// generation when a rotation is asked for.
func (r *LFSRepositoryReconciler) credentials(_ context.Context, p *pass) error {
	asked := r.rotate(p)
	uid := string(p.repo.UID)
	p.in.Credentials = desired.Credentials{
		StatusToken: r.Master.StatusToken(uid),
		ScanToken:   r.Master.ScanToken(uid),
		SigningKeys: r.signingKeys(p, asked),
		Tokens:      []desired.Token{r.token(p, desired.DefaultToken, v1alpha1.ScopeWrite, nil)},
	}
	if access := p.repo.Spec.Access; access != nil {
		for _, t := range access.Tokens {
			p.in.Credentials.Tokens = append(p.in.Credentials.Tokens, r.token(p, t.Name, t.Scope, t.ExpiresAt))
		}
	}
	p.secrets = desired.Secrets(p.in)
	return nil
}

// token derives a token of the generation that status records for its Secret.
func (r *LFSRepositoryReconciler) token(p *pass, name string, scope v1alpha1.TokenScope, expires *metav1.Time) desired.Token {
	uid := string(p.repo.UID)
	out := desired.Token{Name: name, Scope: scope, Generation: 1}
	if expires != nil {
		out.ExpiresAt = &expires.Time
	}
	record := secretRecord(p.repo, desired.TokenSecret(p.repo.Name, name))
	if record != nil && record.TokenGeneration > 1 {
		out.Generation = record.TokenGeneration
		if record.PreviousUntil != nil {
			out.Previous = r.Master.Token(uid, name, record.TokenGeneration-1)
			out.PreviousUntil = &record.PreviousUntil.Time
		}
	}
	out.Value = r.Master.Token(uid, name, out.Generation)
	return out
}

// rotate raises the generation of every token when the annotation's value is a
// new one, and tells whether it was. The Secrets follow once the servers know the
// new tokens.
func (r *LFSRepositoryReconciler) rotate(p *pass) bool {
	wish := p.repo.Annotations[v1alpha1.AnnotationRotateTokens]
	if wish == "" || wish == p.repo.Status.LastHandledRotation {
		return false
	}
	p.repo.Status.LastHandledRotation = wish
	p.persist = true
	until := metav1.NewTime(p.now.Add(rotationOverlap).Truncate(time.Second))
	for i := range p.repo.Status.Secrets {
		record := &p.repo.Status.Secrets[i]
		if record.TokenGeneration > 0 && record.Name != desired.KeysSecretName(p.in.Server().Base) {
			record.TokenGeneration++
			record.PreviousUntil = &until
			p.event(normal, "TokensRotated", "RotateTokens", "Secret %s gets a new token; the one before works until %s", record.Name, until.UTC().Format(time.RFC3339))
		}
	}
	return true
}

// secretRecord finds what status says of a Secret.
func secretRecord(repo *v1alpha1.LFSRepository, name string) *v1alpha1.SecretStatus {
	for i := range repo.Status.Secrets {
		if repo.Status.Secrets[i].Name == name {
			return &repo.Status.Secrets[i]
		}
	}
	return nil
}
