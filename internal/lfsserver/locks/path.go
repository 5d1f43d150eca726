package locks

import (
	"path"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxPath in bytes is Git's own limit on most systems (PATH_MAX).
const maxPath = 4096

// PathError: no path of a file in a working copy. Its text is fit for clients.
type PathError struct{ Reason string }

// Error implements error.
func (e *PathError) Error() string { return "path: " + e.Reason }

// CleanPath returns the one spelling of a path that locks know, relative to the
// root of the working copy with "/" between names, or a *PathError. Control
// characters are refused: other people's terminals show the path.
func CleanPath(p string) (string, error) {
	switch {
	case p == "":
		return "", &PathError{"it is missing"}
	case len(p) > maxPath:
		return "", &PathError{"it is longer than 4096 bytes"}
	case !utf8.ValidString(p):
		return "", &PathError{"it is not UTF-8"}
	case strings.ContainsFunc(p, unicode.IsControl):
		return "", &PathError{"control characters cannot be part of it"}
	case p[0] == '/':
		return "", &PathError{"it must be relative to the root of the working copy"}
	case slices.Contains(strings.Split(p, "/"), ".."):
		return "", &PathError{`".." cannot be part of it`}
	case strings.HasSuffix(p, "/"), path.Clean(p) == ".":
		return "", &PathError{"it names a folder; locks are for files"}
	}
	return path.Clean(p), nil
}

// maxRef in bytes, more than Git servers take.
const maxRef = 1024

// checkRef bounds what is kept of a ref.
func checkRef(ref string) error {
	if len(ref) > maxRef || !utf8.ValidString(ref) || strings.ContainsFunc(ref, unicode.IsControl) {
		return &RefError{}
	}
	return nil
}

// RefError: no name of a ref. Its text is fit for clients.
type RefError struct{}

// Error implements error.
func (*RefError) Error() string {
	return "ref: it must be UTF-8 without control characters, at most 1024 bytes"
}
