package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lfs-operator/lfs-operator/internal/layout"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/lfstest"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
	"github.com/lfs-operator/lfs-operator/test/assets"
)

// TestAdopt: with the files of a pod the program brings objects to their final
// keys; without spec.adoptFrom it says so and touches nothing.
func TestAdopt(t *testing.T) {
	store := assets.SharedStore(t)
	cfg := &serverconfig.Config{
		Repository: serverconfig.Repository{Namespace: "team-a", Name: "models", UID: "1"},
		Storage: serverconfig.Storage{
			Endpoint: store.Endpoint, Region: store.Region, Bucket: store.NewBucket(t), Prefix: "new/", CredentialsName: "s3",
		},
	}
	dir := t.TempDir()
	write := func(name, content string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(serverconfig.KeyAccessKeyID, store.AccessKey)
	write(serverconfig.KeySecretAccessKey, store.SecretKey)
	args := []string{"--config", filepath.Join(dir, "config.yaml"), "--credentials-dir", dir, "--request", "first"}
	run := func() error {
		t.Helper()
		raw, err := serverconfig.Marshal(cfg)
		if err != nil {
			t.Fatal(err)
		}
		write("config.yaml", string(raw))
		return adoptObjects(t.Context(), args, io.Discard)
	}
	if err := run(); err == nil || !strings.Contains(err.Error(), "spec.adoptFrom") {
		t.Errorf("without anything to adopt it says %v", err)
	}
	cfg.AdoptFrom = &serverconfig.AdoptFrom{Bucket: cfg.Storage.Bucket, Prefix: "old/"}
	to, err := storeOptions{credentialsDir: dir}.connect(cfg)
	if err != nil {
		t.Fatal(err)
	}
	const content = "taken over"
	if _, err := to.bucket.Put(t.Context(), "old/"+lfstest.OID(content), strings.NewReader(content), int64(len(content)), objectstore.Condition{}); err != nil {
		t.Fatal(err)
	}
	if err := run(); err != nil {
		t.Fatal(err)
	}
	if info, err := to.bucket.Head(t.Context(), layout.Prefix("new/").Object(lfstest.OID(content))); err != nil || info.Size != int64(len(content)) {
		t.Errorf("at the final key: %+v, %v", info, err)
	}
	if err := to.bucket.Delete(t.Context(), layout.Prefix("new/").Owner(), ""); err != nil {
		t.Fatal(err)
	}
	if err := run(); err == nil {
		t.Error("it adopts into a prefix that is not ours")
	}
}
