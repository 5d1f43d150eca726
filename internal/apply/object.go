package apply

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
)

// Ref names an object of the cluster.
type Ref struct {
	schema.GroupVersionKind
	types.NamespacedName
}

// String is the form that people know from kubectl: Kind/name.
func (r Ref) String() string { return r.Kind + "/" + r.Name }

// wanted is an object as it is to be applied.
type wanted struct {
	ref  Ref
	json []byte
	hash [sha256.Size]byte
}

func newWanted(config runtime.ApplyConfiguration) (wanted, error) {
	ref, err := refOf(config)
	if err != nil {
		return wanted{}, err
	}
	body, err := json.Marshal(config)
	if err != nil {
		return wanted{}, fmt.Errorf("encoding %s: %w", ref, err)
	}
	return wanted{ref: ref, json: body, hash: sha256.Sum256(body)}, nil
}

// identified is what apply configurations tell without being encoded.
type identified interface {
	GetAPIVersion() *string
	GetKind() *string
	GetNamespace() *string
	GetName() *string
}

func refOf(config runtime.ApplyConfiguration) (Ref, error) {
	id, ok := config.(identified)
	if !ok {
		return Ref{}, fmt.Errorf("%T does not say which object it is", config)
	}
	group, err := schema.ParseGroupVersion(ptr.Deref(id.GetAPIVersion(), ""))
	if err != nil {
		return Ref{}, err
	}
	return Ref{
		GroupVersionKind: group.WithKind(ptr.Deref(id.GetKind(), "")),
		NamespacedName:   types.NamespacedName{Namespace: ptr.Deref(id.GetNamespace(), ""), Name: ptr.Deref(id.GetName(), "")},
	}, nil
}

// ofNoVersion is the object as it is applied for the first time. The version is one
// that no object can have, so the API server answers Conflict where there is one:
// looking first would leave a moment in which somebody else makes it, and be one more
// request.
func (w wanted) ofNoVersion() ([]byte, error) {
	// Apply configurations begin with kind, apiVersion and metadata, and set no version.
	before, after, ok := bytes.Cut(w.json, []byte(`,"metadata":{`))
	if !ok || bytes.ContainsAny(before[1:], "{}") {
		return nil, fmt.Errorf("%s does not begin with kind, apiVersion and metadata", w.ref)
	}
	return slices.Concat(before, []byte(`,"metadata":{"resourceVersion":"1",`), after), nil
}

// unstructured returns a fresh object each time: Apply writes the server's
// answer into what it is given.
func (w wanted) unstructured() (*unstructured.Unstructured, error) {
	u := &unstructured.Unstructured{}
	if err := json.Unmarshal(w.json, &u.Object); err != nil {
		return nil, err
	}
	return u, nil
}

// partial returns an empty metadata object of the same kind.
func partial(gvk schema.GroupVersionKind) *metav1.PartialObjectMetadata {
	m := &metav1.PartialObjectMetadata{}
	m.SetGroupVersionKind(gvk)
	return m
}
