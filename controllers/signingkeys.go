package controllers

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lfs-operator/lfs-operator/api/v1alpha1"
	"github.com/lfs-operator/lfs-operator/internal/desired"
)

// The key of action tokens is replaced in three steps, because mounted files lag
// by more than a minute and differently in each pod:
//
//	publish   the next key is mounted; all servers take its tokens, none makes any
//	sign      it makes tokens; those of the key before are still taken
//	retire    no token of the key before is left, and it goes
//
// The record of the keys' Secret says how far that is: TokenGeneration is the
// newest key's, PreviousUntil when the one before retires. The rest follows from
// the clock.
const (
	// keyAge after which a key is replaced.
	keyAge = 30 * 24 * time.Hour
	// keyLead is how long a key is published before it signs.
	keyLead = time.Hour
	// keyOverlap is how long tokens of the key before are taken: the longest life
	// of an action (transfer.MaxLifetime), and some.
	keyOverlap = 13 * time.Hour
)

// keyring is which keys there are, and how far their replacement is.
type keyring struct {
	// newest generation, from 1.
	newest int64
	// retire is when the generation before it goes; zero: there never was one.
	retire time.Time
}

// keyringOf reads the record of the keys' Secret, nil where there is none yet.
func keyringOf(record *v1alpha1.SecretStatus) keyring {
	k := keyring{newest: 1}
	if record == nil {
		return k
	}
	k.newest = max(k.newest, record.TokenGeneration)
	if record.PreviousUntil != nil && k.newest > 1 {
		k.retire = record.PreviousUntil.Time
	}
	return k
}

// replacing is true from publishing the newest key until the one before retires.
func (k keyring) replacing(now time.Time) bool { return now.Before(k.retire) }

// signs is when the newest key begins to sign.
func (k keyring) signs() time.Time { return k.retire.Add(-keyOverlap) }

// due is when the newest key is to be replaced.
func (k keyring) due(created time.Time) time.Time {
	if k.retire.IsZero() {
		return created.Add(keyAge)
	}
	return k.retire.Add(keyAge)
}

// next is the soonest time at which something changes.
func (k keyring) next(created, now time.Time) time.Time {
	switch {
	case now.Before(k.signs()):
		return k.signs()
	case k.replacing(now):
		return k.retire
	default:
		return k.due(created)
	}
}

// generations that servers know, and the one that signs.
func (k keyring) generations(now time.Time) (known []int64, signer int64) {
	switch {
	case !k.replacing(now):
		return []int64{k.newest}, k.newest
	case now.Before(k.signs()):
		return []int64{k.newest - 1, k.newest}, k.newest - 1
	default:
		return []int64{k.newest - 1, k.newest}, k.newest
	}
}

// signingKeys derives the keys that servers are to know, and begins to replace
// them when it is time or when asked to.
func (r *LFSRepositoryReconciler) signingKeys(p *pass, asked bool) []desired.SigningKey {
	record := secretRecord(p.repo, desired.KeysSecretName(p.in.Server().Base))
	k := keyringOf(record)
	keys := r.derived(p, k)
	switch made := record != nil && record.UID != "" && record.Revision == desired.KeysRevision(keys); {
	case record == nil:
	case k.replacing(p.now) && !made && p.now.After(k.signs().Add(-keyLead/2)):
		// It was not mounted in time, so it must not sign yet: other servers could
		// not read its tokens.
		k.retire = p.now.Add(keyLead + keyOverlap)
	case made && !k.replacing(p.now) && (asked || !p.now.Before(k.due(p.repo.CreationTimestamp.Time))):
		k = keyring{newest: k.newest + 1, retire: p.now.Add(keyLead + keyOverlap)}
	}
	if record != nil && k != keyringOf(record) {
		k.retire = k.retire.Truncate(time.Second)
		until := metav1.NewTime(k.retire)
		record.TokenGeneration, record.PreviousUntil = k.newest, &until
		p.persist = true
		keys = r.derived(p, k)
	}
	p.again(k.next(p.repo.CreationTimestamp.Time, p.now).Sub(p.now))
	return keys
}

func (r *LFSRepositoryReconciler) derived(p *pass, k keyring) (out []desired.SigningKey) {
	known, signer := k.generations(p.now)
	for _, generation := range known {
		id, key := r.Master.SigningKey(string(p.repo.UID), generation)
		out = append(out, desired.SigningKey{ID: id, Key: key, Generation: generation, Signs: generation == signer})
	}
	return out
}
