//go:build e2e

package e2e

import (
	"crypto/sha256"
	"encoding/base64"
	"testing"

	"github.com/lfs-operator/lfs-operator/test/harness"
)

// newDoor makes a way to the store that a test holds, shut at first.
func newDoor(t *testing.T) *harness.Door {
	t.Helper()
	d, err := env.NewDoor()
	noError(t, err)
	t.Cleanup(d.Shut)
	return d
}

// checksum as S3 writes it.
func checksum(content []byte) string {
	sum := sha256.Sum256(content)
	return base64.StdEncoding.EncodeToString(sum[:])
}
