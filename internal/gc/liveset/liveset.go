// Package liveset is the file in which a scan tells a sweep what the listed
// history names: gzip over JSON lines.
//
//	{"liveSet":1,"run":…,"attempt":…,"revision":…,"startedAt":…}     header
//	{"e":"main","p":"a.bin","o":…,"s":…,"f":…,"g":…,"l":…}            versions
//	{"o":…,"s":…,"k":"tag","r":"refs/tags/v1","e":"main","p":"a.bin"}  pins
//	{"complete":true,"versions":…,"pins":…,"entries":[…],…}            trailer
//
// Versions are sorted by entry and path, and within a path the newest comes
// first. The trailer is the last line: a file that was cut off has none, and is
// never taken for a complete one.
package liveset

import (
	"errors"
	"time"
	"unicode/utf8"
)

// Format is the version of the file.
const Format = 1

// ErrIncomplete means that the file has no trailer or does not agree with it.
var ErrIncomplete = errors.New("live set is incomplete")

// Header is the first line.
type Header struct {
	LiveSet int `json:"liveSet"`
	// Run is the name of the Job.
	Run string `json:"run"`
	// Attempt is a random name of this very scan: a Job may start its pod again.
	Attempt string `json:"attempt"`
	// Revision of the history list (serverconfig.HistoryRevision).
	Revision string `json:"revision"`
	// StartedAt by the scan's own clock: for people, never for decisions.
	StartedAt time.Time `json:"startedAt"`
}

// Version is one content that a path had in one history entry.
type Version struct {
	Entry string `json:"e"`
	Path  string `json:"p"`
	OID   string `json:"o"`
	// Size in bytes as the pointer says, -1 where it does not.
	Size int64 `json:"s"`
	// First is when the path first had this content: Unix seconds of the
	// earliest commit that introduced it, never before its ancestors.
	First int64 `json:"f"`
	// Gen is that commit's distance from the root, which orders commits of one second.
	Gen int64 `json:"g"`
	// Last is when a commit last introduced it (again).
	Last int64 `json:"l"`
	// Of is how many versions the path has.
	Of int64 `json:"n"`
}

// Kinds of pins.
const (
	PinBranch = "branch"
	PinTag    = "tag"
	PinRef    = "ref"
)

// Pin is an object that the tip of a ref names.
type Pin struct {
	OID   string `json:"o"`
	Size  int64  `json:"s"`
	Kind  string `json:"k"`
	Ref   string `json:"r"`
	Entry string `json:"e"`
	Path  string `json:"p"`
}

// Trailer is the last line.
type Trailer struct {
	Complete   bool      `json:"complete"`
	Versions   int64     `json:"versions"`
	Pins       int64     `json:"pins"`
	Entries    []Entry   `json:"entries"`
	FinishedAt time.Time `json:"finishedAt"`
}

// Entry counts what one history entry held.
type Entry struct {
	Name string `json:"name"`
	// Refs advertised, and of those the ones whose tips are kept.
	Refs   int64 `json:"refs"`
	Pinned int64 `json:"pinned"`
	// Commits walked.
	Commits int64 `json:"commits"`
	// Pointers found: distinct pairs of path and content, and pins.
	Pointers int64 `json:"pointers"`
	// Tolerated pointers: not as git-lfs writes them (CRLF, extra keys, …).
	Tolerated int64 `json:"tolerated,omitempty"`
	// Plain files at the tips of branches: their names end in one of the suffix
	// rules, and yet they lie in Git itself. PlainPaths are the first of them.
	Plain      int64    `json:"plain,omitempty"`
	PlainPaths []string `json:"plainPaths,omitempty"`
	// Large files at the tips of branches that lie in Git itself and reach the
	// threshold, whatever their names, where a scan was to look for them.
	Large      int64    `json:"large,omitempty"`
	LargePaths []string `json:"largePaths,omitempty"`
}

// MaxPlainPaths are named in a report; the others are only counted.
const MaxPlainPaths = 20

// SafePath makes a path of arbitrary bytes fit for JSON. A path in UTF-8 stays
// as it is; in others each bad byte becomes a private character, so that two
// different paths never become one.
func SafePath(path string) string {
	if utf8.ValidString(path) {
		return path
	}
	var out []rune
	for i := 0; i < len(path); {
		r, n := utf8.DecodeRuneInString(path[i:])
		if r == utf8.RuneError && n == 1 {
			r = 0xF0000 + rune(path[i])
		}
		out = append(out, r)
		i += n
	}
	return string(out)
}
