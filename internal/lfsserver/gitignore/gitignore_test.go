package gitignore

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestIgnoresAsGit: git itself says what is right.
func TestIgnoresAsGit(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	git := func(stdin string, args ...string) string {
		cmd := exec.Command("git", append([]string{"-c", "core.ignorecase=false"}, args...)...)
		cmd.Dir, cmd.Stdin = dir, strings.NewReader(stdin)
		cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1")
		out, _ := cmd.Output() // check-ignore fails where nothing is ignored
		return string(out)
	}
	git("", "init")
	files := []string{
		"a", "b", "a.tmp", "x/a.tmp", "keep.tmp", "x/keep.tmp", "out/a", "x/out/a", "out", "doc/frotz/a", "x/doc/frotz/a",
		"abc/x/y", "a/b", "a/x/b", "a/x/y/b", "a/x/y/c", "foo/bar", "x/foo/bar", "x/y/foo/bar/z", "#a", "!a", "a b", "a ", "ab", "A",
		"build/keep", "build/other", "deep/build/keep", "x[1]", "x1", "file.c", "file.h", "file.o", "ä.tmp",
	}
	for _, ignore := range []string{
		"*.tmp", "*.tmp\n!keep.tmp", "!keep.tmp\n*.tmp", "out/", "/out/", "out", "doc/frotz", "doc/frotz/", "/doc/frotz", "**/foo", "**/foo/bar",
		"abc/**", "a/**/b", "a/**", "**", "*", "/*\n!/foo", "/*\n!/foo\n/foo/*\n!/foo/bar", "# comment\n\n   \na", "\\#a", "\\!a", "a\\ ", "a  ", "a\r\nb\r\n",
		"build/*\n!build/keep", "build/\n!build/keep", "[ab]", "[!ab]", "[^ab]", "file.[ch]", "file.[!ch]", "x[1", "x\\[1\\]", "?", "a?", "/", "!", "!*\n*",
		"a/**/**/b", "**/a/**/b", "x/**/bar", "foo/*", "*/bar", "a/", "a/b/", "**/b/", "a//b", "***", "a**", "A",
	} {
		if err := os.WriteFile(filepath.Join(dir, ".gitignore"), []byte(ignore), 0o600); err != nil {
			t.Fatal(err)
		}
		out := git(strings.Join(files, "\x00")+"\x00", "check-ignore", "--stdin", "-z", "--no-index")
		want := map[string]bool{}
		for _, f := range strings.Split(out, "\x00") {
			want[f] = true
		}
		list := Parse(ignore)
		for _, f := range files {
			if got := list.Ignores(f); got != want[f] {
				t.Errorf("%q, file %q: %v, git says %v", ignore, f, got, want[f])
			}
		}
	}
}
