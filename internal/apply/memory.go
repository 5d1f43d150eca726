package apply

import (
	"crypto/sha256"
	"encoding/json"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/resourceversion"
)

// memory holds what was last applied, by owner and object.
type memory struct {
	mu     sync.Mutex
	owners map[types.UID]map[Ref]applied
}

// applied is an object as the API server answered our last apply.
type applied struct {
	desired [sha256.Size]byte
	uid     types.UID
	version string
	essence [sha256.Size]byte
}

func (m *memory) get(owner types.UID, ref Ref) (applied, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	a, ok := m.owners[owner][ref]
	return a, ok
}

func (m *memory) put(owner types.UID, ref Ref, a applied) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.owners == nil {
		m.owners = map[types.UID]map[Ref]applied{}
	}
	if m.owners[owner] == nil {
		m.owners[owner] = map[Ref]applied{}
	}
	m.owners[owner][ref] = a
}

func (m *memory) made(owner types.UID, live metav1.Object) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, a := range m.owners[owner] {
		if a.uid == live.GetUID() {
			return a.unchanged(live)
		}
	}
	return false
}

// others are the objects of an owner that were applied, and are not to be kept.
func (m *memory) others(owner types.UID, keep map[Ref]bool) map[Ref]applied {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := map[Ref]applied{}
	for ref, a := range m.owners[owner] {
		if !keep[ref] {
			out[ref] = a
		}
	}
	return out
}

func (m *memory) drop(owner types.UID, ref Ref) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.owners[owner], ref)
}

func (m *memory) forget(owner types.UID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.owners, owner)
}

// unchanged is true when the live object is what our last apply made of it: the
// same version, an older one (the informer lags behind our own write), or a
// newer one that differs in status only.
func (a applied) unchanged(live metav1.Object) bool {
	if a.uid != live.GetUID() {
		return false
	}
	if a.version == live.GetResourceVersion() {
		return true
	}
	if order, err := resourceversion.CompareResourceVersion(live.GetResourceVersion(), a.version); err == nil && order < 0 {
		return true
	}
	// Without a generation (ConfigMap, ServiceAccount) every write is one to content.
	return live.GetGeneration() != 0 && a.essence == essenceOf(live)
}

// essenceOf names what of an object's metadata changes with its content: the
// generation, which counts changes of spec, and what stands beside spec.
func essenceOf(o metav1.Object) [sha256.Size]byte {
	annotations := map[string]string{}
	for k, v := range o.GetAnnotations() {
		if k != deploymentRevision {
			annotations[k] = v
		}
	}
	b, err := json.Marshal([]any{o.GetGeneration(), o.GetLabels(), annotations, o.GetOwnerReferences()})
	if err != nil {
		panic(err) // plain maps and structs
	}
	return sha256.Sum256(b)
}

// deploymentRevision is an annotation that the Deployment controller writes.
const deploymentRevision = "deployment.kubernetes.io/revision"
