//go:build e2e

package e2e

import (
	"crypto/sha256"
	"encoding/hex"
	"testing"
	"time"

	"github.com/lfs-operator/lfs-operator/test/harness"
)

// TestAdoption: a pod takes over what another server left, and what is not what its
// name says is named in the condition and not in its place.
func TestAdoption(t *testing.T) {
	t.Parallel()
	r := prepareRepository(t, harness.Repository{Name: "adopter", Spec: "  adoptFrom: {prefix: old/}\n"})
	makeBucket(t, r.Bucket)
	oid := func(content string) string {
		sum := sha256.Sum256([]byte(content))
		return hex.EncodeToString(sum[:])
	}
	good, lie := oid("from another server"), oid("what the name says")
	putObject(t, r.Bucket, "old/"+good[:2]+"/"+good[2:4]+"/"+good[4:], "from another server")
	putObject(t, r.Bucket, "old/"+lie, "what it is")
	noError(t, r.Apply(t.Context()))
	waitReady(t, r, readyLimit)
	_, err := env.WaitCondition(t.Context(), r.Namespace, r.Name, "Adopted", "False", "WrongContent", 3*time.Minute)
	noError(t, err)
	if !stored(t, r, good) || stored(t, r, lie) {
		t.Errorf("in place: the good object %t, the wrong one %t", stored(t, r, good), stored(t, r, lie))
	}
}
