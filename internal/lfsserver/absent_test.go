package lfsserver_test

import (
	"fmt"
	"regexp"
	"strconv"
	"testing"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver/lfstest"
	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
	"github.com/lfs-operator/lfs-operator/test/assets"
)

// heads is how often the server has asked the store for an object.
func heads(t *testing.T, s *lfstest.Server) (n int) {
	t.Helper()
	_, body := admin(s, "GET", "/metrics", "", nil)
	for _, m := range regexp.MustCompile(`lfs_server_store_requests_total\{call="head",code="\d+"\} (\d+)`).FindAllSubmatch(body, -1) {
		k, err := strconv.Atoi(string(m[1]))
		if err != nil {
			t.Fatal(err)
		}
		n += k
	}
	return n
}

// A push of small new objects is not looked up one by one, once the server has seen
// what is there; what has arrived since is.
func TestNewObjectsAreNotLookedUp(t *testing.T) {
	t.Parallel()
	s := lfstest.Start(t, assets.SharedStore(t))
	there := s.Upload("there before")
	fresh := 0
	many := func() []lfstest.Object {
		var all []lfstest.Object
		for range 10 {
			fresh++
			all = append(all, lfstest.ObjectOf(fmt.Sprint("new object ", fresh)))
		}
		return all
	}
	s.Eventually("new objects need no lookup", func() (bool, string) {
		before := heads(t, s)
		for _, a := range s.Batch("upload", many()...) {
			if a.Actions["upload"].Href == "" {
				t.Fatalf("no link: %+v", a)
			}
		}
		n := heads(t, s) - before
		return n == 0, fmt.Sprint(n, " lookups")
	})
	// What arrived meanwhile, and what is not small.
	arrived := s.Upload("arrived meanwhile")
	large := lfstest.Object{OID: lfstest.OID("large"), Size: 5 << 20}
	s.Reconfigure(func(c *serverconfig.Config) { c.GC.Quarantine = "1ns" }) // remembers nothing that is there
	before := heads(t, s)
	for i, a := range s.Batch("upload", append(many(), there, arrived, large)...) {
		if there := i == 10 || i == 11; (a.Actions == nil) != there {
			t.Errorf("object %d: %+v", i, a)
		}
	}
	if n := heads(t, s) - before; n != 3 {
		t.Errorf("%d lookups, want those of the objects that are there and of the large one", n)
	}
}
