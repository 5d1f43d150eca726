package controllers

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/resourceversion"
)

// memory is what the operator knows besides the cluster: never needed to be
// right, only to be quick and quiet. It is empty after a restart.
type memory struct {
	mu    sync.Mutex
	repos map[types.NamespacedName]*remembered
}

// remembered is about one LFSRepository. Only one reconcile of it runs at a
// time, so its fields need no lock.
type remembered struct {
	uid types.UID
	// version of our last status write: an older one in the cache is stale.
	version string
	// released: our finalizers are gone. The cache may show them for a little
	// longer, under a version that is not older than our last write, since the API
	// server deletes instead of writing; to go by that would start anew what has
	// just been taken down.
	released bool
	// secrets are looked after by a create from time to time; when next.
	secrets map[string]confirmation
	// keysReplaced is when the signing keys were last made anew.
	keysReplaced time.Time
	// checks of the history that failed in a row, and when the next may run.
	checkRevision string
	checkFailures int
	nextCheck     time.Time
	// usageWritten is when status.usage was last written.
	usageWritten time.Time
	// adoptionWritten is when an adoption under way was last written.
	adoptionWritten time.Time
	// stage on the way to Ready that was last seen and not told, and since when.
	stage      string
	stageSince time.Time
	// events last sent, by condition.
	events map[string]string
	// shared is what was last written for shared servers, by their name.
	shared map[string]shared
	// nudged is the configuration that a pod was last made to look at.
	nudged map[types.UID]string
}

// confirmation says that a Secret of that revision existed.
type confirmation struct {
	revision string
	// uid, where we made it and status may not say so yet.
	uid string
	due time.Time
}

// of returns what is remembered of a repository. A name that was deleted and
// made again starts anew.
func (m *memory) of(key types.NamespacedName, uid types.UID) *remembered {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.repos[key]
	if r == nil || r.uid != uid {
		r = &remembered{
			uid:     uid,
			secrets: map[string]confirmation{},
			events:  map[string]string{},
			nudged:  map[types.UID]string{},
			shared:  map[string]shared{},
		}
		if m.repos == nil {
			m.repos = map[types.NamespacedName]*remembered{}
		}
		m.repos[key] = r
	}
	return r
}

// forget drops a repository and returns the UID it had.
func (m *memory) forget(key types.NamespacedName) types.UID {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.repos[key]
	if r == nil {
		return ""
	}
	delete(m.repos, key)
	return r.uid
}

// stale is true when a version is older than the last one that we wrote.
func (r *remembered) stale(version string) bool {
	if r.version == "" {
		return false
	}
	order, err := resourceversion.CompareResourceVersion(version, r.version)
	return err == nil && order < 0
}
