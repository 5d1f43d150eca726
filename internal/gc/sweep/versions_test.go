package sweep

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
)

// deniedVersions is a bucket whose versions may not be listed.
type deniedVersions struct{}

func (deniedVersions) ListVersions(context.Context, string) iter.Seq2[objectstore.Version, error] {
	return func(yield func(objectstore.Version, error) bool) {
		yield(objectstore.Version{}, fmt.Errorf("list versions: %w", objectstore.ErrDenied))
	}
}

// TestVersionsDenied: without the permission to list versions the examined ones are
// deleted all the same, nothing else is lost, and the report names the permission.
func TestVersionsDenied(t *testing.T) {
	w := condemned(t)
	w.caps.Versioned = true
	o := w.options(w.scan())
	o.Versions = deniedVersions{}
	rep, err := Run(t.Context(), o)
	if err != nil || rep.Deleted != 3 {
		t.Errorf("%v, %+v", err, rep.Deletes)
	}
	w.want("foreign v4 v5")
	if notes := strings.Join(rep.Notes, "\n"); strings.Count(notes, "s3:ListBucketVersions") != 1 || rep.Versions.Error == "" {
		t.Errorf("notes %q", notes)
	}
}

// TestSuperfluous: what goes of a key, in which order, and what stays.
func TestSuperfluous(t *testing.T) {
	now := time.Date(2030, 1, 10, 0, 0, 0, 0, time.UTC)
	// "name hours", the latest first; names that begin with "m" are delete markers.
	key := func(spec string) (out []objectstore.Version) {
		for i, part := range strings.Split(spec, ", ") {
			var name string
			var hours int
			if _, err := fmt.Sscanf(part, "%s %d", &name, &hours); err != nil {
				t.Fatal(err)
			}
			out = append(out, objectstore.Version{
				Info:   objectstore.Info{VersionID: name, LastModified: now.Add(-time.Duration(hours) * time.Hour)},
				Latest: i == 0, Marker: name[0] == 'm',
			})
		}
		return out
	}
	for spec, want := range map[string]string{
		"v1 500":                   "",
		"v2 100, v1 500":           "v1",
		"v2 10, v1 500":            "",
		"v3 10, v2 100, v1 500":    "v1",
		"m2 100, v1 500":           "v1 m2",
		"m2 10, v1 500":            "",
		"m2 10, v2 100, v1 500":    "v1",
		"m1 100":                   "m1",
		"m1 10":                    "",
		"v2 100, m1 200, v0 300":   "v0 m1",
		"m2 100, null 500":         "",
		"m2 100, v1 200, null 500": "v1",
	} {
		all := key(spec)
		slices.Reverse(all)
		var got []string
		for _, v := range superfluous(all, now.Add(-72*time.Hour)) {
			got = append(got, v.VersionID)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("of %q goes %q, want %q", spec, got, want)
		}
	}
	if got := superfluousObject(key("v2 100, v1 500"), now); got != nil {
		t.Errorf("of an object that is there: %v", got)
	}
}
