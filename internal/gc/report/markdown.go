package report

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/gc/plan"
)

// Formats in which a report can be had.
var Formats = map[string]func(Report, io.Writer) error{
	"text":     func(r Report, w io.Writer) error { r.WriteText(w); return nil },
	"markdown": Report.writeMarkdown,
	"json": func(r Report, w io.Writer) error {
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		return enc.Encode(r)
	},
}

// escape keeps a value within its cell.
var escape = strings.NewReplacer("|", `\|`, "\n", " ", "<", "&lt;")

func (r Report) writeMarkdown(w io.Writer) error {
	var b strings.Builder
	p := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	row := func(name string, c plan.Count) {
		p("| %s | %d | %s |", escape.Replace(name), c.Objects, Bytes(c.Bytes))
	}
	p("# Garbage collection: %s\n", escape.Replace(r.ID))
	p("%s (%s) at %s, %s.", r.Outcome, r.Mode, r.FinishedAt.UTC().Format(time.RFC3339), r.FinishedAt.Sub(r.StartedAt).Round(time.Millisecond))
	if r.Message != "" {
		p("\n**%s**: %s", r.Reason, escape.Replace(r.Message))
	}
	p("\nPolicy: %s\n", escape.Replace(r.Policy))
	p("| objects | number | size |\n|---|---|---|")
	row("in the store", r.Plan.Objects)
	each(r.Plan.Kept, func(reason string, c plan.Count) { row("kept: "+what[reason], c) })
	row("orphans, which no listed history names", r.Plan.Orphans)
	row("superseded, condemned in this run", r.Plan.Condemned)
	row("superseded, for later runs", r.Plan.Deferred)
	row("in quarantine from earlier runs", r.Plan.Waiting)
	row("deleted", r.Deletes.Done)
	for _, v := range r.Versions.lines() {
		row(v.what, v.Count)
	}
	row("missing: history needs them", r.Plan.Missing)
	p("\n| history | refs | commits | pointers |\n|---|---|---|---|")
	for _, e := range r.Plan.History.Entries {
		p("| %s | %d | %d | %d |", escape.Replace(e.Name), e.Refs, e.Commits, e.Pointers)
	}
	for _, e := range r.Plan.History.Entries {
		for _, line := range inGit(e) {
			p("\n- %s: %s", escape.Replace(e.Name), escape.Replace(line))
		}
	}
	for _, rule := range r.Plan.UnmatchedRules {
		p("\n- This rule matches no path: %s", escape.Replace(rule))
	}
	p("\n| abandoned, thrown away by the servers | since the last report | ever |\n|---|---|---|")
	now, ever := r.Abandoned, r.AbandonedTotal
	p("| uploads in parts | %d | %d |", now.Uploads, ever.Uploads)
	p("| tus uploads | %d | %d |", now.Tus, ever.Tus)
	p("| unproven objects | %d | %d |", now.Unproven, ever.Unproven)
	p("| tombstones of locks | %d | %d |", now.LockTombstones, ever.LockTombstones)
	for _, note := range r.Notes {
		p("\n- %s", escape.Replace(note))
	}
	_, err := io.WriteString(w, b.String())
	return err
}
