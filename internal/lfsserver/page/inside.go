package page

import (
	"fmt"
	"strings"

	"github.com/dustin/go-humanize"
	g "maragu.dev/gomponents"
	h "maragu.dev/gomponents/html"

	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
	"github.com/lfs-operator/lfs-operator/internal/serverstatus"
)

// glance is what people look for first.
func (d document) glance() g.Node {
	in := d.Inside
	if in == nil {
		return nil
	}
	stored, counted := h.Span(h.Class("soft"), g.Text("counting")), g.Group{}
	if u := in.Usage; u != nil {
		stored, counted = volume(u.Bytes), mixed([]any{count(u.Objects, "object"), ", counted ", d.when(u.CountedAt), "; "})
	}
	quota := g.Group{g.Text("no quota")}
	if in.Quota > 0 {
		quota = mixed([]any{"quota ", volume(in.Quota)})
	}
	ended, ran := h.Span(h.Class("soft"), g.Text("no run yet")), g.Group{}
	if in.GC != nil {
		ended, ran = outcome(in.GC), mixed([]any{d.when(in.GC.FinishedAt), ", "})
	}
	return section("glance", "At a glance", h.Dl(h.Class("stats"),
		stat("Stored", stored, counted, quota),
		stat("Goes to LFS", mixed([]any{volume(in.Threshold), " and up"}), g.Textf("and %s at any size", suffixes(len(in.Suffixes)))),
		stat("Versions kept", g.Text(humanize.Comma(int64(in.KeepVersions))), g.Text("of each path, besides tips and tags")),
		stat("Garbage collection", ended, ran, g.Text(map[string]string{serverconfig.GCDelete: "deletes", serverconfig.GCDryRun: "dry run"}[in.GCMode])),
	))
}

func suffixes(n int) string {
	if n == 1 {
		return "1 suffix"
	}
	return fmt.Sprintf("%d suffixes", n)
}

func stat(name string, value g.Node, below ...g.Node) g.Node {
	return h.Div(h.Dt(g.Text(name)), h.Dd(value), h.Dd(h.Class("sub"), g.Group(below)))
}

// inside is what only those see who may download.
func (d document) inside() g.Node {
	if d.Inside == nil {
		return nil
	}
	return g.Group{d.settings(), d.locks(), d.collection(), d.hosts()}
}

func (d document) settings() g.Node {
	in := d.Inside
	var lines []g.Node
	for _, s := range in.Policy {
		lines = append(lines, h.Tr(
			h.Th(h.Scope("row"), g.Text(s.Name), h.Span(h.Class("field"), g.Text(s.Field))),
			h.Td(exactly(s.Value, s.Exact)), h.Td(g.Text(s.Source))))
	}
	return section("policy", "Policy",
		para("Fields of the LFSRepository. Whoever may change it there changes them: ",
			code(fmt.Sprintf("kubectl -n %s edit lfsrepository %s", d.Namespace, d.Name))),
		table("", []string{"Field", "Value", "From"}, lines),
		g.If(len(in.Rules) > 0, g.Group{
			h.H3(g.Text("Rules of garbage collection")),
			para("The first that matches a path decides, instead of the versions kept."),
			h.Ul(g.Map(in.Rules, func(rule string) g.Node { return h.Li(g.Text(rule)) })),
		}),
		h.H3(g.Text("Suffixes that always go to LFS")),
		h.Ul(h.Class("chips"), g.Map(in.Suffixes, func(suffix string) g.Node { return h.Li(code(suffix)) })),
		more("The same as .gitattributes",
			para("Download: ", download(".gitattributes", in.GitAttributes), ", ", download(".lfsconfig", in.LFSConfig),
				". Both are also served under this endpoint's URL."),
			block(strings.Split(strings.TrimSuffix(in.GitAttributes, "\n"), "\n")...)),
	)
}

func (d document) locks() g.Node {
	l := d.Inside.Locks
	switch {
	case l.Problem != "":
		return section("locks", "Locks", h.P(h.Class("soft"), g.Text(l.Problem)))
	case len(l.List) == 0:
		return section("locks", "Locks", para("Nobody holds a lock. ", code("git lfs lock FILE"),
			" keeps others from pushing changes of a file that cannot be merged."))
	}
	var lines []g.Node
	for _, lock := range l.List {
		lines = append(lines, h.Tr(h.Th(h.Scope("row"), code(lock.Path)), h.Td(g.Text(lock.Owner)), h.Td(d.when(lock.LockedAt))))
	}
	return section("locks", "Locks",
		table("locks", []string{"Path", "Held by", "Since"}, lines),
		g.If(l.More, para("There are more: ", code("git lfs locks"))))
}

// collection is the last garbage collection, and what it reads.
func (d document) collection() g.Node {
	in := d.Inside
	run := para("There was no run yet.")
	if in.GC != nil {
		run = d.run(in.GC)
	}
	histories := para("No Git repository is listed under ", code("history"), ", so nothing can be found superseded.")
	if len(in.History) > 0 {
		histories = g.Group{h.H3(g.Text("Histories that say what is in use")), rows(g.Map(in.History, history))}
	}
	return section("gc", "Garbage collection", run, histories)
}

func (d document) run(r *serverstatus.GCReport) g.Node {
	mode := "Dry run: nothing was deleted"
	if r.Mode == serverconfig.GCDelete {
		mode = "Delete"
	}
	return rows(
		row("Last run", outcome(r), ", ", d.when(r.FinishedAt), ", took "+Duration(r.FinishedAt.Sub(r.StartedAt))),
		g.If(r.Message != "", row(r.Reason, r.Message)),
		row("Mode", mode),
		row("Kept", count(r.Kept, "object")),
		row("In quarantine", count(r.Condemned, "object")),
		row("Deleted", count(r.Deleted, "object"), ", ", volume(r.DeletedBytes)),
		row("In no history", count(r.Orphans, "object"), ", ", volume(r.OrphanBytes)),
	)
}

func outcome(r *serverstatus.GCReport) g.Node {
	return h.Span(g.If(r.Outcome != serverstatus.GCSucceeded, h.Class("warn")), g.Text(r.Outcome))
}

func history(e serverstatus.HistoryCheckEntry) g.Node {
	if e.OK {
		return row(e.Name, "readable")
	}
	if e.Message == "" {
		return row(e.Name, e.Reason)
	}
	return row(e.Name, h.Span(h.Class("warn"), g.Text(e.Reason)), ": "+e.Message)
}

// hosts are listed where there is a choice.
func (d document) hosts() g.Node {
	if len(d.Inside.Endpoints) < 2 {
		return nil
	}
	return section("hosts", "Reachable as", h.Ul(g.Map(d.Inside.Endpoints, func(url string) g.Node { return h.Li(code(url)) })))
}
