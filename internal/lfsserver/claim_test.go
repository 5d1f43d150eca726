package lfsserver_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"sync"
	"testing"

	"github.com/lfs-operator/lfs-operator/internal/layout"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/lfstest"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
	"github.com/lfs-operator/lfs-operator/internal/serverstatus"
	"github.com/lfs-operator/lfs-operator/test/assets"
)

// sameBucket puts a server onto another one's bucket and prefix.
func sameBucket(other *lfstest.Server) lfstest.Option {
	return lfstest.WithConfig(func(c *serverconfig.Config) {
		c.Storage.Bucket, c.Storage.Prefix = other.Config.Storage.Bucket, other.Config.Storage.Prefix
		c.Repository.Namespace, c.Repository.Name = "team-b", "intruder"
	})
}

func TestPrefixInUse(t *testing.T) {
	t.Parallel()
	store := assets.SharedStore(t)
	first := lfstest.Start(t, store)
	o := first.Upload("of the first")
	second := lfstest.Start(t, store, sameBucket(first), lfstest.NotReady())
	st := second.WaitReason(serverstatus.ReasonPrefixInUse)
	for _, want := range []string{"team-a/models", first.Config.Repository.UID, first.Config.Storage.Bucket, "Choose another"} {
		if !strings.Contains(st.Message, want) {
			t.Errorf("message %q lacks %q", st.Message, want)
		}
	}
	body := map[string]any{"operation": "download", "objects": []lfstest.Object{o}}
	resp, raw := second.Post(second.Root()+"/objects/batch", lfstest.Basic(lfstest.WriteToken), body)
	if resp.StatusCode != 429 || resp.Header.Get("Retry-After") == "" || strings.Contains(string(raw), "X-Amz") {
		t.Errorf("a server without a prefix answers %d: %s", resp.StatusCode, raw)
	}
	if first.Status().Store.Reason != serverstatus.ReasonStoreReady {
		t.Error("the first server lost its prefix")
	}
	// The first goes away for good: the second takes over by itself.
	b := bucketOf(t, first)
	for info, err := range b.List(t.Context(), first.Config.Storage.Prefix, "") {
		if err != nil {
			t.Fatal(err)
		}
		first.Stop()
		if err := first.Wait(); err != nil { // else it may claim its prefix again
			t.Fatal(err)
		}
		if err := b.Delete(t.Context(), info.Key, ""); err != nil {
			t.Fatal(err)
		}
	}
	second.WaitReady()
}

func TestReplicasShareAPrefix(t *testing.T) {
	t.Parallel()
	store := assets.SharedStore(t)
	first := lfstest.Start(t, store)
	o := first.Upload("stored by one replica")
	replica := replicaOf(t, first)
	if got := replica.Download(o); got != "stored by one replica" {
		t.Errorf("downloaded %q", got)
	}
	// A link of one is redeemed at the other.
	next := lfstest.ObjectOf("uploaded through one, verified at the other")
	a := first.Batch("upload", next)[0].Actions
	first.Put(a["upload"], strings.NewReader("uploaded through one, verified at the other"), next.Size)
	if resp, body := replica.Post(replica.Root()+"/verify", a["verify"].Header["Authorization"], next); resp.StatusCode != 200 {
		t.Errorf("verify at the other replica: %d: %s", resp.StatusCode, body)
	}
}

func TestPrefixNotOurs(t *testing.T) {
	t.Parallel()
	store := assets.SharedStore(t)
	for name, key := range map[string]string{
		"a stranger's file":                  "holiday.jpg",
		"an LFS object that nobody claimed":  "lfs/aa/bb/" + strings.Repeat("a", 64),
		"something where the owner would be": "meta/owner.json",
	} {
		t.Run(name, func(t *testing.T) {
			var put objectstore.Bucket
			s := lfstest.Start(t, store, lfstest.NotReady(), lfstest.WithConfig(func(c *serverconfig.Config) {
				c.Storage.Bucket = store.NewBucket(t)
				put = bucketFor(t, store, c.Storage)
				if _, err := put.Put(t.Context(), c.Storage.Prefix+key, strings.NewReader("x"), 1, objectstore.Condition{}); err != nil {
					t.Fatal(err)
				}
			}))
			st := s.WaitReason(serverstatus.ReasonPrefixNotOurs)
			if !strings.Contains(st.Message, s.Config.Storage.Bucket) {
				t.Errorf("message %q", st.Message)
			}
			if err := put.Delete(t.Context(), s.Config.Storage.Prefix+key, ""); err != nil {
				t.Fatal(err)
			}
			s.WaitReady()
		})
	}
}

// TestClaimRace: of many that claim at once, all replicas of one repository win
// and all others lose.
func TestClaimRace(t *testing.T) {
	t.Parallel()
	store := assets.SharedStore(t)
	storage := serverconfig.Storage{Endpoint: store.Endpoint, Region: store.Region, Bucket: store.NewBucket(t), Prefix: "raced/"}
	b := bucketFor(t, store, storage)
	var mu sync.Mutex
	winners := map[string]int{}
	var group sync.WaitGroup
	for i := range 24 {
		group.Go(func() {
			uid := string(rune('a' + i%4))
			_, err := objectstore.Claim(t.Context(), b, "raced/", objectstore.Owner{UID: uid, Namespace: "n", Name: uid}, "")
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				winners[uid]++
			}
		})
	}
	group.Wait()
	if len(winners) != 1 {
		t.Fatalf("winners: %v", winners)
	}
	for uid, n := range winners {
		if n != 6 {
			t.Errorf("%d of 6 replicas of %s won", n, uid)
		}
		body, _, err := b.Get(t.Context(), layout.Prefix("raced/").Owner(), "")
		if err != nil {
			t.Fatal(err)
		}
		defer body.Close()
		var raw bytes.Buffer
		var owner objectstore.Owner
		if _, err := raw.ReadFrom(body); err != nil || json.Unmarshal(raw.Bytes(), &owner) != nil || owner.UID != uid {
			t.Errorf("the owner object says %s, the winner is %s", raw.String(), uid)
		}
	}
}

// bucketOf reaches a server's bucket behind its back.
func bucketOf(t *testing.T, s *lfstest.Server) *objectstore.S3 {
	t.Helper()
	return bucketFor(t, s.Store, s.Config.Storage)
}

func bucketFor(t *testing.T, store *assets.Store, st serverconfig.Storage) *objectstore.S3 {
	t.Helper()
	e, err := objectstore.ParseEndpoint(store.Endpoint, store.Region, st.Bucket, false)
	if err != nil {
		t.Fatal(err)
	}
	transport := objectstore.NewTransport(nil)
	t.Cleanup(transport.CloseIdleConnections)
	b, err := objectstore.NewS3(e, objectstore.Credentials{AccessKeyID: store.AccessKey, SecretAccessKey: store.SecretKey}, transport, nil)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
