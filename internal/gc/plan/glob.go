package plan

import (
	"fmt"
	"regexp"
	"strings"
)

// glob is a pattern over a whole path: * and ? stay within a folder, ** goes
// across folders, [a-z] is one character. "checkpoints/**" is everything below
// checkpoints, "**/x" is x in any folder and at the top.
type glob struct{ re *regexp.Regexp }

// maxGlob bounds a pattern's length in bytes.
const maxGlob = 1024

func compile(pattern string) (*glob, error) {
	if len(pattern) > maxGlob || strings.HasPrefix(pattern, "/") {
		return nil, fmt.Errorf("path %q: a pattern is relative to the repository and at most %d bytes long", pattern, maxGlob)
	}
	var re strings.Builder
	re.WriteString(`(?s)^`)
	for rest := pattern; rest != ""; {
		n, text, err := translate(rest, rest == pattern || strings.HasSuffix(pattern[:len(pattern)-len(rest)], "/"))
		if err != nil {
			return nil, fmt.Errorf("path %q: %w", pattern, err)
		}
		re.WriteString(text)
		rest = rest[n:]
	}
	re.WriteString(`$`)
	compiled, err := regexp.Compile(re.String())
	if err != nil {
		return nil, fmt.Errorf("path %q is not a pattern", pattern)
	}
	return &glob{compiled}, nil
}

// translate turns the first element into a regular expression and says how long
// it is; start is true at the beginning of a path's element.
func translate(rest string, start bool) (int, string, error) {
	switch {
	case start && strings.HasPrefix(rest, "**/"):
		return 3, `(?:[^/]+/)*`, nil
	case start && rest == "**":
		return 2, `.+`, nil
	case strings.HasPrefix(rest, "**"):
		return 2, `.*`, nil
	case rest[0] == '*':
		return 1, `[^/]*`, nil
	case rest[0] == '?':
		return 1, `[^/]`, nil
	case rest[0] == '[':
		return class(rest)
	case rest[0] == '\\' && len(rest) > 1:
		return 2, regexp.QuoteMeta(rest[1:2]), nil
	}
	return 1, regexp.QuoteMeta(rest[:1]), nil
}

func class(rest string) (int, string, error) {
	end := strings.IndexByte(rest[1:], ']')
	if end < 1 {
		return 0, "", fmt.Errorf("[ without ]")
	}
	set := rest[1 : 1+end]
	not := ""
	if set[0] == '!' || set[0] == '^' {
		not, set = "^", set[1:]
	}
	if set == "" || strings.ContainsAny(set, `[\/`) {
		return 0, "", fmt.Errorf("[%s] is not a set of characters", set)
	}
	return end + 2, "[" + not + strings.ReplaceAll(set, "^", `\^`) + "]", nil
}

func (g *glob) match(path string) bool { return g.re.MatchString(path) }
