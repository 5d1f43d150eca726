// Package gitignore reads a .gitignore as Git does (gitignore(5)), that of a
// repository's top folder alone.
package gitignore

import (
	"path"
	"slices"
	"strings"
)

// List is the patterns of a file, in their order.
type List []pattern

type pattern struct {
	// segments between the slashes; "**" stands for any number of folders.
	segments []string
	// anchored patterns are about a whole path, the others about a name in any
	// folder.
	anchored bool
	// folders: a file of that name is not meant.
	folders bool
	// keep takes back what an earlier pattern ignores.
	keep bool
}

// Parse reads a file. A line that is no pattern matches nothing.
func Parse(content string) List {
	var list List
	for line := range strings.Lines(content) {
		if p, ok := parse(strings.TrimRight(line, "\r\n")); ok {
			list = append(list, p)
		}
	}
	return list
}

func parse(line string) (p pattern, ok bool) {
	for strings.HasSuffix(line, " ") && !strings.HasSuffix(line, `\ `) {
		line = line[:len(line)-1]
	}
	if strings.HasPrefix(line, "#") {
		return p, false
	}
	line, p.keep = strings.CutPrefix(line, "!")
	line, p.folders = strings.CutSuffix(line, "/")
	p.anchored = strings.Contains(line, "/")
	line = strings.TrimPrefix(line, "/")
	// path.Match knows only one way to say "none of these".
	p.segments = strings.Split(strings.ReplaceAll(line, "[!", "[^"), "/")
	return p, line != ""
}

// Ignores says whether a file is left out: it is, or a folder above it. The path
// is relative, with single slashes.
func (l List) Ignores(file string) bool {
	parts := strings.Split(file, "/")
	for depth := 1; depth <= len(parts); depth++ {
		// Nothing takes back what lies in a folder that is ignored.
		if l.ignores(parts[:depth], depth < len(parts)) {
			return true
		}
	}
	return false
}

// ignores asks the last pattern that matches.
func (l List) ignores(parts []string, folder bool) bool {
	for _, p := range slices.Backward(l) {
		if p.matches(parts, folder) {
			return !p.keep
		}
	}
	return false
}

func (p pattern) matches(parts []string, folder bool) bool {
	switch {
	case p.folders && !folder:
		return false
	case p.anchored:
		return match(p.segments, parts)
	}
	return matchName(p.segments[0], parts[len(parts)-1])
}

// match compares whole paths. As with * in a name it is enough to come back to
// the last "**".
func match(segments, parts []string) bool {
	s, at, star, from := 0, 0, -1, 0
	for at < len(parts) {
		switch {
		case s < len(segments) && segments[s] == "**":
			star, from = s, at
			s++
			if s == len(segments) {
				return true // everything below
			}
		case s < len(segments) && matchName(segments[s], parts[at]):
			s, at = s+1, at+1
		case star >= 0:
			from++
			s, at = star+1, from
		default:
			return false
		}
	}
	return s == len(segments)
}

func matchName(pattern, name string) bool {
	ok, err := path.Match(pattern, name)
	return err == nil && ok
}
