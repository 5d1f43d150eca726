package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
)

// presignParts measures the answer for an object of as many parts as there may be,
// from the request to the last byte. Each is another object, so an upload is begun
// and registered in the same time.
func presignParts(ctx context.Context, r *rig) error {
	const parts = 10_000
	var size int64
	s, err := r.newServer(ctx, func(c *serverconfig.Config) { size = parts * c.Multipart.PartSizeBytes })
	if err != nil {
		return err
	}
	defer s.stop()
	c := &http.Client{}
	var ms []float64
	for i := range 4 * rounds {
		var oid [32]byte
		_, _ = rand.Read(oid[:])
		body, err := json.Marshal(map[string]any{
			"operation": "upload", "transfers": []string{"multipart", "basic"},
			"objects": []object{{OID: hex.EncodeToString(oid[:]), Size: size}},
		})
		if err != nil {
			return err
		}
		begin := time.Now()
		raw, err := s.post(ctx, c, body)
		took := time.Since(begin)
		if err != nil {
			return err
		}
		if n := bytes.Count(raw, []byte("X-Amz-Signature=")); n != parts {
			return fmt.Errorf("%d signed links instead of %d", n, parts)
		}
		if i > 0 {
			ms = append(ms, float64(took.Microseconds())/1e3)
		}
	}
	bar("presign-10000-parts-ms", median(ms))
	return nil
}
