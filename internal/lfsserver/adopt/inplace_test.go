package adopt_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/layout"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/adopt"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/lfstest"
	"github.com/lfs-operator/lfs-operator/internal/serverstatus"
)

const prefix = layout.Prefix("some/prefix/")

// left is what a repository left that is gone with its cluster: n objects, of which
// the one returned was damaged since.
func left(b bucket, n int) (good []string, damaged string) {
	b.t.Helper()
	b.put(prefix.Owner(), `{"uid":"gone","namespace":"team-a","name":"models"}`)
	b.put(prefix.Uploaders(), fmt.Sprintf(`{"seen":{"one":%q}}`, time.Now().Add(-time.Hour).Format(time.RFC3339)))
	for i := range n {
		content := fmt.Sprintf("object %d", i)
		b.put(prefix.Object(lfstest.OID(content)), content)
		good = append(good, content)
	}
	damaged = lfstest.OID("before it was damaged")
	b.put(prefix.Object(damaged), "after")
	return good, damaged
}

// TestInPlace: what a repository left is served once all is proven, from where it
// lies; what was damaged is out of the way and not lost.
func TestInPlace(t *testing.T) {
	b := newBucket(t)
	good, damaged := left(b, 30)
	s := b.serve(string(prefix), lfstest.NotReady())
	s.WaitReason(serverstatus.ReasonPrefixInUse)
	report := b.adopt(s)
	if report.Objects != 30 || report.Wrong != 1 || report.FinishedAt.IsZero() {
		t.Errorf("the report is %+v", report)
	}
	s.WaitReady()
	served(t, s, good...)
	notServed(t, s, damaged, 5)
	aside := prefix.AdoptedWrong(damaged, lfstest.OID("after"))
	if b.content(aside) != "after" || b.content(prefix.Object(damaged)) != "(not there)" {
		t.Errorf("the damaged object is not at %s alone", aside)
	}
	reported(t, s, report)
	// What was missing can be pushed.
	s.Upload("before it was damaged")
	served(t, s, "before it was damaged")
	// A run that is asked for again finds nothing to do.
	if again := b.adopt(s); again.Objects != 30 || again.Wrong != 1 {
		t.Errorf("the second run reports %+v", again)
	}
	served(t, s, "before it was damaged")
}

// TestInPlaceCutOff: nothing is served while something is not proven; the next run
// takes over when the lease of the one that was killed is over, and goes on where
// that one has stopped.
func TestInPlaceCutOff(t *testing.T) {
	b := newBucket(t)
	good, damaged := left(b, 50)
	s := b.serve(string(prefix), lfstest.NotReady())
	o := b.options(s)
	ctx, cancel := context.WithCancel(t.Context())
	o.Bucket = openBucketThrough(t, b, func(r *http.Request) {
		if r.Method == http.MethodDelete && strings.HasSuffix(r.URL.Path, damaged) {
			cancel() // right when the damaged one was to go
		}
	})
	if _, err := adopt.Run(ctx, o); err == nil {
		t.Fatal("the run that was killed has succeeded")
	}
	s.WaitReason(serverstatus.ReasonAdopting)
	if report := b.adopt(s); report.Objects != 50 || report.Wrong != 1 {
		t.Errorf("the report is %+v", report)
	}
	s.WaitReady()
	served(t, s, good...)
	notServed(t, s, damaged, 5)
}

// TestInPlaceRefused: a prefix that may still be written to is not taken over, and
// nothing is changed.
func TestInPlaceRefused(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(bucket)
		says   string
	}{
		"a server was there a moment ago": {
			func(b bucket) {
				b.put(prefix.Uploaders(), fmt.Sprintf(`{"seen":{"one":%q}}`, time.Now().Format(time.RFC3339)))
			},
			"delete that LFSRepository first",
		},
		"nobody's objects": {
			func(b bucket) { _ = b.Delete(b.t.Context(), prefix.Owner(), "") },
			"a prefix of its own",
		},
		"another repository under it": {
			func(b bucket) { b.put(string(prefix)+"other/meta/owner.json", `{"uid":"other"}`) },
			"other/meta/owner.json",
		},
		"another repository among its objects": {
			func(b bucket) { b.put(prefix.Objects()+"other/meta/owner.json", `{"uid":"other"}`) },
			"other/meta/owner.json",
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBucket(t)
			_, damaged := left(b, 3)
			tc.change(b)
			s := b.serve(string(prefix), lfstest.NotReady())
			_, err := adopt.Run(t.Context(), b.options(s))
			if err == nil || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("the run says %v, want %q", err, tc.says)
			}
			if s.Status().Store.Ready {
				t.Error("it is served")
			}
			if name != "another repository among its objects" && b.content(prefix.Object(damaged)) != "after" {
				t.Error("something was changed")
			}
		})
	}
}
