package page

import (
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	g "maragu.dev/gomponents"
	h "maragu.dev/gomponents/html"
)

// shape of the logo: three layers.
const shape = `M12 3 3.5 7.5 12 12l8.5-4.5zM3.5 12 12 16.5l8.5-4.5M3.5 16.5 12 21l8.5-4.5`

const logo = `<svg viewBox="0 0 24 24" width="20" height="20" aria-hidden="true"><path d="` + shape + `"/></svg>`

// icon stands in the document: a browser would ask for a file of its own.
var icon = "data:image/svg+xml," + url.PathEscape(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24">`+
	`<path fill="none" stroke="#1f6f5c" stroke-width="2.4" stroke-linejoin="round" d="`+shape+`"/></svg>`)

// section with a heading that names it.
func section(id, title string, children ...g.Node) g.Node {
	return h.Section(h.Aria("labelledby", id), h.H2(h.ID(id), g.Text(title)), g.Group(children))
}

// para is a paragraph of strings and of nodes between them.
func para(parts ...any) g.Node { return h.P(mixed(parts)) }

func mixed(parts []any) g.Group {
	out := make(g.Group, 0, len(parts))
	for _, part := range parts {
		if node, ok := part.(g.Node); ok {
			out = append(out, node)
			continue
		}
		out = append(out, g.Text(fmt.Sprint(part)))
	}
	return out
}

func code(text string) g.Node { return h.Code(g.Text(text)) }

func tag(text, kind string) g.Node {
	return h.Span(h.Class(strings.TrimSpace("tag "+kind)), g.Text(text))
}

// block is text to copy. Each line is an element, so that one that is too long
// for the screen does not look like two.
func block(lines ...string) g.Node {
	return h.Div(h.Class("block"), h.Data("copy", ""), h.Pre(h.Code(g.Map(lines, func(line string) g.Node {
		return h.Span(g.Text(line + "\n"))
	}))))
}

// more is shown when it is asked for.
func more(summary string, children ...g.Node) g.Node {
	return h.Details(h.Summary(g.Text(summary)), g.Group(children))
}

// rows are names with what they mean.
func rows(children ...g.Node) g.Node { return h.Dl(h.Class("rows"), g.Group(children)) }

func row(name string, parts ...any) g.Node {
	return h.Div(h.Dt(g.Text(name)), h.Dd(mixed(parts)))
}

// table with heads; the first cell of each row is its head.
func table(class string, heads []string, lines []g.Node) g.Node {
	return h.Table(g.If(class != "", h.Class(class)),
		h.THead(h.Tr(g.Map(heads, func(head string) g.Node { return h.Th(h.Scope("col"), g.Text(head)) }))),
		h.TBody(g.Group(lines)))
}

// exactly is a text whose last digits stand in the title.
func exactly(text, exact string) g.Node {
	return h.Span(g.If(exact != "", h.Title(exact)), g.Text(text))
}

// volume in a unit that people read.
func volume(n int64) g.Node { return exactly(Bytes(n), humanize.Comma(n)+" bytes") }

// when says how long ago a time is.
func (d document) when(t time.Time) g.Node {
	return h.Time(h.DateTime(t.UTC().Format(time.RFC3339)), h.Title(t.UTC().Format("2006-01-02 15:04:05 UTC")),
		g.Text(humanize.RelTime(t, d.now, "ago", "from now")))
}

// download is a link to a file that stands in the link itself.
func download(name, content string) g.Node {
	return h.A(h.Href("data:text/plain;charset=utf-8,"+url.PathEscape(content)), h.Download(name), g.Text(name))
}
