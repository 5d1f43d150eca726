package controllers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lfs-operator/lfs-operator/api/v1alpha1"
	"github.com/lfs-operator/lfs-operator/internal/apply"
	"github.com/lfs-operator/lfs-operator/internal/desired"
	"github.com/lfs-operator/lfs-operator/internal/serverstatus"
)

// The operator may create and delete Secrets and do nothing else with them: it
// cannot see whether one is there, or whose it is. So status records each one
// before it is made:
//
//	no record              a dry-run create tells whether the name is free, where it
//	                       could be another's; then the intent is recorded (no UID
//	                       yet), and status written
//	record without a UID   create; "already exists" is our own doing before a crash
//	record with a UID      ours; a create at long intervals makes a Secret again
//	                       that somebody deleted
//	another revision       delete, record the new intent, write status, create
const (
	// confirmEvery is the time between two creates of a Secret that is there.
	confirmEvery = 6 * time.Hour
	// leftovers is how long after its creation a repository waits for Secrets of
	// an earlier one of the same name: the cluster's garbage collection takes its
	// time, and whose a Secret is cannot be seen.
	leftovers = 10 * time.Second
	// keysPatience is how long mounted keys may lag before they are made anew.
	keysPatience = 3 * time.Minute
)

// planSecrets records the intent to create those Secrets that have no record.
func (r *LFSRepositoryReconciler) planSecrets(ctx context.Context, p *pass) error {
	var records []v1alpha1.SecretStatus
	wanted := map[string]bool{}
	for _, s := range p.secrets {
		wanted[s.Name()] = true
		if record := secretRecord(p.repo, s.Name()); record != nil {
			records = append(records, *record)
			continue
		}
		switch free, err := r.nameIsFree(ctx, p, s); {
		case err != nil:
			return err
		case free:
			records = append(records, v1alpha1.SecretStatus{
				Name: s.Name(), Namespace: elsewhere(p, s), Revision: s.Revision, TokenGeneration: s.TokenGeneration,
			})
			p.persist = true
		}
	}
	for _, record := range p.repo.Status.Secrets {
		if wanted[record.Name] {
			continue
		}
		if gone, err := r.deleteSecret(ctx, p, record); err != nil {
			return err
		} else if !gone {
			records = append(records, record)
		}
	}
	p.repo.Status.Secrets = records
	return nil
}

// elsewhere is the namespace of a Secret that is not in the repository's own.
func elsewhere(p *pass, s desired.Secret) string {
	if s.Object.Namespace == p.repo.Namespace {
		return ""
	}
	return s.Object.Namespace
}

// nameIsFree asks by a dry run whether a Secret could be created. One that is
// there without a record of ours belongs to somebody else.
func (r *LFSRepositoryReconciler) nameIsFree(ctx context.Context, p *pass, s desired.Secret) (bool, error) {
	if s.Unique {
		return true, nil
	}
	err := r.Create(ctx, s.Object.DeepCopy(), client.DryRunAll, client.FieldOwner(apply.FieldManager))
	if apierrors.IsAlreadyExists(err) {
		if age := p.now.Sub(p.repo.CreationTimestamp.Time); age < leftovers {
			p.await(fmt.Sprintf("Secret/%s exists already; if it belongs to an earlier LFSRepository of this name, it is about to go", s.Name()), time.Second)
			return false, nil
		}
		p.complain(v1alpha1.ReasonForeignObject, fmt.Sprintf(
			"Secret/%s exists and is not ours; delete or rename it, or give the LFSRepository another name", s.Name()))
		return false, nil
	}
	return err == nil, r.secretRefused(p, s.Name(), err)
}

// createSecrets makes what is recorded and not known to be there.
func (r *LFSRepositoryReconciler) createSecrets(ctx context.Context, p *pass) error {
	mem := r.memory.of(p.key(), p.repo.UID)
	for _, s := range p.secrets {
		record := secretRecord(p.repo, s.Name())
		if record == nil || record.Revision != s.Revision {
			continue // foreign, or waiting to be replaced
		}
		known := mem.secrets[s.Name()]
		if known.revision == s.Revision && p.now.Before(known.due) {
			if known.uid != "" {
				record.UID = known.uid // a conflict, or a stage too short to tell, kept it out of status
			}
			p.again(known.due.Sub(p.now))
			continue
		}
		created := s.Object.DeepCopy()
		err := r.Create(ctx, created, client.FieldOwner(apply.FieldManager))
		switch {
		case err == nil:
			if record.UID != "" {
				p.event(normal, "SecretRecreated", "CreateSecret", "Secret %s was gone and has been made again", s.Name())
			}
			record.UID = string(created.UID)
		case apierrors.IsAlreadyExists(err):
		default:
			if err := r.secretRefused(p, s.Name(), err); err != nil {
				return err
			}
			continue
		}
		due := p.now.Add(confirmEvery + rand.N(confirmEvery/5))
		mem.secrets[s.Name()] = confirmation{revision: s.Revision, uid: record.UID, due: due}
		p.again(due.Sub(p.now))
	}
	return nil
}

// replaceSecrets brings Secrets to their new revision, after the servers know
// what will stand in them: until then the old content is the one that works.
func (r *LFSRepositoryReconciler) replaceSecrets(ctx context.Context, p *pass) error {
	if err := r.mistrustKeys(ctx, p); err != nil {
		return err
	}
	if !p.server.inForce && !p.repo.Spec.Suspend {
		return nil
	}
	for _, s := range p.secrets {
		record := secretRecord(p.repo, s.Name())
		if record == nil || record.Revision == s.Revision {
			continue
		}
		gone, err := r.deleteSecret(ctx, p, *record)
		if err != nil {
			return err
		}
		if gone {
			record.Revision, record.UID, record.TokenGeneration = s.Revision, "", s.TokenGeneration
			p.persist = true
		}
	}
	if p.persist {
		return errPersistFirst
	}
	return nil
}

// mistrustKeys acts on what the servers say of their signing keys. A Secret that
// is missing is created again; one with other content is replaced. Mounted files
// lag, so neither is done twice in quick succession.
func (r *LFSRepositoryReconciler) mistrustKeys(ctx context.Context, p *pass) error {
	mem := r.memory.of(p.key(), p.repo.UID)
	name := desired.KeysSecretName(p.in.Server().Base)
	record := secretRecord(p.repo, name)
	if p.server.store == nil || record == nil {
		return nil
	}
	missing := p.server.store.Reason == serverstatus.ReasonSigningKeysMissing
	mismatched := p.server.store.Reason == serverstatus.ReasonSigningKeysMismatched
	if !missing && !mismatched {
		return nil
	}
	if wait := mem.keysReplaced.Add(keysPatience).Sub(p.now); wait > 0 {
		p.again(wait)
		return nil
	}
	mem.keysReplaced = p.now
	if p.in.Clients != "" {
		return r.remakeSharedKey(ctx, p)
	}
	delete(mem.secrets, name)
	if mismatched {
		record.Revision = "mismatched"
	}
	p.again(time.Millisecond)
	return nil
}

// remakeSharedKey makes the Secret of the shared server again, if it is gone.
func (r *LFSRepositoryReconciler) remakeSharedKey(ctx context.Context, p *pass) error {
	for _, server := range p.in.Shared {
		if err := makeSharedKey(ctx, r.Client, p.in.Store, server); err != nil {
			return r.secretRefused(p, desired.SharedSecretName(server), err)
		}
	}
	return nil
}

// deleteSecret deletes exactly the Secret that was recorded. It is false when
// somebody else's stands in its place.
func (r *LFSRepositoryReconciler) deleteSecret(ctx context.Context, p *pass, record v1alpha1.SecretStatus) (bool, error) {
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: cmp.Or(record.Namespace, p.repo.Namespace), Name: record.Name}}
	var opts []client.DeleteOption
	if record.UID != "" {
		opts = append(opts, client.Preconditions{UID: ptr.To(types.UID(record.UID))})
	}
	err := r.Delete(ctx, secret, opts...)
	if apierrors.IsConflict(err) {
		p.complain(v1alpha1.ReasonForeignObject, fmt.Sprintf(
			"Secret/%s is not the one that the operator made; delete or rename it", record.Name))
		return false, nil
	}
	if client.IgnoreNotFound(err) != nil {
		return false, fmt.Errorf("deleting Secret/%s: %w", record.Name, err)
	}
	delete(r.memory.of(p.key(), p.repo.UID).secrets, record.Name)
	return true, nil
}

// secretRefused turns a refusal into a problem; other errors stay errors.
func (r *LFSRepositoryReconciler) secretRefused(p *pass, name string, err error) error {
	ref := apply.Ref{GroupVersionKind: corev1.SchemeGroupVersion.WithKind("Secret"), NamespacedName: types.NamespacedName{Namespace: p.repo.Namespace, Name: name}}
	return r.sortErrors(p, apply.Classify(ref, err))
}

// sortErrors takes out of joined errors those that a person must solve, records
// them as problems, and returns the rest.
func (r *LFSRepositoryReconciler) sortErrors(p *pass, err error) error {
	var rest []error
	for _, e := range flatten(err) {
		var foreign *apply.ForeignError
		var refused *apply.RefusedError
		switch {
		case errors.As(e, &foreign) && foreign.Leftover:
			p.await(foreign.Error(), time.Second)
		case errors.As(e, &foreign):
			p.complain(v1alpha1.ReasonForeignObject, foreign.Error())
		case errors.As(e, &refused):
			p.complain(v1alpha1.ReasonApplyRefused, refused.Error())
		case apply.IsTerminating(e):
			return &waitingError{v1alpha1.ReasonDeleting, "the namespace is being deleted", time.Minute}
		default:
			rest = append(rest, e)
		}
	}
	return errors.Join(rest...)
}

// flatten undoes errors.Join.
func flatten(err error) []error {
	if err == nil {
		return nil
	}
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []error{err}
	}
	var out []error
	for _, e := range joined.Unwrap() {
		out = append(out, flatten(e)...)
	}
	return slices.Clip(out)
}
