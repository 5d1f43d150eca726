package lfsserver_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/lfs-operator/lfs-operator/internal/layout"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/lfstest"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
)

// contentCase is one object that a client, or two, try to get stored under its name
// with other content. After each step it looks whether that has worked.
type contentCase struct {
	t     *testing.T
	s     *lfstest.Server
	path  path
	right string
	o     lfstest.Object
	tally *tally
}

// tally counts over all cases.
type tally struct{ cases, wrong atomic.Int64 }

func newCase(t *testing.T, s *lfstest.Server, p path, tally *tally) *contentCase {
	right := content(p.size)
	tally.cases.Add(1)
	return &contentCase{t: t, s: s, path: p, right: right, o: lfstest.ObjectOf(right), tally: tally}
}

// wrong is what must never happen.
func (c *contentCase) wrong(what string) {
	c.t.Helper()
	c.tally.wrong.Add(1)
	c.t.Errorf("wrong content: %s", what)
}

// stored is what lies under the object's final key.
func (c *contentCase) stored() (content string, there bool) {
	c.t.Helper()
	key := layout.Prefix(c.s.Config.Storage.Prefix).Object(c.o.OID)
	body, _, err := bucketOf(c.t, c.s).Get(c.t.Context(), key, "")
	if errors.Is(err, objectstore.ErrNotFound) {
		return "", false
	}
	if err != nil {
		c.t.Fatal(err)
	}
	defer body.Close()
	raw, err := io.ReadAll(body)
	if err != nil {
		c.t.Fatal(err)
	}
	return string(raw), true
}

// check looks at the key, at what a download gets, and whether the object counts as
// present without being there.
func (c *contentCase) check() {
	c.t.Helper()
	got, there := c.stored()
	if there && got != c.right {
		c.wrong("it lies under the object's final key")
	}
	if a := c.s.Batch("download", c.o)[0]; a.Error == nil && c.s.Download(c.o) != c.right {
		c.wrong("a download gets it")
	}
	// As a client whose batch begins nothing.
	if _, a := (ask{agent: agentGit, transfers: []string{"basic"}}).upload(c.t, c.s, c.o); a == nil && !there {
		if _, there = c.stored(); !there {
			c.wrong("the object is called present and is not there")
		}
	}
}

// attempt is one upload of the object by one principal.
type attempt struct {
	*contentCase
	actions *actions
	pieces  []piece
}

// begin asks for the links; it is an error that the object is called present.
func (c *contentCase) begin(token string) *attempt {
	c.t.Helper()
	who := c.path.ask
	who.token = token
	_, a := who.upload(c.t, c.s, c.o)
	if a == nil {
		c.check()
		c.t.Fatal("the object is called present")
	}
	return &attempt{contentCase: c, actions: a, pieces: c.path.pieces(c.t, a, c.o.Size)}
}

// put sends a body to a piece's link, changed before it goes out. A connection that
// the store breaks is a status of 0.
func (a *attempt) put(p piece, body string, change ...func(*http.Request)) int {
	a.t.Helper()
	req, err := http.NewRequest(p.method, p.link.Href, strings.NewReader(body))
	if err != nil {
		a.t.Fatal(err)
	}
	for k, v := range p.link.Header {
		req.Header.Set(k, v)
	}
	for _, f := range change {
		f(req)
	}
	resp, err := oneRequest.Do(req)
	if err != nil {
		return 0
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode
}

// oneRequest has a connection for each: stores break those of forged requests.
var oneRequest = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

// send uploads all pieces of a content.
func (a *attempt) send(content string, change ...func(*http.Request)) {
	a.t.Helper()
	for _, p := range a.pieces {
		a.put(p, content[p.pos:p.pos+p.size], change...)
	}
}

// last piece of the object.
func (a *attempt) last() piece { return a.pieces[len(a.pieces)-1] }

// finish says that all is there. A success without the right content is wrong.
func (a *attempt) finish() int {
	a.t.Helper()
	status := a.path.finish(a.t, a.actions, a.o)
	if status != http.StatusOK {
		return status
	}
	if got, there := a.stored(); !there || got != a.right {
		a.wrong("finished with success")
	}
	return status
}

// refused is finish where only a refusal will do.
func (a *attempt) refused() {
	a.t.Helper()
	if status := a.finish(); status == http.StatusOK {
		a.t.Error("finished with success")
	}
	a.check()
}

// uploadRight is a client that does it right, whatever was there before.
func (c *contentCase) uploadRight() *attempt {
	c.t.Helper()
	a := c.begin(lfstest.WriteToken)
	a.send(c.right)
	if status := a.finish(); status != http.StatusOK {
		c.t.Errorf("done right, and finished with %d", status)
	}
	if got := c.s.Download(c.o); got != c.right {
		c.wrong("after it was uploaded rightly")
	}
	c.check()
	return a
}

// flipped is the content with other bytes of the same number.
func flipped(content string) string {
	b := []byte(content)
	for i := range b {
		b[i] ^= 0x5a
	}
	return string(b)
}
