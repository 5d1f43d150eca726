package odb

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/lfs-operator/lfs-operator/internal/gc/gctest"
)

var formats = []Format{SHA1, SHA256}

// grown is a repository whose packs hold deltas of every kind of object.
func grown(t *testing.T, f Format) *gctest.Git {
	t.Helper()
	g := gctest.NewGitOf(t, string(f))
	for i := range 25 {
		g.At(int64(100+i)).Pointer(fmt.Sprint("dir/sub/", i, ".bin"), fmt.Sprint("v", i)).Pointer("a.bin", fmt.Sprint("a", i))
		g.File("text", strings.Repeat(fmt.Sprint("line ", i, "\n"), 3000+i)).Commit(strings.Repeat("a long message\n", 20))
	}
	g.Run("tag", "-a", "-m", "t", "v1", "HEAD~3")
	return g
}

func (f Format) ofTest(t *testing.T, s *Store, dir string, among func(name string) bool) {
	t.Helper()
	cmd := exec.Command("git", "cat-file", "--batch-check", "--batch-all-objects")
	cmd.Dir = dir
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for line := range strings.Lines(string(out)) {
		w := strings.Fields(line)
		if !among(w[0]) {
			continue
		}
		n++
		id, ok := f.Parse(w[0])
		ref, there, err := s.Find(id)
		if !ok || !there || err != nil {
			t.Fatalf("%s: %v %v %v", w[0], ok, there, err)
		}
		size, _ := strconv.ParseUint(w[2], 10, 64)
		// Size is asked for first, so that the cache does not answer it.
		if kind, got, err := s.Size(ref); err != nil || kind.String() != w[1] || got != size {
			t.Errorf("%s is a %s of %d bytes, %v; git says %s of %d", w[0], kind, got, err, w[1], size)
		}
		kind, content, err := s.Read(ref)
		if err != nil || f.nameObject(kind, content) != id || s.Name(ref) != w[0] {
			t.Errorf("%s was read as %s: %v", w[0], f.Text(f.nameObject(kind, content)), err)
		}
	}
	if n < 100 {
		t.Errorf("compared only %d objects", n)
	}
	absent := ID{1, 2, 3}
	if _, ok, err := s.Find(absent); ok || err != nil {
		t.Errorf("an object that is not there: %v %v", ok, err)
	}
}

func all(string) bool { return true }

// Loose objects, packs and alternates are read as git reads them.
func TestOpen(t *testing.T) {
	for _, f := range formats {
		t.Run(string(f), func(t *testing.T) {
			g := grown(t, f)
			g.Run("gc", "-q", "--aggressive", "--prune=now")
			g.At(500).Pointer("loose.bin", "loose").Commit("a loose one")
			borrower := filepath.Join(t.TempDir(), "borrower")
			g.Run("clone", "-q", "--shared", g.Dir, borrower)
			for _, dir := range []string{g.Dir, borrower} {
				s, err := Open(filepath.Join(dir, ".git/objects"), f)
				if err != nil {
					t.Fatal(err)
				}
				defer s.Close()
				f.ofTest(t, s, g.Dir, all)
			}
		})
	}
}

// packOf is all of a repository as one pack.
func packOf(t *testing.T, g *gctest.Git, flags ...string) []byte {
	t.Helper()
	cmd := exec.Command("git", append([]string{"pack-objects", "--all", "--stdout", "-q"}, flags...)...)
	cmd.Dir, cmd.Stdin = g.Dir, strings.NewReader("")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// What a server sends is indexed so that every object is found, whether deltas
// name their base by offset or by name.
func TestReceive(t *testing.T) {
	for _, f := range formats {
		for _, flag := range []string{"--delta-base-offset", "--no-reuse-delta"} {
			t.Run(string(f)+flag, func(t *testing.T) {
				g := grown(t, f)
				g.Run("gc", "-q", "--aggressive", "--prune=now")
				dir := t.TempDir()
				if _, err := Receive(t.Context(), bytes.NewReader(packOf(t, g, flag)), dir, f); err != nil {
					t.Fatal(err)
				}
				s, err := Open(dir, f)
				if err != nil {
					t.Fatal(err)
				}
				defer s.Close()
				f.ofTest(t, s, g.Dir, all)
				left, err := os.ReadDir(filepath.Join(dir, "pack"))
				if err != nil || len(left) != 2 {
					t.Errorf("left over: %v %v", left, err)
				}
			})
		}
	}
}

// A pack that was cut off or changed anywhere is refused.
func TestReceiveDamaged(t *testing.T) {
	g := grown(t, SHA1)
	good := packOf(t, g, "--delta-base-offset")
	step := len(good)/150 + 1
	for n := 0; n < len(good); n += step {
		if _, err := Receive(t.Context(), bytes.NewReader(good[:n]), t.TempDir(), SHA1); err == nil {
			t.Errorf("a pack of %d bytes, cut off after %d, was taken", len(good), n)
		}
		bad := bytes.Clone(good)
		bad[n] ^= 0x15
		if _, err := Receive(t.Context(), bytes.NewReader(bad), t.TempDir(), SHA1); err == nil {
			t.Errorf("a pack with a change at %d was taken", n)
		}
	}
	if _, err := Receive(t.Context(), bytes.NewReader(append(bytes.Clone(good), 'x')), t.TempDir(), SHA1); err == nil {
		t.Error("a pack with something after its end was taken")
	}
}

// A thin pack, whose bases are elsewhere, is not complete.
func TestReceiveThin(t *testing.T) {
	g := grown(t, SHA1)
	g.Run("gc", "-q", "--aggressive", "--prune=now")
	cmd := exec.Command("git", "pack-objects", "--revs", "--thin", "--stdout", "-q")
	cmd.Dir, cmd.Stdin = g.Dir, strings.NewReader("HEAD\n^HEAD~5\n")
	thin, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Receive(t.Context(), bytes.NewReader(thin), t.TempDir(), SHA1); !errors.Is(err, errNoBase) {
		t.Errorf("%v", err)
	}
}

// What a damaged pack on disk holds is an error, never another content.
func TestDamagedPack(t *testing.T) {
	g := grown(t, SHA1)
	g.Run("gc", "-q", "--aggressive", "--prune=now")
	packs, err := filepath.Glob(filepath.Join(g.Dir, ".git/objects/pack/*.pack"))
	if err != nil || len(packs) != 1 {
		t.Fatal(packs, err)
	}
	good, err := os.ReadFile(packs[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(packs[0], 0o600); err != nil {
		t.Fatal(err)
	}
	failed := 0
	for n := 12; n < len(good)-20; n += len(good)/60 + 1 {
		bad := bytes.Clone(good)
		bad[n] ^= 0x15
		if err := os.WriteFile(packs[0], bad, 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := Open(filepath.Join(g.Dir, ".git/objects"), SHA1)
		if err != nil {
			t.Fatal(err)
		}
		for ref := range Ref(s.Len()) {
			kind, content, err := s.Read(ref)
			if err != nil {
				failed++
			} else if SHA1.Text(SHA1.nameObject(kind, content)) != s.Name(ref) {
				t.Errorf("%s has another content", s.Name(ref))
			}
		}
		s.Close()
	}
	if failed == 0 {
		t.Error("no damage was noticed")
	}
}

func FuzzApplyDelta(f *testing.F) {
	f.Add([]byte("hello world"), []byte{11, 5, 0x90, 5})
	f.Add([]byte("hello world"), []byte{11, 3, 3, 'a', 'b', 'c'})
	f.Fuzz(func(_ *testing.T, base, delta []byte) { _, _ = applyDelta(base, delta) })
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\nauthor a <a> 1 +0000\ncommitter a <a> 1 +0000\n\nx"))
	f.Add([]byte("100644 a\x00aaaaaaaaaaaaaaaaaaaa"))
	f.Fuzz(func(t *testing.T, b []byte) {
		_, _ = SHA1.ParseCommit(b)
		_, _ = SHA1.ParseTag(b)
		for rest := b; len(rest) > 0; {
			var err error
			if _, rest, err = SHA1.NextEntry(rest); err != nil {
				return
			}
		}
	})
}
