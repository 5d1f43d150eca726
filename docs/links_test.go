// Package docs_test looks after the pages.
package docs_test

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#+ (.+)$`)
	code    = regexp.MustCompile("(?ms)^```.*?^```$")
	noSlug  = regexp.MustCompile(`[^\p{L}\p{N}_ -]`)
)

// TestLinks: whatever a page of this repository names in it is there, headings too.
func TestLinks(t *testing.T) {
	pages := pages(t)
	if len(pages) < 10 {
		t.Fatalf("these are not all pages: %q", pages)
	}
	for _, page := range pages {
		for _, m := range link.FindAllStringSubmatch(read(t, page), -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			name, anchor, _ := strings.Cut(m[1], "#")
			target := page
			if name != "" {
				target = path.Join(path.Dir(page), name)
			}
			if _, err := os.Stat(filepath.Join("..", target)); err != nil {
				t.Errorf("%s: %s is not there", page, m[1])
			} else if anchor != "" && !anchors(read(t, target))[anchor] {
				t.Errorf("%s: %s has no such heading", page, m[1])
			}
		}
	}
}

// pages of the repository, but for what is built in it.
func pages(t *testing.T) (out []string) {
	t.Helper()
	err := filepath.WalkDir("..", func(file string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() && name != ".." && (name == "bin" || name == "dist" || name == "node_modules" || name[0] == '.') {
			return filepath.SkipDir
		}
		if filepath.Ext(name) == ".md" {
			out = append(out, strings.TrimPrefix(filepath.ToSlash(file), "../"))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// read returns a page without its code.
func read(t *testing.T, page string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", page))
	if err != nil {
		t.Fatal(err)
	}
	return code.ReplaceAllString(string(text), "")
}

// anchors of the headings, as forges make them.
func anchors(text string) map[string]bool {
	out := map[string]bool{}
	for _, m := range heading.FindAllStringSubmatch(text, -1) {
		out[strings.ReplaceAll(noSlug.ReplaceAllString(strings.ToLower(m[1]), ""), " ", "-")] = true
	}
	return out
}
