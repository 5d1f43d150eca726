package controllers

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver/lfstest"
)

// lfsClient pushes as git-lfs does: what a 429 answers comes again.
type lfsClient struct {
	t           *testing.T
	root, token string
	mu          sync.Mutex
	pushed      map[string]string // content by OID
}

func (c *lfsClient) send(method, target string, body any, header map[string]string) (int, []byte) {
	c.t.Helper()
	raw, isText := body.(string)
	if !isText {
		b, err := json.Marshal(body)
		if err != nil {
			c.t.Fatal(err)
		}
		raw = string(b)
	}
	for {
		req, err := http.NewRequestWithContext(background, method, target, strings.NewReader(raw))
		if err != nil {
			c.t.Fatal(err)
		}
		if strings.HasPrefix(target, c.root) {
			req.SetBasicAuth("git", c.token)
			req.Header.Set("Content-Type", "application/vnd.git-lfs+json")
		}
		for k, v := range header {
			req.Header.Set(k, v)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			if c.t.Context().Err() == nil {
				c.t.Errorf("%s: %v", method, err)
			}
			return 0, nil
		}
		answer, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil {
			c.t.Error(err)
		}
		if resp.StatusCode != http.StatusTooManyRequests {
			return resp.StatusCode, answer
		}
		time.Sleep(50 * time.Millisecond) // as it asks for, and sooner
	}
}

// slow sends the first half of a content, which is to be longer than what is buffered
// on the way. What it returns sends the rest.
func (c *lfsClient) slow(content string) func() *begun {
	c.t.Helper()
	o := lfstest.ObjectOf(content)
	answer := c.batch("upload", o)
	r, w := io.Pipe()
	up := answer.Actions["upload"]
	req, err := http.NewRequestWithContext(c.t.Context(), "PUT", up.Href, r)
	if err != nil {
		c.t.Fatal(err)
	}
	req.ContentLength = o.Size
	for k, v := range up.Header {
		req.Header.Set(k, v)
	}
	done := make(chan string, 1)
	go func() {
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			r.CloseWithError(err)
			done <- err.Error()
			return
		}
		resp.Body.Close()
		done <- resp.Status
	}()
	half := len(content) / 2
	if _, err := io.WriteString(w, content[:half]); err != nil {
		c.t.Error(err)
	}
	return func() *begun {
		c.t.Helper()
		if _, err := io.WriteString(w, content[half:]); err != nil {
			c.t.Errorf("the second half: %v", err)
		}
		_ = w.Close()
		if status := <-done; !strings.HasPrefix(status, "200") {
			c.t.Errorf("a slow upload: %s", status)
		}
		return &begun{c: c, content: content, o: o, verify: answer.Actions["verify"]}
	}
}

// begun is an upload whose content is in the store, and that nobody has verified.
type begun struct {
	c       *lfsClient
	content string
	o       lfstest.Object
	verify  lfstest.Action
}

// begin uploads a content and does not say so yet.
func (c *lfsClient) begin(content string) *begun {
	c.t.Helper()
	o := lfstest.ObjectOf(content)
	answer := c.batch("upload", o)
	up := answer.Actions["upload"]
	if up.Href == "" {
		c.t.Errorf("nothing to upload: %+v", answer)
		return nil
	}
	if status, body := c.send("PUT", up.Href, content, up.Header); status != http.StatusOK {
		c.t.Errorf("upload: %d %s", status, body)
	}
	return &begun{c: c, content: content, o: o, verify: answer.Actions["verify"]}
}

// end says that all is there.
func (b *begun) end() {
	if b == nil {
		return // which was complained of
	}
	b.c.t.Helper()
	if status, body := b.c.send("POST", b.verify.Href, b.o, b.verify.Header); status != http.StatusOK {
		b.c.t.Errorf("verify of %.40q: %d %s", b.content, status, body)
		return
	}
	b.c.mu.Lock()
	defer b.c.mu.Unlock()
	if b.c.pushed == nil {
		b.c.pushed = map[string]string{}
	}
	b.c.pushed[b.o.OID] = b.content
}

func (c *lfsClient) batch(operation string, o lfstest.Object) (answer lfstest.Answer) {
	c.t.Helper()
	status, body := c.send("POST", c.root+"/objects/batch", map[string]any{"operation": operation, "transfers": []string{"basic"}, "objects": []any{o}}, nil)
	var out struct{ Objects []lfstest.Answer }
	if err := json.Unmarshal(body, &out); err != nil || status != http.StatusOK || len(out.Objects) != 1 {
		c.t.Errorf("batch: %d %s", status, body)
		return answer
	}
	return out.Objects[0]
}

// pushOn pushes one object after the other until the returned function is called,
// which says how many.
func (c *lfsClient) pushOn(what string) func() int {
	done, pushed := make(chan struct{}), make(chan int, 1)
	go func() {
		for n := 0; ; n++ {
			select {
			case <-done:
				pushed <- n
				return
			case <-c.t.Context().Done():
				return
			default:
				c.begin(fmt.Sprintf("%s, number %d", what, n)).end()
			}
		}
	}()
	return func() int { close(done); return <-pushed }
}

// allThere reads all that was ever pushed.
func (c *lfsClient) allThere() {
	c.t.Helper()
	for oid, content := range c.pushed {
		answer := c.batch("download", lfstest.Object{OID: oid, Size: int64(len(content))})
		status, body := c.send("GET", answer.Actions["download"].Href, "", answer.Actions["download"].Header)
		if status != http.StatusOK || !bytes.Equal(body, []byte(content)) {
			c.t.Errorf("%.40q was pushed, and comes as %d %.40q", content, status, body)
		}
	}
}

// lock locks a path and returns the lock's ID.
func (c *lfsClient) lock(path string) string {
	c.t.Helper()
	status, body := c.send("POST", c.root+"/locks", map[string]string{"path": path}, nil)
	var out struct{ Lock struct{ ID string } }
	if err := json.Unmarshal(body, &out); err != nil || status != http.StatusCreated {
		c.t.Errorf("lock: %d %s", status, body)
	}
	return cmp.Or(out.Lock.ID, "none")
}

func (c *lfsClient) locks() (ids []string) {
	c.t.Helper()
	status, body := c.send("POST", c.root+"/locks/verify", map[string]any{}, nil)
	var out struct{ Ours []struct{ ID string } }
	if err := json.Unmarshal(body, &out); err != nil || status != http.StatusOK {
		c.t.Errorf("locks: %d %s", status, body)
	}
	for _, l := range out.Ours {
		ids = append(ids, l.ID)
	}
	return ids
}

// refusedBy is empty once a server takes no batches any more.
func (c *lfsClient) refusedBy(address string) string {
	c.t.Helper()
	if address == "" {
		return ""
	}
	root, err := url.Parse(c.root)
	if err != nil {
		c.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(c.t.Context(), "POST", "http://"+address+root.Path+"/objects/batch", strings.NewReader(`{"operation":"download","objects":[]}`))
	if err != nil {
		c.t.Fatal(err)
	}
	req.Host, req.Close = root.Host, true
	req.SetBasicAuth("git", c.token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "" // it listens no more
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusTooManyRequests {
		return ""
	}
	return resp.Status
}
