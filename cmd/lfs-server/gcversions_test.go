package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/lfs-operator/lfs-operator/internal/layout"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/lfstest"
	"github.com/lfs-operator/lfs-operator/test/assets"
)

// versionedWorld is a gcWorld on a bucket that keeps versions.
type versionedWorld struct {
	*gcWorld
	client *minio.Client
	bucket string
	prefix layout.Prefix
}

func newVersionedWorld(t *testing.T) *versionedWorld {
	t.Helper()
	w := newUnversionedWorld(t)
	w.enable()
	return w
}

// newUnversionedWorld is one whose bucket does not keep versions yet.
func newUnversionedWorld(t *testing.T) *versionedWorld {
	t.Helper()
	store := assets.StartStore(t, "--versioning-dir", t.TempDir())
	w := &versionedWorld{bucket: store.NewBucket(t)}
	var err error
	w.client, err = minio.New(store.Host(), &minio.Options{Creds: credentials.NewStaticV4(store.AccessKey, store.SecretKey, ""), Region: store.Region})
	if err != nil {
		t.Fatal(err)
	}
	w.gcWorld = newGCWorldOn(t, store, w.bucket)
	w.prefix = layout.Prefix(w.Config.Storage.Prefix)
	return w
}

func (w *versionedWorld) enable() {
	w.t.Helper()
	if err := w.client.EnableVersioning(w.t.Context(), w.bucket); err != nil {
		w.t.Fatal(err)
	}
}

// versions under a prefix, of any kind.
func (w *versionedWorld) versions(prefix string) (out []string) {
	w.t.Helper()
	for _, o := range w.list(prefix) {
		out = append(out, fmt.Sprintf("%s latest=%t marker=%t", o.Key, o.IsLatest, o.IsDeleteMarker))
	}
	slices.Sort(out)
	return out
}

func (w *versionedWorld) list(prefix string) (out []minio.ObjectInfo) {
	w.t.Helper()
	for o := range w.client.ListObjects(w.t.Context(), w.bucket, minio.ListObjectsOptions{Prefix: prefix, Recursive: true, WithVersions: true}) {
		if o.Err != nil {
			w.t.Fatal(o.Err)
		}
		out = append(out, o)
	}
	return out
}

// again writes an object anew, which makes another version of it.
func (w *versionedWorld) again(o lfstest.Object, content string) {
	w.t.Helper()
	key := w.prefix.Object(o.OID)
	if _, err := w.client.PutObject(w.t.Context(), w.bucket, key, strings.NewReader(content), int64(len(content)), minio.PutObjectOptions{}); err != nil {
		w.t.Fatal(err)
	}
}

// hide deletes an object as somebody does who names no version.
func (w *versionedWorld) hide(o lfstest.Object) {
	w.t.Helper()
	if err := w.client.RemoveObject(w.t.Context(), w.bucket, w.prefix.Object(o.OID), minio.RemoveObjectOptions{}); err != nil {
		w.t.Fatal(err)
	}
}

func (w *versionedWorld) pushVersions(n int) (objects []lfstest.Object) {
	for i := range n {
		objects = append(objects, w.push("model.bin", fmt.Sprint("content ", i)))
	}
	return objects
}

// Where the bucket keeps versions, the examined version is deleted by its ID and all
// older ones with it: no delete marker hides them, nothing stays.
func TestVersionedBucket(t *testing.T) {
	t.Parallel()
	w := newVersionedWorld(t)
	objects := w.pushVersions(3)
	w.again(objects[0], "content 0")
	w.hide(objects[0])
	w.again(objects[0], "content 0")
	if got := w.versions(w.prefix.Object(objects[0].OID)); len(got) != 4 {
		t.Fatalf("versions: %v", got)
	}
	w.mustRun()
	w.mustRun()
	if got := w.versions(w.prefix.Object(objects[0].OID)); len(got) > 0 {
		t.Errorf("left of the pruned object: %v", got)
	}
	w.Download(objects[1])
	w.Download(objects[2])
	if a := w.Batch("download", objects[0])[0]; a.Error == nil || a.Error.Code != 410 {
		t.Errorf("%+v", a)
	}
	for format, want := range map[string]string{"json": `"followed": {`, "text": "noncurrent versions of deleted objects: 3 (", "markdown": "| noncurrent versions of deleted objects | 3 |"} {
		if text, err := w.ask("report", "--format", format); err != nil || !strings.Contains(text, want) {
			t.Errorf("report as %s lacks %q: %v\n%s", format, want, err, text)
		}
	}
}

// Objects from before the bucket kept versions go without a trace, whether they were
// condemned before that or after.
func TestVersioningTurnedOn(t *testing.T) {
	t.Parallel()
	for name, enableAfter := range map[string]int{"before condemning": 0, "in quarantine": 1} {
		t.Run(name, func(t *testing.T) {
			w := newUnversionedWorld(t)
			objects := w.pushVersions(3)
			for i := range 2 {
				if i == enableAfter {
					w.enable()
				}
				w.mustRun()
			}
			if got := w.versions(w.prefix.Object(objects[0].OID)); len(got) > 0 {
				t.Errorf("left of the pruned object: %v", got)
			}
			w.Download(objects[1])
			w.Download(objects[2])
		})
	}
}

// An object that was uploaded again after it was condemned stays, whichever of its
// versions was examined.
func TestNewerVersionStays(t *testing.T) {
	t.Parallel()
	w := newVersionedWorld(t)
	objects := w.pushVersions(3)
	w.mustRun()
	w.again(objects[0], "content 0")
	w.mustRun()
	w.Download(objects[0])
}

// What a delete marker hides goes when history does not need it; what it needs stays
// and can be had back.
func TestHiddenByDeleteMarker(t *testing.T) {
	t.Parallel()
	w := newVersionedWorld(t)
	objects := w.pushVersions(4)
	orphan := w.Upload("named by nobody")
	for _, o := range []lfstest.Object{objects[0], objects[3], orphan} {
		w.hide(o)
	}
	w.mustRun() // learns that there are versions
	w.mustRun()
	if got := w.versions(w.prefix.Object(objects[0].OID)); len(got) > 0 {
		t.Errorf("left of what nobody needs: %v", got)
	}
	for name, o := range map[string]lfstest.Object{"what history needs": objects[3], "an orphan": orphan} {
		if got := w.versions(w.prefix.Object(o.OID)); len(got) != 2 {
			t.Errorf("%s: %v", name, got)
		}
	}
	if text, err := w.ask("report"); err != nil || !strings.Contains(text, "history needs 1 objects that are hidden by delete markers") ||
		!strings.Contains(text, objects[3].OID) || !strings.Contains(text, "hidden by delete markers, removed: 2 (") {
		t.Errorf("report: %v\n%s", err, text)
	}
}

// The versions of the server's own records do not pile up, and no record is lost.
func TestVersionsOfOwnRecords(t *testing.T) {
	t.Parallel()
	w := newVersionedWorld(t)
	w.pushVersions(4)
	key := w.prefix.Staging("left")
	if _, err := w.client.PutObject(t.Context(), w.bucket, key, strings.NewReader("unproven"), 8, minio.PutObjectOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := w.client.RemoveObject(t.Context(), w.bucket, key, minio.RemoveObjectOptions{}); err != nil {
		t.Fatal(err)
	}
	latest := func() (out []string) {
		for _, v := range w.versions(w.prefix.Meta()) {
			if strings.HasSuffix(v, "latest=true marker=false") {
				out = append(out, v)
			}
		}
		return out
	}
	w.mustRun()
	w.mustRun()
	if got := w.versions(w.prefix.GCReport()); len(got) != 2 {
		t.Fatalf("the bucket keeps no versions: %v", got)
	}
	if got := w.versions(key); len(got) != 2 {
		t.Errorf("versions went before their time: %v", got)
	}
	superseded := w.list(w.prefix.GCReport())[1:]
	before := latest()
	// What was superseded in the second before a run is for the next one.
	for what, superseded := range map[string][]minio.ObjectInfo{"unproven content": w.list(key), "the report": superseded} {
		var left []string
		for range 20 {
			if _, err := w.runWith("--answer-within", "500ms", "--abandoned-after", "1s"); err != nil {
				t.Fatal(err)
			}
			left = nil
			for _, now := range w.list(superseded[0].Key) {
				if slices.ContainsFunc(superseded, func(o minio.ObjectInfo) bool { return o.VersionID == now.VersionID }) {
					left = append(left, now.VersionID)
				}
			}
			if len(left) == 0 {
				break
			}
		}
		if len(left) > 0 {
			t.Errorf("left of %s: %v", what, left)
		}
	}
	if got := w.list(w.prefix.GCReport()); len(got) == 0 || !got[0].IsLatest || got[0].IsDeleteMarker {
		t.Errorf("the report that is shown: %v", got)
	}
	for _, v := range before {
		if !slices.Contains(latest(), v) && !strings.Contains(v, "/gc/scans/") {
			t.Errorf("a record is gone: %s", v)
		}
	}
}
