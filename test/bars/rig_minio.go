package main

import (
	"context"
	"crypto/rand"
	"net/http"
	"path/filepath"
	"time"
)

// minio starts MinIO, a second opinion on what a store may answer.
func (r *rig) minio(ctx context.Context) (*store, error) {
	addr, err := freePort()
	if err != nil {
		return nil, err
	}
	s := &store{access: "bars-key", secret: rand.Text(), region: "us-east-1", dir: filepath.Join(r.dir, "minio"), endpoint: "http://" + addr}
	s.program, err = r.launch(ctx, "minio", nil, "/usr/bin/env", "MINIO_ROOT_USER="+s.access, "MINIO_ROOT_PASSWORD="+s.secret,
		"MINIO_REGION="+s.region, "MINIO_BROWSER=off", "MINIO_UPDATE=off",
		r.bin("minio"), "server", "--quiet", "--address", addr, s.dir)
	if err != nil {
		return nil, err
	}
	return s, s.await(30*time.Second, "it takes requests", func() bool {
		resp, err := http.Get(s.endpoint + "/minio/health/cluster")
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
}
