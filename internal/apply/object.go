package apply

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
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
	body, err := json.Marshal(config)
	if err != nil {
		return wanted{}, fmt.Errorf("encoding %T: %w", config, err)
	}
	var head struct {
		metav1.TypeMeta   `json:",inline"`
		metav1.ObjectMeta `json:"metadata"`
	}
	if err := json.Unmarshal(body, &head); err != nil {
		return wanted{}, fmt.Errorf("decoding %T: %w", config, err)
	}
	return wanted{
		ref: Ref{
			GroupVersionKind: head.GroupVersionKind(),
			NamespacedName:   types.NamespacedName{Namespace: head.Namespace, Name: head.Name},
		},
		json: body,
		hash: sha256.Sum256(body),
	}, nil
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
