package lfsserver_test

import (
	"crypto/sha256"
	"encoding/base64"
	"testing"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver/lfstest"
	"github.com/lfs-operator/lfs-operator/test/assets"
)

func TestUploadThenDownload(t *testing.T) {
	t.Parallel()
	s := lfstest.Start(t, assets.SharedStore(t))
	for _, content := range []string{"some content", "", "\x00\xff binary \r\n"} {
		o := s.Upload(content)
		if got := s.Download(o); got != content {
			t.Errorf("downloaded %q, want %q", got, content)
		}
		if a := s.Batch("upload", o)[0]; a.Actions != nil || a.Error != nil {
			t.Errorf("an object that is there was answered with %+v", a)
		}
	}
}

// base64OID is the checksum header of a content.
func base64OID(content string) string {
	sum := sha256.Sum256([]byte(content))
	return base64.StdEncoding.EncodeToString(sum[:])
}

func base64Of(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
