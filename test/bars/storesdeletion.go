package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/minio/minio-go/v7"

	"github.com/lfs-operator/lfs-operator/internal/layout"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/batch"
	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
)

// deletionCases are the ways in which a repository is deleted while something is
// gone that it needs, each a test against a real API server.
var deletionCases = []string{
	"TestRetain", "TestDelete", "TestDeleteChangedToRetain", "TestDeleteBeforePlaced", "TestDeleteWithoutCredentials",
	"TestNamespaceTerminating", "TestNamespaceTerminatingWhilePurging", "TestNamespaceTerminatingContentFirst",
	"TestRetainApart", "TestDeleteApart", "TestDeleteWithoutStore", "TestStoreDeletedWhilePurging",
	"TestServerNamespaceTerminating", "TestServerNamespaceTerminatingWhilePurging", "TestServerNamespaceNotWatched",
	"TestTenantNamespaceTerminating", "TestPurgeWithSession", "TestPurgeByWebIdentity",
}

// deletion prints deletion-stuck: how many of these, and of a purge of 100,000
// objects on a real store, did not come to their end.
func deletion(ctx context.Context, r *rig) error {
	out, err := r.goTest(ctx, storeKinds[0], "./controllers", "^("+strings.Join(deletionCases, "|")+")$")
	ended := regexp.MustCompile(`(?m)^--- (PASS|FAIL): (\S+)`).FindAllSubmatch(out, -1)
	if len(ended) != len(deletionCases) {
		return fmt.Errorf("%d of %d cases ran: %w\n%s", len(ended), len(deletionCases), err, out)
	}
	stuck := 0
	for _, test := range ended {
		if string(test[1]) == "FAIL" {
			stuck++
			r.say("%s failed", test[2])
		}
	}
	left, err := purgeMany(ctx, r)
	if err != nil {
		return err
	}
	if left > 0 {
		stuck++
	}
	bar("deletion-stuck", stuck)
	return nil
}

// purgeMany runs the program that a deletion runs, over 100,000 objects, and
// returns how many keys it left.
func purgeMany(ctx context.Context, r *rig) (int, error) {
	st, err := r.store(ctx)
	if err != nil {
		return 0, err
	}
	bucket, err := st.newBucket(ctx)
	if err != nil {
		return 0, err
	}
	defer st.drop(bucket)
	prefix := layout.Prefix("old/") // where plantObjects plants
	r.say("planting %d objects", adoptMany)
	if err := plantObjects(st, bucket, makeObjects("purged", adoptMany)); err != nil {
		return 0, err
	}
	defer r.sayStill("the purge")()
	s := &lfsServer{dir: filepath.Join(r.dir, "purge")}
	s.config = barsConfig(st, "127.0.0.1:1", bucket)
	s.config.Storage.Prefix = string(prefix)
	if err := s.writeFiles(st); err != nil {
		return 0, err
	}
	c, err := st.client()
	if err != nil {
		return 0, err
	}
	owner := fmt.Sprintf(`{"uid":%q}`, s.config.Repository.UID)
	if _, err := c.PutObject(ctx, bucket, prefix.Owner(), strings.NewReader(owner), int64(len(owner)), "", "", minio.PutObjectOptions{}); err != nil {
		return 0, err
	}
	raw, err := serverconfig.Marshal(&s.config)
	if err != nil {
		return 0, err
	}
	cmd := exec.CommandContext(ctx, r.bin("lfs-server"), "purge", "--credentials-dir", filepath.Join(s.dir, "credentials"))
	cmd.Env = append(os.Environ(), serverconfig.EnvPurgeConfig+"="+string(raw))
	took, err := timed(func() error {
		out, err := cmd.CombinedOutput()
		if err != nil {
			return fmt.Errorf("the purge: %w\n%s", err, out)
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	left := 0
	for o := range c.Client.ListObjects(ctx, bucket, minio.ListObjectsOptions{Prefix: string(prefix), Recursive: true}) {
		if o.Err != nil {
			return 0, o.Err
		}
		left++
	}
	r.say("purging %d objects took %.0fs and left %d", adoptMany, took, left)
	return left, nil
}

// noGC is a repository without garbage collection.
type noGC struct{}

func (noGC) Begin(context.Context) (batch.View, error)         { return noGC{}, nil }
func (noGC) Tombstone(context.Context, string) (string, error) { return "", nil }
func (noGC) Generation() string                                { return "" }
func (noGC) State(string) batch.State                          { return batch.Unlisted }
func (noGC) Rescue(context.Context, string) error              { return errors.New("nothing is condemned") }

func decode(r io.Reader, into any) error { return json.NewDecoder(r).Decode(into) }
