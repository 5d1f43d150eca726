package controllers

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lfs-operator/lfs-operator/api/v1alpha1"
	"github.com/lfs-operator/lfs-operator/internal/desired"
)

// TestSetsAreOfTheirInputs: what was built is used again for the same inputs only;
// a write that changes nothing else makes no others.
func TestSetsAreOfTheirInputs(t *testing.T) {
	inputs := func(change func(*desired.Inputs)) desired.Inputs {
		in := desired.Inputs{
			Repository: &v1alpha1.LFSRepository{ObjectMeta: metav1.ObjectMeta{Name: "models", UID: "1", ResourceVersion: "7"}},
			Store:      &v1alpha1.LFSStore{ObjectMeta: metav1.ObjectMeta{UID: "2", ResourceVersion: "8"}},
		}
		change(&in)
		return in
	}
	key := func(change func(*desired.Inputs)) [32]byte {
		key, err := keyOf(inputs(change))
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
	first := key(func(*desired.Inputs) {})
	if key(func(in *desired.Inputs) { in.Repository.ResourceVersion, in.Store.ResourceVersion = "9", "9" }) != first {
		t.Error("another version is another key")
	}
	for what, change := range map[string]func(*desired.Inputs){
		"the repository": func(in *desired.Inputs) { in.Repository.UID = "3" },
		"its spec":       func(in *desired.Inputs) { in.Repository.Spec.Suspend = true },
		"its annotation": func(in *desired.Inputs) { in.Repository.Annotations = map[string]string{"a": "b"} },
		"the store":      func(in *desired.Inputs) { in.Store.Spec.ReadOnly = true },
		"no store":       func(in *desired.Inputs) { in.Store = nil },
		"a key":          func(in *desired.Inputs) { in.Credentials.SigningKeys = []desired.SigningKey{{ID: "k1", Signs: true}} },
		"the replicas":   func(in *desired.Inputs) { in.Scaled = 2 },
	} {
		if key(change) == first {
			t.Errorf("%s makes no difference", what)
		}
	}
}
