package auth

import (
	"strconv"
	"strings"

	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
)

// scopeOf is the highest scope of the rules that a token's claims match; empty
// where none does.
func scopeOf(rules []serverconfig.JWTRule, claims map[string]any) string {
	scope := ""
	for _, r := range rules {
		if serverconfig.Rank(r.Scope) > serverconfig.Rank(scope) && matches(r, claims) {
			scope = r.Scope
		}
	}
	return scope
}

// matches is true when every claim of the rule has one of its values. A rule
// without claims matches nothing.
func matches(r serverconfig.JWTRule, claims map[string]any) bool {
	for _, want := range r.Claims {
		if !claimMatches(want.Values, claims[want.Name]) {
			return false
		}
	}
	return len(r.Claims) > 0
}

// claimMatches compares texts, numbers and booleans as they stand in JSON; of a
// list any element will do.
func claimMatches(patterns []string, value any) bool {
	var text string
	switch v := value.(type) {
	case string:
		text = v
	case bool:
		text = strconv.FormatBool(v)
	case float64:
		text = strconv.FormatFloat(v, 'f', -1, 64)
	case []any:
		for _, element := range v {
			if _, nested := element.([]any); !nested && claimMatches(patterns, element) {
				return true
			}
		}
		return false
	default:
		return false
	}
	for _, p := range patterns {
		if wildcard(p, text) {
			return true
		}
	}
	return false
}

// wildcard is true when the text is what the pattern says, where "*" stands for
// any characters, also for none.
func wildcard(pattern, text string) bool {
	first, rest, any := strings.Cut(pattern, "*")
	if !any {
		return pattern == text
	}
	text, ok := strings.CutPrefix(text, first)
	if !ok {
		return false
	}
	for {
		part, after, more := strings.Cut(rest, "*")
		if !more {
			return strings.HasSuffix(text, part)
		}
		i := strings.Index(text, part)
		if i < 0 {
			return false
		}
		text, rest = text[i+len(part):], after
	}
}
