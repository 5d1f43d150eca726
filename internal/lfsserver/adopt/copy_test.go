package adopt_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver/adopt"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/batch"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/lfstest"
	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
	"github.com/lfs-operator/lfs-operator/test/assets"
)

// TestLayouts: whatever server left the objects, those that are what their name
// says are served, the others are reported and stay where they are.
func TestLayouts(t *testing.T) {
	b := newBucket(t)
	large := strings.Repeat("0123456789abcdef", 40<<20/16) // more than one part
	contents := map[string]string{
		"lfs/%[1]s/%[2]s/%[3]s":         "from a server like this one",
		"%[1]s/%[2]s/%[3]s":             "from git-lfs's own folders",
		"objects/%[1]s/%[2]s/%[3]s":     "from another server",
		"org/repository/%[3]s":          "from giftless",
		"%[3]s":                         "",
		"gitea/%[1]s/%[2]s/%[4]s":       "from Gitea",
		"lfs-objects/%[1]s/%[2]s/%[4]s": large,
	}
	var good []string
	var size int64
	for form, content := range contents {
		oid := lfstest.OID(content)
		b.put("old/"+fmt.Sprintf(form, oid[:2], oid[2:4], oid, oid[4:]), content)
		good = append(good, content)
		size += int64(len(content))
	}
	lie := lfstest.OID("what the name says")
	b.put("old/aa/bb/"+lie, "what it is")
	b.put("old/README", "no object")
	b.put("old/meta/gc/tombstones/ab/"+lie, "the server's own")
	b.put("older/"+lfstest.OID("next door"), "next door")

	s := b.serve("old/")
	pushed := s.Upload("pushed while it adopts")
	report := b.adopt(s)
	if report.Objects != int64(len(good)) || report.Bytes != size || report.Present != 0 || report.Ignored != 2 || report.FinishedAt.IsZero() {
		t.Errorf("the report is %+v", report)
	}
	if len(report.WrongObjects) != 1 || report.WrongBytes != 10 {
		t.Fatalf("wrong are %+v", report.WrongObjects)
	}
	if w := report.WrongObjects[0]; w.Key != "old/aa/bb/"+lie || w.OID != lie || w.Size != 10 || w.SHA256 != lfstest.OID("what it is") {
		t.Errorf("the wrong object is %+v", w)
	}
	served(t, s, append(good, "pushed while it adopts")...)
	notServed(t, s, lie, 10)
	notServed(t, s, lfstest.OID("next door"), 9)
	if b.content("old/aa/bb/"+lie) != "what it is" || b.content("old/README") != "no object" {
		t.Error("the source was changed")
	}
	reported(t, s, report)
	if again := b.adopt(s); again.Objects != report.Objects || again.Present != report.Objects || again.Wrong != 1 {
		t.Errorf("the second run reports %+v", again)
	}
	served(t, s, "pushed while it adopts")
	if pushed.Size == 0 {
		t.Error("nothing was pushed")
	}
}

// TestOtherBucket: the source may be another bucket of the store.
func TestOtherBucket(t *testing.T) {
	b, old := newBucket(t), newBucket(t)
	old.put("p/"+lfstest.OID("moved"), "moved")
	s := lfstest.Start(t, assets.SharedStore(t), lfstest.WithConfig(func(c *serverconfig.Config) {
		c.Storage.Bucket = b.name
		c.AdoptFrom = &serverconfig.AdoptFrom{Bucket: old.name, Prefix: "p/"}
	}))
	if report := b.adopt(s); report.Objects != 1 {
		t.Errorf("the report is %+v", report)
	}
	served(t, s, "moved")
}

// guard counts, and may end the run.
type guard struct {
	batch.Guard
	left   atomic.Int64
	cancel context.CancelFunc
}

func (g *guard) Begin(ctx context.Context) (batch.View, error) {
	if g.left.Add(-1) == 0 {
		g.cancel()
	}
	return g.Guard.Begin(ctx)
}

// TestCutOff: a run that was killed is gone on with, and what is there is not
// copied again.
func TestCutOff(t *testing.T) {
	b := newBucket(t)
	var good []string
	for i := range 60 {
		good = append(good, fmt.Sprintf("object %d", i))
		b.put("old/"+lfstest.OID(good[i]), good[i])
	}
	s := b.serve("old/")
	ctx, cancel := context.WithCancel(t.Context())
	o := b.options(s)
	g := &guard{Guard: o.Guard, cancel: cancel}
	g.left.Store(60)
	o.Guard = g
	if _, err := adopt.Run(ctx, o); !errors.Is(err, context.Canceled) {
		t.Fatalf("the run that was killed returns %v", err)
	}
	if st := s.Status().Adoption; st != nil && !st.FinishedAt.IsZero() {
		t.Errorf("it says that it has finished: %+v", st)
	}
	report := b.adopt(s)
	if report.Objects != 60 || report.Present == 0 || report.Present == 60 {
		t.Errorf("the report is %+v", report)
	}
	served(t, s, good...)
}

// TestTogether: two runs at once do no harm, while clients push the same objects.
func TestTogether(t *testing.T) {
	b := newBucket(t)
	var good []string
	for i := range 40 {
		good = append(good, fmt.Sprintf("object %d", i))
		b.put("old/"+lfstest.OID(good[i]), good[i])
	}
	s := b.serve("old/")
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			if report, err := adopt.Run(t.Context(), b.options(s)); err != nil || report.Objects != 40 {
				t.Errorf("%+v, %v", report, err)
			}
		})
	}
	for _, content := range good[:10] {
		o := lfstest.ObjectOf(content)
		if up, ok := s.Batch("upload", o)[0].Actions["upload"]; ok {
			s.Put(up, strings.NewReader(content), o.Size)
		}
	}
	wg.Wait()
	served(t, s, good...)
}
