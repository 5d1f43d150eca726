package serverconfig

import (
	"regexp"
	"strings"
)

// BelongsInLFS says whether the policy wants a file in LFS: because of its size
// in bytes, which reaches the threshold, or because of its name.
func (p Policy) BelongsInLFS(path string, size int64) bool {
	return (p.ThresholdBytes > 0 && size >= p.ThresholdBytes) || p.MatchesSuffix(path)
}

// MatchesSuffix says whether a path ends in one of the suffix rules. Upper and
// lower case are the same, as in KohakuHub: MODEL.BIN is no text either.
func (p Policy) MatchesSuffix(path string) bool {
	for _, rule := range p.SuffixRules {
		if n := len(path) - len(rule); n >= 0 && strings.EqualFold(path[n:], rule) {
			return true
		}
	}
	return false
}

// suffix is the form of a rule, as the LFSRepository's schema has it.
var suffix = regexp.MustCompile(`^([.][A-Za-z0-9_-]+)+$`)

// ValidSuffix says whether a rule is a plain suffix: it can stand in a
// .gitattributes and in a shell as it is.
func ValidSuffix(rule string) bool { return len(rule) <= 32 && suffix.MatchString(rule) }
