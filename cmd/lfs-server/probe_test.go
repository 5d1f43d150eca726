package main

import (
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
	"github.com/lfs-operator/lfs-operator/internal/serverstatus"
	"github.com/lfs-operator/lfs-operator/test/assets"
)

// TestProbe: what the operator reads from the pod's status says whether the
// store works, whatever is the matter, and never holds a key.
func TestProbe(t *testing.T) {
	store := assets.SharedStore(t)
	for name, tc := range map[string]struct {
		change func(*serverconfig.Storage)
		secret string
		reason string
	}{
		"well":            {reason: serverstatus.ReasonStoreReady, secret: store.SecretKey},
		"wrong key":       {reason: serverstatus.ReasonCredentialsRefused, secret: "not-the-secret-key"},
		"no key":          {reason: serverstatus.ReasonCredentialsMissing},
		"no CA":           {reason: serverstatus.ReasonCredentialsMissing, secret: store.SecretKey, change: func(s *serverconfig.Storage) { s.CA = true }},
		"no bucket":       {reason: serverstatus.ReasonBucketMissing, secret: store.SecretKey, change: func(s *serverconfig.Storage) { s.Bucket = "never-made" }},
		"bucket is made":  {reason: serverstatus.ReasonStoreReady, secret: store.SecretKey, change: func(s *serverconfig.Storage) { s.Bucket, s.CreateBucket = "made-by-the-probe", true }},
		"nobody is there": {reason: serverstatus.ReasonStoreUnreachable, secret: store.SecretKey, change: func(s *serverconfig.Storage) { s.Endpoint = "http://127.0.0.1:1" }},
	} {
		t.Run(name, func(t *testing.T) {
			storage := serverconfig.Storage{
				Endpoint: store.Endpoint, Region: store.Region, Bucket: store.NewBucket(t), Prefix: "lfs-operator-probe/1/",
				CredentialsName: "admin-credentials", CredentialsNamespace: "lfs-servers",
			}
			if tc.change != nil {
				tc.change(&storage)
			}
			raw, err := serverconfig.Marshal(&serverconfig.Config{Storage: storage})
			if err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			t.Setenv(serverconfig.EnvProbeConfig, string(raw))
			for key, value := range map[string]string{serverconfig.KeyAccessKeyID: store.AccessKey, serverconfig.KeySecretAccessKey: tc.secret} {
				if err := os.WriteFile(filepath.Join(dir, key), []byte(value), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			out := filepath.Join(dir, "answer")
			if err := probeStore(t.Context(), []string{"--credentials-dir", dir, "--ca-file", filepath.Join(dir, "ca.crt"), "--answer-file", out}, io.Discard); err != nil {
				t.Fatal(err)
			}
			answer, err := os.ReadFile(out)
			if err != nil {
				t.Fatal(err)
			}
			var found serverstatus.Store
			if err := json.Unmarshal(answer, &found); err != nil {
				t.Fatal(err)
			}
			if found.Reason != tc.reason || found.Ready != (tc.reason == serverstatus.ReasonStoreReady) || found.Ready != (found.Capabilities != nil) {
				t.Errorf("found %s, want %s", answer, tc.reason)
			}
			if found.Ready && !found.Capabilities.ConditionalWrites {
				t.Errorf("the store can less than is known: %s", answer)
			}
			if tc.secret != "" && strings.Contains(string(answer), tc.secret) {
				t.Errorf("the answer holds the key: %s", answer)
			}
		})
	}
}
