// Package page is what a person sees who opens the repository's URL in a browser:
// what this is, how to use it and, for those who may download, the policy, usage,
// locks and the last garbage collection.
//
// It is one document without anything beside it: style and script stand in it, and
// the policy that goes with it allows just these two, by their hashes. It works
// without the script, which only adds buttons.
//
// It is written with gomponents and not with html/template: that calls methods by
// name, so the linker keeps every method of the program, and each idle server
// weighed 2.7 MiB more.
package page

import (
	"bytes"
	"crypto/sha256"
	_ "embed" // the parts of the document
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"time"

	g "maragu.dev/gomponents"
	h "maragu.dev/gomponents/html"
)

//go:embed style.css
var style string

//go:embed copy.js
var script string

// policy of the document (Content Security Policy Level 3).
var policy = strings.Join([]string{
	"default-src 'none'", "style-src " + hashOf(style), "script-src " + hashOf(script),
	"img-src data:", "form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'",
}, "; ")

// hashOf is the source expression of an inline element (CSP Level 3, 2.3.1).
func hashOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// Render returns the document for a view at a time, and sets the headers that go
// with it.
func Render(header http.Header, v View, now time.Time) ([]byte, error) {
	var b bytes.Buffer
	if err := (document{View: v, now: now}).whole().Render(&b); err != nil {
		return nil, fmt.Errorf("page: %w", err)
	}
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Content-Security-Policy", policy)
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "no-referrer")
	return b.Bytes(), nil
}

// document is a view with the clock that its times are said by.
type document struct {
	View
	now time.Time
}

func (d document) whole() g.Node {
	return h.Doctype(h.HTML(h.Lang("en"),
		h.Head(
			h.Meta(h.Charset("utf-8")),
			h.Meta(h.Name("viewport"), h.Content("width=device-width, initial-scale=1")),
			h.Meta(h.Name("color-scheme"), h.Content("light dark")),
			h.Meta(h.Name("robots"), h.Content("noindex")),
			h.TitleEl(g.Textf("%s/%s · Git LFS", d.Namespace, d.Name)),
			h.Link(h.Rel("icon"), h.Href(icon)),
			h.StyleEl(g.Raw(style)),
		),
		h.Body(
			h.A(h.Class("skip"), h.Href("#content"), g.Text("Skip to content")),
			d.top(),
			h.Main(h.ID("content"), h.Class("wrap"), h.TabIndex("-1"), d.lead(), d.glance(), d.start(), d.inside(), d.signIn()),
			h.Footer(h.Div(h.Class("wrap"), para("Served by lfs-operator "+d.Version+". Times are UTC."))),
			h.Script(g.Raw(script)),
		),
	))
}

// top names the repository and its URL.
func (d document) top() g.Node {
	state, access := tag("Serving", "good"), "Token needed"
	if !d.Ready {
		state = tag("Not ready", "bad")
	}
	if d.Public {
		access = "Anyone may download"
	}
	return h.Header(h.Div(h.Class("wrap"),
		h.P(h.Class("kind"), g.Raw(logo), g.Text(" Git LFS endpoint")),
		h.H1(h.Span(h.Class("ns"), g.Text(d.Namespace+" / ")), g.Text(d.Name)),
		h.P(h.Class("tags"), state, tag(access, ""), g.If(d.Visitor != "", tag("Signed in as "+d.Visitor, ""))),
		h.Div(h.Class("url"), block(d.URL)),
	))
}

func (d document) lead() g.Node {
	return g.Group{
		h.P(h.Class("lead"), g.Text("The large files of a Git repository live here: models, archives, media. Git keeps a small pointer to each; "),
			code("git lfs"), g.Text(" brings the content, straight from the object store, checked against its SHA-256.")),
		g.If(d.Notice != "", h.P(h.Class("note bad"), h.Role("status"), g.Text(d.Notice))),
	}
}

// signIn is a form for visitors without a name.
func (d document) signIn() g.Node {
	if d.Visitor != "" {
		return nil
	}
	title, whose := "Sign in", ""
	if d.Inside == nil {
		title, whose = "See policy, usage, locks", "They are for those who may download. "
	}
	wrong := d.SignInProblem != ""
	return section("signin", title, h.Form(h.Method("post"), h.Action(d.Path),
		para(whose+"The token is looked at once, for one answer; this site sets no cookie and keeps nothing."),
		g.If(wrong, h.P(h.Class("note bad"), h.ID("problem"), h.Role("alert"), g.Text(d.SignInProblem))),
		h.Label(h.For("token"), g.Text("Access token")),
		h.Div(h.Class("line"),
			h.Input(h.ID("token"), h.Name("token"), h.Type("password"), h.AutoComplete("off"), h.Required(),
				g.Attr("spellcheck", "false"), g.Attr("autocapitalize", "off"),
				g.If(wrong, g.Group{h.Aria("invalid", "true"), h.Aria("describedby", "problem")})),
			h.Button(h.Type("submit"), g.Text("Show"))),
	))
}
