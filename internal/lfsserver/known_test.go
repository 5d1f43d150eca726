package lfsserver_test

import (
	"testing"

	"github.com/lfs-operator/lfs-operator/internal/gc/index"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/lfstest"
	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
	"github.com/lfs-operator/lfs-operator/test/assets"
)

// What a server has seen it does not look up again: an object that somebody takes
// out of the bucket by hand shows it. Garbage collection's index ends that at once,
// and verify never believes it.
func TestKnownObjects(t *testing.T) {
	t.Parallel()
	for name, see := range map[string]func(*lfstest.Server, lfstest.Object){
		"verified":      func(*lfstest.Server, lfstest.Object) {},
		"asked for":     func(s *lfstest.Server, o lfstest.Object) { s.Batch("upload", o) },
		"downloaded":    func(s *lfstest.Server, o lfstest.Object) { s.Batch("download", o) },
		"asked in many": func(s *lfstest.Server, o lfstest.Object) { s.Batch("upload", o, lfstest.ObjectOf("another")) },
	} {
		t.Run(name, func(t *testing.T) {
			s := lfstest.Start(t, assets.SharedStore(t))
			c := newCollector(t, s)
			o := s.Upload("there")
			if name != "verified" {
				c.list(index.Condemned) // nothing is listed; what was known is forgotten
			}
			see(s, o)
			if err := c.bucket.Delete(t.Context(), c.prefix.Object(o.OID), ""); err != nil {
				t.Fatal(err)
			}
			if a := s.Batch("upload", o)[0]; a.Actions != nil || a.Error != nil {
				t.Errorf("upload: it was looked up: %+v", a)
			}
			if a := s.Batch("download", o)[0]; a.Actions["download"].Href == "" || a.Size != o.Size {
				t.Errorf("download: it was looked up: %+v", a)
			}
			if resp, _ := s.Post(s.Root()+"/verify", lfstest.Basic(lfstest.WriteToken), o); resp.StatusCode != 404 {
				t.Errorf("verify: %s", resp.Status)
			}
			wrong := lfstest.Object{OID: o.OID, Size: o.Size + 1}
			if a := s.Batch("upload", wrong)[0]; a.Error == nil || a.Error.Code != 422 {
				t.Errorf("another size: %+v", a)
			}
			c.list(index.Condemned)
			if a := s.Batch("upload", o)[0]; a.Actions["upload"].Href == "" {
				t.Errorf("upload under another generation: %+v", a)
			}
			if a := s.Batch("download", o)[0]; a.Error == nil || a.Error.Code != 404 {
				t.Errorf("download under another generation: %+v", a)
			}
		})
	}
}

// Nothing is remembered for longer than the quarantine, and what is listed is not
// remembered at all.
func TestNotKnownForLong(t *testing.T) {
	t.Parallel()
	s := lfstest.Start(t, assets.SharedStore(t))
	c := newCollector(t, s)
	o := s.Upload("condemned")
	c.list(index.Condemned, o)
	s.Batch("download", o)
	s.Batch("upload", o)
	if err := c.bucket.Delete(t.Context(), c.prefix.Object(o.OID), ""); err != nil {
		t.Fatal(err)
	}
	if a := s.Batch("download", o)[0]; a.Error == nil || a.Error.Code != 404 {
		t.Errorf("a listed object was remembered: %+v", a)
	}

	s.Reconfigure(func(c *serverconfig.Config) { c.GC.Quarantine = "1ns" })
	o = s.Upload("there")
	if err := c.bucket.Delete(t.Context(), c.prefix.Object(o.OID), ""); err != nil {
		t.Fatal(err)
	}
	if a := s.Batch("upload", o)[0]; a.Actions["upload"].Href == "" {
		t.Errorf("it is remembered beyond the quarantine: %+v", a)
	}
}
