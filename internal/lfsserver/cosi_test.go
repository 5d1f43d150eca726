package lfsserver_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver/lfstest"
	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
	"github.com/lfs-operator/lfs-operator/internal/serverstatus"
	"github.com/lfs-operator/lfs-operator/test/assets"
)

// TestCOSISecret: the Secret of a BucketAccess is as good as one with AWS's keys,
// and what is wrong with one is said without what it holds.
func TestCOSISecret(t *testing.T) {
	t.Parallel()
	store := assets.SharedStore(t)
	s := lfstest.Start(t, store, lfstest.WithoutCredentials())
	st := s.WaitReason(serverstatus.ReasonCredentialsMissing)
	for _, name := range []string{"s3-credentials", serverconfig.KeyAccessKeyID, serverconfig.KeySecretAccessKey, serverconfig.KeyBucketInfo} {
		if !strings.Contains(st.Message, name) {
			t.Errorf("the message does not name %s: %s", name, st.Message)
		}
	}
	info := func(secret string) string {
		b, err := json.Marshal(map[string]any{"spec": map[string]any{
			"bucketName": s.Config.Storage.Bucket, "authenticationType": "KEY",
			"secretS3": map[string]string{"endpoint": "elsewhere", "region": "r", "accessKeyID": store.AccessKey, "accessSecretKey": secret},
		}})
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	s.WriteFile("credentials/"+serverconfig.KeyBucketInfo, "{"+store.SecretKey)
	s.Eventually("it says that the JSON is broken", func() (bool, string) {
		st = s.Status().Store
		return strings.Contains(st.Message, "not the JSON"), st.Message
	})
	if strings.Contains(st.Message, store.SecretKey) {
		t.Error("the message holds the secret")
	}
	s.WriteFile("credentials/"+serverconfig.KeyBucketInfo, info(store.SecretKey))
	s.WaitReady()
	s.Upload("with the key of a BucketAccess")
	s.WriteFile("credentials/"+serverconfig.KeyBucketInfo, info("not the secret"))
	s.WaitReason(serverstatus.ReasonCredentialsRefused)
}
