package controllers

import (
	"crypto/sha256"
	"encoding/json"

	"k8s.io/utils/lru"

	"github.com/lfs-operator/lfs-operator/internal/desired"
)

// sets remembers what was built last, for the few repositories that are on their way
// at the same time: passes over one follow each other within seconds, and rendering
// is most of their work.
type sets struct{ recent *lru.Cache }

// mostSets bounds it: one takes some 40 KiB.
const mostSets = 128

func newSets() *sets { return &sets{recent: lru.New(mostSets)} }

// of is desired.Objects. Nobody changes what it returns.
func (s *sets) of(in desired.Inputs) (desired.Set, error) {
	key, err := keyOf(in)
	if err != nil {
		return desired.Set{}, err
	}
	if known, ok := s.recent.Get(key); ok {
		return known.(desired.Set), nil //nolint:forcetypeassert // nothing else is in there
	}
	set, err := desired.Objects(in)
	if err == nil {
		s.recent.Add(key, set)
	}
	return set, err
}

// keyOf stands for all of the inputs, but for what changes with every write.
func keyOf(in desired.Inputs) (key [sha256.Size]byte, err error) {
	repo := *in.Repository
	repo.ResourceVersion, repo.ManagedFields = "", nil
	in.Repository = &repo
	if in.Store != nil {
		store := *in.Store
		store.ResourceVersion, store.ManagedFields = "", nil
		in.Store = &store
	}
	raw, err := json.Marshal(in)
	return sha256.Sum256(raw), err
}
