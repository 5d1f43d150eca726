package controllers

import (
	"strings"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// TestLoadMaster: operators that start at the same time agree on one key, and
// later ones find it.
func TestLoadMaster(t *testing.T) {
	t.Parallel()
	c, err := client.New(restConfig(t), client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ns := namespaceFor(t)
	if err := c.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: ns}}); err != nil {
		t.Fatal(err)
	}
	tokens := make([]string, 5)
	var wg sync.WaitGroup
	for i := range tokens {
		wg.Go(func() {
			m, err := LoadMaster(t.Context(), c, ns)
			if err != nil {
				t.Error(err)
				return
			}
			tokens[i] = m.Token("uid", "default", 1)
		})
	}
	wg.Wait()
	for _, token := range tokens {
		if token == "" || token != tokens[0] {
			t.Fatalf("the operators do not agree: %q", tokens)
		}
	}

	spoilt := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: MasterKeySecret}, Data: map[string][]byte{"key": []byte("short")}}
	if err := c.Update(t.Context(), spoilt); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadMaster(t.Context(), c, ns); err == nil || !strings.Contains(err.Error(), "backup") {
		t.Errorf("a spoilt key gives %v, want an error that says what to do", err)
	}
}
