package scan

import (
	"bytes"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/lfs-operator/lfs-operator/internal/gc/gctest"
	"github.com/lfs-operator/lfs-operator/internal/gc/liveset"
)

// found is a live set in a form that tests compare.
type found struct {
	// versions of each "entry:path", newest first, by the names that gctest gave.
	versions map[string]string
	pins     map[string]string
	trailer  liveset.Trailer
}

func scanned(t *testing.T, entries ...Entry) found {
	t.Helper()
	var buf bytes.Buffer
	_, err := Run(t.Context(), Options{Entries: entries, WorkDir: t.TempDir(), Log: t.Logf}, liveset.Header{Run: "r"}, &buf)
	if err != nil {
		t.Fatal(err)
	}
	r, err := liveset.NewReader(&buf)
	if err != nil {
		t.Fatal(err)
	}
	f := found{versions: map[string]string{}, pins: map[string]string{}}
	f.trailer, err = r.Each(
		func(v liveset.Version) error {
			key := v.Entry + ":" + v.Path
			if v.Of == 0 || int64(len(strings.Fields(f.versions[key]))) >= v.Of {
				t.Errorf("%s is said to have %d versions", key, v.Of)
			}
			f.versions[key] = strings.TrimSpace(f.versions[key] + " " + gctest.NameOf(v.OID))
			return nil
		},
		func(p liveset.Pin) error {
			f.pins[gctest.NameOf(p.OID)] = p.Ref
			return nil
		})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func (f found) want(t *testing.T, path, versions string) {
	t.Helper()
	if got := f.versions[path]; got != versions {
		t.Errorf("%s has versions %q, want %q", path, got, versions)
	}
}

func (f found) wantPins(t *testing.T, want string) {
	t.Helper()
	for _, name := range strings.Fields(want) {
		if f.pins[name] == "" {
			t.Errorf("%s is not pinned: %v", name, f.pins)
		}
	}
	if len(f.pins) != len(strings.Fields(want)) {
		t.Errorf("pins are %v, want %s", f.pins, want)
	}
}

func TestLinear(t *testing.T) {
	g := gctest.NewGit(t)
	for i := range 8 {
		g.Pointer("model.bin", fmt.Sprint("v", i))
		g.Commit("all in one second")
	}
	f := scanned(t, Entry{Name: "main", URL: g.Dir})
	f.want(t, "main:model.bin", "v7 v6 v5 v4 v3 v2 v1 v0")
	f.wantPins(t, "v7")
	if f.trailer.Entries[0].Commits != 8 || f.trailer.Entries[0].Pointers != 9 {
		t.Errorf("trailer %+v", f.trailer)
	}
}

// A commit whose clock was wrong does not put a version before its predecessor.
func TestClockWentBack(t *testing.T) {
	g := gctest.NewGit(t)
	for i, at := range []int64{1000, 5000, 2000, 3000} {
		g.At(at)
		g.Pointer("a.bin", fmt.Sprint("v", i))
		g.Commit("c")
	}
	scanned(t, Entry{Name: "main", URL: g.Dir}).want(t, "main:a.bin", "v3 v2 v1 v0")
}

func TestShapes(t *testing.T) {
	tests := map[string]struct {
		build    func(g *gctest.Git)
		versions map[string]string
		pins     string
	}{
		"branches and a merge": {
			build: func(g *gctest.Git) {
				g.At(100).Pointer("a", "base").Commit("base")
				g.Run("checkout", "-q", "-b", "side")
				g.At(200).Pointer("a", "side").Pointer("only-side", "s").Commit("side")
				g.Run("checkout", "-q", "main")
				g.At(300).Pointer("a", "main").Commit("main")
				g.At(400).Run("merge", "-q", "-s", "ours", "-m", "merge", "side")
				g.Run("branch", "-D", "side")
			},
			// The merge takes a from main: that introduces nothing.
			versions: map[string]string{"a": "main side base", "only-side": "s"},
			pins:     "main",
		},
		"merge with a content of its own": {
			build: func(g *gctest.Git) {
				g.At(100).Pointer("a", "base").Commit("base")
				g.Run("checkout", "-q", "-b", "side")
				g.At(200).Pointer("a", "side").Commit("side")
				g.Run("checkout", "-q", "main")
				g.At(300).Pointer("a", "main").Commit("main")
				g.At(400).Run("merge", "-q", "-s", "ours", "--no-commit", "side")
				g.Pointer("a", "merged").Commit("merge")
			},
			versions: map[string]string{"a": "merged main side base"},
			pins:     "merged side",
		},
		"rename": {
			build: func(g *gctest.Git) {
				g.At(100).Pointer("old", "x").Commit("c")
				g.Run("mv", "old", "new")
				g.At(200).Commit("rename")
			},
			versions: map[string]string{"old": "x", "new": "x"},
			pins:     "x",
		},
		"deleted path": {
			build: func(g *gctest.Git) {
				g.At(100).Pointer("dir/a", "x").Commit("c")
				g.At(200).Pointer("dir/a", "y").Commit("c")
				g.Run("rm", "-q", "dir/a")
				g.At(300).Commit("gone")
			},
			versions: map[string]string{"dir/a": "y x"},
		},
		"restored content keeps its first time": {
			build: func(g *gctest.Git) {
				for i, name := range []string{"x", "y", "x", "z"} {
					g.At(int64(100*i+100)).Pointer("a", name).Commit("c")
				}
			},
			versions: map[string]string{"a": "z y x"},
			pins:     "z",
		},
		"tags": {
			build: func(g *gctest.Git) {
				g.At(100).Pointer("a", "light").Commit("c").Run("tag", "light")
				g.At(200).Pointer("a", "annotated").Commit("c").Run("tag", "-a", "-m", "t", "v1")
				g.Run("tag", "-a", "-m", "tag of a tag", "v1-again", "v1")
				g.At(300).Pointer("a", "between").Commit("c")
				g.At(400).Pointer("a", "tip").Commit("c")
			},
			versions: map[string]string{"a": "tip between annotated light"},
			pins:     "light annotated tip",
		},
		"tags of a tree and a blob": {
			build: func(g *gctest.Git) {
				g.At(100).Pointer("a", "x").Pointer("d/b", "y").Commit("c")
				g.Run("tag", "tree", "HEAD^{tree}")
				g.Run("tag", "blob", "HEAD:a")
				g.Run("rm", "-q", "-r", "a", "d")
				g.At(200).Commit("gone")
			},
			versions: map[string]string{"a": "x", "d/b": "y"},
			pins:     "x y",
		},
		"force-pushed": {
			build: func(g *gctest.Git) {
				g.At(100).Pointer("a", "x").Commit("c")
				g.At(200).Pointer("a", "lost").Commit("c")
				g.Run("reset", "-q", "--hard", "HEAD~1")
				g.At(300).Pointer("a", "y").Commit("c")
			},
			versions: map[string]string{"a": "y x"},
			pins:     "y",
		},
		"one object under two paths": {
			build: func(g *gctest.Git) {
				g.At(100).Pointer("a", "x").Pointer("b", "x").Commit("c")
				g.At(200).Pointer("a", "y").Commit("c")
			},
			versions: map[string]string{"a": "y x", "b": "x"},
			pins:     "x y",
		},
		"open and merged pull requests": {
			build: func(g *gctest.Git) {
				g.At(100).Pointer("a", "base").Commit("c")
				g.At(200).Pointer("a", "merged").Commit("c").Run("update-ref", "refs/pull/1/head", "HEAD")
				g.At(300).Pointer("a", "tip").Commit("c")
				g.Run("checkout", "-q", "-b", "pr")
				g.At(400).Pointer("a", "open1").Commit("c").Run("update-ref", "refs/pull/2/head", "HEAD")
				g.At(500).Pointer("a", "open2").Commit("c").Run("update-ref", "refs/pull/10/head", "HEAD")
				g.Run("checkout", "-q", "main")
				g.Run("branch", "-D", "pr")
			},
			versions: map[string]string{"a": "open2 open1 tip merged base"},
			pins:     "tip open1 open2",
		},
		"not pointers": {
			build: func(g *gctest.Git) {
				g.At(100).File("text", "hello\n").File("big", strings.Repeat("x", 1<<20)).Symlink("link", "text")
				g.File("crlf", "version https://git-lfs.github.com/spec/v1\r\noid sha256:"+gctest.OID("crlf")+"\r\nsize 3\r\n")
				g.Run("config", "core.autocrlf", "false")
				g.Commit("c")
			},
			versions: map[string]string{"crlf": "crlf"},
			pins:     "crlf",
		},
		"file becomes a folder": {
			build: func(g *gctest.Git) {
				g.At(100).Pointer("a", "x").Pointer("a.b", "z").Commit("c")
				g.Run("rm", "-q", "a")
				g.At(200).Pointer("a/b", "y").Commit("c")
			},
			versions: map[string]string{"a": "x", "a.b": "z", "a/b": "y"},
			pins:     "y z",
		},
		"two roots": {
			build: func(g *gctest.Git) {
				g.At(100).Pointer("a", "x").Commit("c")
				g.Run("checkout", "-q", "--orphan", "other")
				g.At(200).Pointer("a", "y").Commit("c")
			},
			versions: map[string]string{"a": "y x"},
			pins:     "x y",
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			g := gctest.NewGit(t)
			tc.build(g)
			f := scanned(t, Entry{Name: "main", URL: "file://" + g.Dir})
			for path, want := range tc.versions {
				f.want(t, "main:"+path, want)
			}
			if len(f.versions) != len(tc.versions) {
				t.Errorf("paths are %v, want %v", f.versions, tc.versions)
			}
			f.wantPins(t, tc.pins)
		})
	}
}

// A merge that takes a file from one side brings nothing back: a version's last
// time, by which keep.age counts, stays.
func TestMergeBringsNothingBack(t *testing.T) {
	g := gctest.NewGit(t)
	g.At(100).Pointer("a", "base").Pointer("b", "base").Commit("base")
	g.Run("checkout", "-q", "-b", "side")
	g.At(200).Pointer("a", "side").Commit("side")
	g.Run("checkout", "-q", "main")
	g.At(300).Pointer("b", "main").Commit("main")
	g.At(400).Run("merge", "-q", "-m", "merge", "side")
	g.At(500).Pointer("a", "base").Commit("back to the first")
	var buf bytes.Buffer
	_, err := Run(t.Context(), Options{Entries: []Entry{{Name: "main", URL: g.Dir}}, WorkDir: t.TempDir()}, liveset.Header{}, &buf)
	if err != nil {
		t.Fatal(err)
	}
	r, err := liveset.NewReader(&buf)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string][2]int64{}
	_, err = r.Each(func(v liveset.Version) error {
		got[v.Path+":"+gctest.NameOf(v.OID)] = [2]int64{v.First, v.Last}
		return nil
	}, func(liveset.Pin) error { return nil })
	want := map[string][2]int64{"a:base": {100, 500}, "a:side": {200, 200}, "b:base": {100, 100}, "b:main": {300, 300}}
	if err != nil || !maps.Equal(got, want) {
		t.Errorf("%v: first and last are %v, want %v", err, got, want)
	}
}

// A fork counts by itself: its versions push none of the other's out.
func TestFork(t *testing.T) {
	g := gctest.NewGit(t)
	g.At(100).Pointer("a", "x").Commit("c")
	fork := g.Clone()
	g.At(200).Pointer("a", "main").Commit("c")
	fork.At(300).Pointer("a", "fork").Commit("c")
	f := scanned(t, Entry{Name: "main", URL: g.Dir}, Entry{Name: "fork", URL: fork.Dir})
	f.want(t, "main:a", "main x")
	f.want(t, "fork:a", "fork x")
	// The clone's remote-tracking branch is a ref too.
	f.wantPins(t, "main fork x")
}

func TestPacked(t *testing.T) {
	g := gctest.NewGit(t)
	for i := range 40 {
		g.At(int64(100+i)).Pointer("deep/er/a", fmt.Sprint("v", i)).File("text", strings.Repeat("line\n", i)).Commit("c")
	}
	g.Run("gc", "-q", "--aggressive", "--prune=now")
	f := scanned(t, Entry{Name: "main", URL: g.Dir})
	if n := len(strings.Fields(f.versions["main:deep/er/a"])); n != 40 {
		t.Errorf("%d versions, want 40", n)
	}
}

// Files that the suffix rules want in LFS and that lie in Git itself are counted at
// the tips of branches, and nowhere else.
func TestPlainFiles(t *testing.T) {
	g := gctest.NewGit(t)
	g.At(100).File("old.bin", "gone since").File("tagged.bin", "only under a tag").Pointer("good.bin", "x").Commit("c").Run("tag", "v1")
	g.Run("rm", "-q", "old.bin", "tagged.bin")
	g.At(200).File("dir/Model.BIN", "small").File("large.bin", strings.Repeat("x", 5000)).File("readme.txt", "hello").Commit("c")
	var buf bytes.Buffer
	res, err := Run(t.Context(), Options{Entries: []Entry{{Name: "main", URL: g.Dir}}, WorkDir: t.TempDir(), SuffixRules: []string{".bin", ".Custom"}},
		liveset.Header{}, &buf)
	if err != nil {
		t.Fatal(err)
	}
	if e := res.Trailer.Entries[0]; e.Plain != 2 || strings.Join(e.PlainPaths, " ") != "dir/Model.BIN large.bin" {
		t.Errorf("%d: %v", e.Plain, e.PlainPaths)
	}
}
