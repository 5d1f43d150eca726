package controllers

import (
	"maps"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lfs-operator/lfs-operator/api/v1alpha1"
	"github.com/lfs-operator/lfs-operator/internal/desired"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/transfer"
)

// TestKeyring: no key signs before it has been published for a while, none goes
// while a token of it may be out, and there is always one that signs.
func TestKeyring(t *testing.T) {
	if keyOverlap <= transfer.MaxLifetime {
		t.Fatalf("keys are taken for %s, and actions live for %s", keyOverlap, transfer.MaxLifetime)
	}
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	published := keyring{newest: 2, retire: start.Add(keyLead + keyOverlap)}
	for name, tc := range map[string]struct {
		keyring
		after  time.Duration
		known  []int64
		signer int64
		next   time.Duration
	}{
		"the first":          {keyring: keyring{newest: 1}, known: []int64{1}, signer: 1, next: keyAge},
		"published":          {keyring: published, known: []int64{1, 2}, signer: 1, next: keyLead},
		"about to sign":      {keyring: published, after: keyLead - time.Second, known: []int64{1, 2}, signer: 1, next: keyLead},
		"signs":              {keyring: published, after: keyLead, known: []int64{1, 2}, signer: 2, next: keyLead + keyOverlap},
		"the last links end": {keyring: published, after: keyLead + transfer.MaxLifetime, known: []int64{1, 2}, signer: 2, next: keyLead + keyOverlap},
		"retired":            {keyring: published, after: keyLead + keyOverlap, known: []int64{2}, signer: 2, next: keyLead + keyOverlap + keyAge},
	} {
		now := start.Add(tc.after)
		known, signer := tc.generations(now)
		if !slices.Equal(known, tc.known) || signer != tc.signer {
			t.Errorf("%s: keys %v, %d signs, want %v and %d", name, known, signer, tc.known, tc.signer)
		}
		if next := tc.keyring.next(start, now); !next.Equal(start.Add(tc.next)) {
			t.Errorf("%s: next after %s, want %s", name, next.Sub(start), tc.next)
		}
	}
}

// TestSigningKeysAreReplaced: asked for new ones, the operator mounts the next key
// beside the one that signs; when its time has come it signs, and the one before
// goes when no token of it can be out.
func TestSigningKeysAreReplaced(t *testing.T) {
	w := newWorld(t)
	w.create("models")
	w.ready("models")
	w.change("models", func(r *v1alpha1.LFSRepository) {
		r.Annotations = map[string]string{v1alpha1.AnnotationRotateTokens: "1"}
	})
	w.hasKeys("k1", "k1", "k2")
	// A clock cannot be turned in a cluster, but what was recorded can be of old.
	w.replacedSince(keyLead + time.Minute)
	w.hasKeys("k2", "k1", "k2")
	w.replacedSince(keyLead + keyOverlap + time.Minute)
	w.hasKeys("k2", "k2")
	w.replacedSince(keyLead + keyOverlap + keyAge + time.Minute)
	w.hasKeys("k2", "k2", "k3")
	w.ready("models")
}

// replacedSince lets status say that keys were published so long ago.
func (w *world) replacedSince(ago time.Duration) {
	w.t.Helper()
	w.eventually("status is turned back", func() string {
		repo := w.get("models")
		until := metav1.NewTime(time.Now().Add(keyLead + keyOverlap - ago))
		secretRecord(repo, "models-lfs-keys").PreviousUntil = &until
		if err := w.c.Status().Update(w.t.Context(), repo); err != nil {
			return err.Error()
		}
		return ""
	})
	// Any change makes the operator look.
	w.change("models", func(r *v1alpha1.LFSRepository) {
		if r.Spec.KeepVersions == nil {
			r.Spec.KeepVersions = new(int32(1))
		}
		*r.Spec.KeepVersions++
	})
}

// hasKeys waits until servers know these keys, the Secret holds them, and status
// records that it does: a key counts as published from then on.
func (w *world) hasKeys(signer string, want ...string) {
	w.t.Helper()
	w.eventually(signer+" signs", func() string {
		var known []string
		for _, k := range w.server.loaded("models").SigningKeys {
			known = append(known, k.ID)
			if k.Signs != (k.ID == signer) {
				return k.ID + " signs, or does not"
			}
		}
		if !slices.Equal(known, want) {
			return "servers know " + spaced(known)
		}
		secret := &corev1.Secret{}
		if err := w.exists(w.ns, named(secret, "models-lfs-keys")); err != nil {
			return err.Error()
		}
		held := slices.Sorted(maps.Keys(secret.Data))
		if !slices.Equal(held, want) {
			return "the Secret holds " + spaced(held)
		}
		var keys []desired.SigningKey
		for _, id := range held {
			keys = append(keys, desired.SigningKey{ID: id, Key: secret.Data[id]})
		}
		record := secretRecord(w.get("models"), "models-lfs-keys")
		if record.UID != string(secret.UID) || record.Revision != desired.KeysRevision(keys) {
			return "status does not record them"
		}
		return ""
	})
}

func spaced(list []string) (out string) {
	for _, s := range list {
		out += " " + s
	}
	return out
}
