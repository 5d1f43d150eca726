package locks

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// FuzzCleanPath: a path has one spelling, which stays inside the working copy and
// shows nothing odd on a terminal.
func FuzzCleanPath(f *testing.F) {
	for _, p := range []string{"", "a", "./a//b", "../a", "a/..", "/a", "a/", ".", "a\x00b", "ä/ö", "\xff", "a/./b"} {
		f.Add(p)
	}
	f.Fuzz(func(t *testing.T, p string) {
		clean, err := CleanPath(p)
		if err != nil {
			if len(err.Error()) > 200 {
				t.Errorf("a client fills our message: %d bytes", len(err.Error()))
			}
			return
		}
		again, err := CleanPath(clean)
		if err != nil || again != clean {
			t.Errorf("%q becomes %q, and that %q, %v", p, clean, again, err)
		}
		if clean == "" || clean[0] == '/' || strings.Contains("/"+clean+"/", "/../") || !utf8.ValidString(clean) || strings.ContainsFunc(clean, unicode.IsControl) {
			t.Errorf("accepted %q", clean)
		}
	})
}
