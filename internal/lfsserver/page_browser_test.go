package lfsserver_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/layout"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/lfstest"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
	"github.com/lfs-operator/lfs-operator/internal/serverstatus"
	"github.com/lfs-operator/lfs-operator/test/assets"
)

// Of TestPageInBrowser: the program that looks ("hack/build-tool.sh pagecheck"),
// and a folder for pictures.
const (
	envPagecheck   = "LFS_TEST_PAGECHECK"
	envScreenshots = "LFS_TEST_SCREENSHOTS"
)

// TestPageInBrowser: Chromium shows the page without complaint, readable and with
// the keyboard alone. It prints the figures as bars.
func TestPageInBrowser(t *testing.T) {
	program := os.Getenv(envPagecheck)
	if program == "" {
		t.Skip("set " + envPagecheck + " to the program pagecheck; it needs Chromium (make bars-access)")
	}
	s := livedIn(t)
	s.Reconfigure(otherIdentities)
	args := []string{"-token", lfstest.WriteToken}
	if dir := os.Getenv(envScreenshots); dir != "" {
		args = append(args, "-screenshots", dir)
	}
	cmd := exec.CommandContext(t.Context(), program, append(args, s.URL+"/team-a/models")...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		t.Error(err)
	}
}

// otherIdentities lets in who has no token of the repository.
func otherIdentities(c *serverconfig.Config) {
	c.Access.Kubernetes = &serverconfig.KubernetesAccess{Audience: "lfs-operator.dev/team-a/models"}
	c.Access.JWT = []serverconfig.JWTIssuer{
		{Name: "forge", URL: "https://forge.example.com", Audiences: []string{"lfs-operator.dev/team-a/models", "https://lfs.example.com"}},
		{Name: "build-farm", SecretName: "farm-keys", Audiences: []string{"lfs-operator.dev/team-a/models"}},
	}
}

// livedIn is a server of a repository that was used for a while.
func livedIn(t *testing.T) *lfstest.Server {
	t.Helper()
	s := lfstest.Start(t, assets.SharedStore(t), lfstest.WithConfig(func(c *serverconfig.Config) {
		c.Policy.QuotaBytes = 500 << 30
		c.Policy.Sources["quota"] = serverconfig.SourceRepository
		c.Multipart.ThresholdBytes, c.Multipart.PartSizeBytes = 100_000_000, 64<<20
		c.GC.Mode, c.GC.Schedule = serverconfig.GCDelete, "17 3 * * *"
		c.GC.Rules = []serverconfig.GCRule{
			{Path: "checkpoints/**", Versions: new(int32(2))}, {Suffix: ".ckpt", Age: "2160h"}, {Path: "release/**", All: true},
		}
		c.History = []serverconfig.History{{Name: "main", URL: "https://git.example.com/team-a/models.git", SecretName: "git-read"}, {Name: "mirror-of-an-earlier-life", URL: "https://git.example.com/old.git"}, {Name: "fork", URL: "https://git.example.com/fork.git"}}
	}))
	for _, path := range []string{"scenes/forest.blend", "a/very/long/way/down/to/the/textures/of/a/mossy/stone_0123456789.psd"} {
		resp, body := s.Post(s.Root()+"/locks", lfstest.Basic(lfstest.WriteToken), map[string]string{"path": path})
		if resp.StatusCode != 201 {
			t.Fatalf("lock: %s: %s", resp.Status, body)
		}
	}
	s.Upload("1234")
	s.Upload(content(1_234_567))
	now := time.Now().UTC().Truncate(time.Second)
	leave(t, s, layout.Prefix.GCReport, serverstatus.GCReport{
		ID: "models-lfs-gc-29384", Mode: serverconfig.GCDelete, Outcome: serverstatus.GCStopped, Reason: "DeleteLimit",
		Message:   "This run would delete 61 % of the objects; the limit is 50 %. Raise gc.deleteLimit for one run if that is meant.",
		StartedAt: now.Add(-3 * time.Hour), FinishedAt: now.Add(-3*time.Hour + 14*time.Second),
		Kept: 1204, Condemned: 37, Deleted: 12, DeletedBytes: 34_567_890_123, Orphans: 1, OrphanBytes: 12_345,
	})
	leave(t, s, layout.Prefix.HistoryCheck, serverstatus.HistoryCheck{Revision: "r1", CheckedAt: now, Entries: []serverstatus.HistoryCheckEntry{
		{Name: "main", OK: true},
		{Name: "mirror-of-an-earlier-life", Reason: serverstatus.ReasonHistoryRefused, Message: "the Git server answers 403"},
	}})
	s.Eventually("count and reports are there", func() (bool, string) {
		st := s.Status()
		return st.GC != nil && st.History != nil && st.Usage != nil && st.Usage.Objects == 2, ""
	})
	return s
}

// leave puts a report into the bucket as a job does.
func leave(t *testing.T, s *lfstest.Server, key func(layout.Prefix) string, report any) {
	t.Helper()
	raw, err := json.Marshal(report)
	if err != nil {
		t.Fatal(err)
	}
	name := key(layout.Prefix(s.Config.Storage.Prefix))
	if _, err := bucketOf(t, s).Put(t.Context(), name, bytes.NewReader(raw), int64(len(raw)), objectstore.Condition{}); err != nil {
		t.Fatal(err)
	}
}
