package report

import (
	"fmt"
	"io"
	"sort"
	"strings"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/gc/liveset"
	"github.com/lfs-operator/lfs-operator/internal/gc/plan"
	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
	"github.com/lfs-operator/lfs-operator/internal/serverstatus"
)

// what each reason means, for people.
var what = map[string]string{
	plan.Tip: "at the tip of a branch", plan.Tag: "named by a tag", plan.Ref: "at the tip of another ref",
	plan.Version: "among the newest versions of a path", plan.ByRule: "kept by a rule",
	plan.Locked: "versions of a locked path", plan.Uploading: "being uploaded",
	plan.Young: "younger than the grace period or than the scan", plan.Rescued: "asked for while condemned",
	plan.Uploaded: "uploaded again while condemned", plan.Absent: "gone already", plan.Orphan: "named by no history",
}

// WriteText prints the report.
func (r Report) WriteText(w io.Writer) {
	p := func(format string, args ...any) { fmt.Fprintf(w, format+"\n", args...) }
	p("run %s (%s): %s in %s", r.ID, r.Mode, r.Outcome, r.FinishedAt.Sub(r.StartedAt).Round(time.Millisecond))
	if r.Message != "" {
		p("  %s: %s", r.Reason, r.Message)
	}
	for _, e := range r.Plan.History.Entries {
		p("  history %s: %d refs, %d commits, %d pointers", e.Name, e.Refs, e.Commits, e.Pointers)
		if e.Tolerated > 0 {
			p("    %d pointer files are not as git-lfs writes them; they count all the same", e.Tolerated)
		}
		for _, line := range inGit(e) {
			p("    %s", line)
		}
	}
	p("  policy: %s", r.Policy)
	p("  objects in the store: %s", count(r.Plan.Objects))
	each(r.Plan.Kept, func(reason string, c plan.Count) { p("    kept, %s: %s", what[reason], count(c)) })
	p("    orphans, which no listed history names: %s", count(r.Plan.Orphans))
	verb := "condemned now"
	if r.Mode != serverconfig.GCDelete || r.Outcome != serverstatus.GCSucceeded {
		verb = "to be condemned"
	}
	p("    superseded, %s: %s", verb, count(r.Plan.Condemned))
	if r.Plan.Deferred.Objects > 0 {
		p("    superseded, for later runs because the quarantine is full: %s", count(r.Plan.Deferred))
	}
	p("    in quarantine from earlier runs: %s", count(r.Plan.Waiting))
	p("    quarantine over: %s", count(r.Plan.Deletable))
	each(r.Plan.Released, func(reason string, c plan.Count) { p("  left the quarantine, %s: %s", what[reason], count(c)) })
	r.deletes(p)
	if line := r.abandoned(); line != "" {
		p("  %s", line)
	}
	for _, v := range r.Versions.lines() {
		p("  %s: %s", v.what, count(v.Count))
	}
	if r.Plan.Missing.Objects > 0 {
		p("  MISSING: history names %s that the store does not have; push them again with git lfs push --all", count(r.Plan.Missing))
	}
	if r.Plan.WrongSize.Objects > 0 {
		p("  %s have another size than their pointer says", count(r.Plan.WrongSize))
	}
	for _, rule := range r.Plan.UnmatchedRules {
		p("  this rule matches no path: %s", rule)
	}
	for _, note := range r.Notes {
		p("  %s", note)
	}
}

func (r Report) deletes(p func(string, ...any)) {
	d := r.Deletes
	p("  deleted: %s", count(d.Done))
	for _, line := range []struct {
		n    int64
		text string
	}{
		{d.Rescued, "rescued at the last moment"},
		{d.Refused, "refused by the store; they stay in quarantine"},
		{d.Unanswered, "without an answer; they stay in quarantine"},
		{d.Left, "left for the next run"},
	} {
		if line.n > 0 {
			p("    %d %s", line.n, line.text)
		}
	}
	if d.LastError != "" {
		p("    last error: %s", d.LastError)
	}
}

// abandoned says what the servers threw away; empty where that is nothing.
func (r Report) abandoned() string {
	if !r.Abandoned.Any() {
		return ""
	}
	a := r.Abandoned
	return fmt.Sprintf("abandoned and thrown away by the servers since the last report: %d uploads in parts, %d tus uploads, %d unproven objects, %d tombstones of locks",
		a.Uploads, a.Tus, a.Unproven, a.LockTombstones)
}

// inGit names the files that should be in LFS and are not.
func inGit(e liveset.Entry) (lines []string) {
	for _, found := range []struct {
		n     int64
		paths []string
		why   string
	}{
		{e.Plain, e.PlainPaths, "against the suffix rules"},
		{e.Large, e.LargePaths, "although they reach the threshold"},
	} {
		if found.n == 0 {
			continue
		}
		more := ""
		if int(found.n) > len(found.paths) {
			more = ", …"
		}
		lines = append(lines, fmt.Sprintf("%d files at the tips of branches lie in Git itself, %s (git lfs migrate import moves them): %s%s",
			found.n, found.why, strings.Join(found.paths, ", "), more))
	}
	return lines
}

func each(m map[string]plan.Count, f func(string, plan.Count)) {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	for _, k := range keys {
		f(k, m[k])
	}
}

func count(c plan.Count) string { return fmt.Sprintf("%d (%s)", c.Objects, Bytes(c.Bytes)) }

// Bytes in a unit that people read.
func Bytes(n int64) string {
	const unit = 1024
	if n < unit {
		return fmt.Sprintf("%d B", n)
	}
	f, i := float64(n)/unit, 0
	for ; f >= unit && i < 5; i++ {
		f /= unit
	}
	return fmt.Sprintf("%.1f %ciB", f, "KMGTPE"[i])
}
