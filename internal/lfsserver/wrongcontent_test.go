package lfsserver_test

import (
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/lfs-operator/lfs-operator/internal/layout"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/lfstest"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
	"github.com/lfs-operator/lfs-operator/test/assets"
)

// TestWrongContent: whatever a client does on whatever path, nothing but the content
// with that hash can be read under an object's name or counts as present, and a
// client that then does it right succeeds. "make bars-transfers" counts by its last
// line.
func TestWrongContent(t *testing.T) {
	var sum tally
	t.Cleanup(func() {
		t.Logf("store=%s content-cases=%d wrong-content-served=%d", assets.SharedStore(t).Kind(), sum.cases.Load(), sum.wrong.Load())
	})
	for name, p := range uploadPaths {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := p.start(t)
			if s == nil {
				t.Log("this store makes the server answer by another path")
				return
			}
			for fault, try := range contentFaults {
				t.Run(fault, func(t *testing.T) { try(newCase(t, s, p, &sum)) })
			}
			for fault, try := range forgedRequests {
				t.Run(fault, func(t *testing.T) {
					c := newCase(t, s, p, &sum)
					a := c.begin(lfstest.WriteToken)
					a.send(flipped(c.right), func(r *http.Request) { try(c, r) })
					a.refused()
					c.uploadRight()
				})
			}
			for fault, try := range killedServers {
				t.Run(fault, func(t *testing.T) { try(t, p, &sum) })
			}
		})
	}
}

// TestNothingAsSomething: the object without content is no way to store some.
func TestNothingAsSomething(t *testing.T) {
	t.Parallel()
	var sum tally
	for name, p := range uploadPaths {
		if p.size > aboveThreshold {
			continue
		}
		t.Run(name, func(t *testing.T) {
			p.size = 0
			s := p.start(t)
			if s == nil {
				t.Log("this store makes the server answer by another path")
				return
			}
			c := newCase(t, s, p, &sum)
			a := c.begin(lfstest.WriteToken)
			for _, p := range a.pieces {
				a.put(p, "something")
			}
			a.finish()
			c.check()
			a.send("")
			if status := a.finish(); status != http.StatusOK {
				t.Errorf("nothing at all: finished with %d", status)
			}
			c.check()
		})
	}
}

// contentFaults are what clients do wrong, by mistake or not.
var contentFaults = map[string]func(*contentCase){
	"wrong bytes": func(c *contentCase) {
		a := c.begin(lfstest.WriteToken)
		a.send(flipped(c.right))
		a.refused()
		c.uploadRight()
	},
	"one bit": func(c *contentCase) {
		b := []byte(c.right)
		b[len(b)-3] ^= 1
		a := c.begin(lfstest.WriteToken)
		a.send(string(b))
		a.refused()
		c.uploadRight()
	},
	"short": func(c *contentCase) { c.spoilLast(func(body string) string { return body[:len(body)-1] }) },
	"long":  func(c *contentCase) { c.spoilLast(func(body string) string { return body + "!" }) },
	"empty": func(c *contentCase) { c.spoilLast(func(string) string { return "" }) },
	"cut off": func(c *contentCase) {
		a := c.begin(lfstest.WriteToken)
		a.sendAllButLast()
		p := a.last()
		body := c.right[p.pos : p.pos+p.size]
		if err := putCutOff(p.method, p.link, body[:len(body)/2], len(body)); err != nil {
			c.t.Error(err)
		}
		a.refused()
		c.uploadRight()
	},
	"nothing at all": func(c *contentCase) {
		c.begin(lfstest.WriteToken).refused()
		c.uploadRight()
	},
	"parts swapped": func(c *contentCase) {
		a := c.begin(lfstest.WriteToken)
		for i, p := range a.pieces {
			other := a.pieces[len(a.pieces)-1-i]
			a.put(p, flipped(c.right)[other.pos:other.pos+other.size])
		}
		a.refused()
		c.uploadRight()
	},
	"halves swapped": func(c *contentCase) {
		half := len(c.right) / 2
		a := c.begin(lfstest.WriteToken)
		a.send(c.right[half:] + c.right[:half])
		a.refused()
		c.uploadRight()
	},
	"completed twice": func(c *contentCase) {
		a := c.begin(lfstest.WriteToken)
		a.send(flipped(c.right))
		together(3, func(int) { a.finish() })
		a.refused()
		b := c.begin(lfstest.WriteToken)
		b.send(c.right)
		together(3, func(int) { b.finish() })
		if status := b.finish(); status != http.StatusOK {
			c.t.Errorf("finished again: %d", status)
		}
		c.check()
	},
	"verified before complete": func(c *contentCase) {
		a := c.begin(lfstest.WriteToken)
		for _, p := range a.pieces {
			a.refused()
			a.put(p, flipped(c.right)[p.pos:p.pos+p.size])
		}
		a.refused()
		c.uploadRight()
	},
	"links used again after the proof": func(c *contentCase) {
		old := c.begin(lfstest.WriteToken)
		a := c.uploadRight()
		for _, content := range []string{flipped(c.right), c.right[:1], ""} {
			for _, used := range []*attempt{old, a} {
				for _, p := range used.pieces {
					a.put(p, content[min(int(p.pos), len(content)):min(int(p.pos+p.size), len(content))])
				}
				used.finish()
				c.check()
			}
		}
		if got := c.s.Download(c.o); got != c.right {
			c.wrong("the object has changed")
		}
	},
	"links used during the proof": func(c *contentCase) {
		a := c.begin(lfstest.WriteToken)
		a.send(c.right)
		together(3, func(i int) {
			if i == 0 {
				a.finish()
				return
			}
			a.send(flipped(c.right))
		})
		a.finish()
		c.check()
	},
	"two uploaders, one malicious": func(c *contentCase) {
		good, bad := c.begin(lfstest.WriteToken), c.begin(otherToken)
		for i := range good.pieces {
			g, b := good.pieces[i], bad.pieces[i]
			bad.put(b, flipped(c.right)[b.pos:b.pos+b.size])
			good.put(g, c.right[g.pos:g.pos+g.size])
			bad.put(b, flipped(c.right)[b.pos:b.pos+b.size])
		}
		bad.finish()
		c.check()
		if status := good.finish(); status != http.StatusOK {
			c.t.Errorf("the good one finished with %d", status)
		}
		bad.send(flipped(c.right))
		bad.finish()
		c.check()
	},
	"two uploaders at once, one malicious": func(c *contentCase) {
		good, bad := c.begin(lfstest.WriteToken), c.begin(otherToken)
		together(2, func(i int) {
			if i == 0 {
				good.send(c.right)
				good.finish()
				return
			}
			bad.send(flipped(c.right))
			bad.finish()
		})
		c.check()
		if status := good.finish(); status != http.StatusOK {
			c.t.Errorf("the good one finished with %d", status)
		}
	},
}

// spoilLast uploads all but the last piece as they should be.
func (c *contentCase) spoilLast(spoil func(string) string) {
	a := c.begin(lfstest.WriteToken)
	a.sendAllButLast()
	p := a.last()
	a.put(p, spoil(c.right[p.pos:p.pos+p.size]))
	a.refused()
	c.uploadRight()
}

func (a *attempt) sendAllButLast() {
	for _, p := range a.pieces[:len(a.pieces)-1] {
		a.put(p, a.right[p.pos:p.pos+p.size])
	}
}

// forgedRequests change what a client may change of a request that carries wrong
// bytes: headers that nobody signed, and parts of the link.
var forgedRequests = map[string]func(*contentCase, *http.Request){
	"a copy of another object": func(c *contentCase, r *http.Request) {
		storage, source := c.s.Config.Storage, bodyOf(r)
		key := layout.Prefix(storage.Prefix).Staging("a-source-to-copy-from")
		if _, err := bucketOf(c.t, c.s).Put(c.t.Context(), key, strings.NewReader(source), int64(len(source)), objectstore.Condition{}); err != nil {
			c.t.Fatal(err)
		}
		r.Header.Set("x-amz-copy-source", "/"+storage.Bucket+"/"+key)
	},
	"without the checksum header": func(_ *contentCase, r *http.Request) { r.Header.Del("x-amz-checksum-sha256") },
	"with its own checksum": func(_ *contentCase, r *http.Request) {
		r.Header.Set("x-amz-checksum-sha256", base64OID(bodyOf(r)))
	},
	"another checksum beside it": func(_ *contentCase, r *http.Request) {
		r.Header.Set("x-amz-checksum-crc32", crcOf(bodyOf(r)))
	},
	"another checksum in its place": func(_ *contentCase, r *http.Request) {
		r.Header.Set("x-amz-checksum-algorithm", "CRC32")
		r.Header.Set("x-amz-sdk-checksum-algorithm", "CRC32")
		r.Header.Set("x-amz-checksum-crc32", crcOf(bodyOf(r)))
	},
	"the checksum announced as a trailer": func(_ *contentCase, r *http.Request) {
		body := bodyOf(r)
		r.Header.Set("x-amz-trailer", "x-amz-checksum-crc32")
		r.Trailer = http.Header{"X-Amz-Checksum-Crc32": {crcOf(body)}}
		r.ContentLength = -1 // chunked: only then trailers are sent
	},
	"chunked": func(_ *contentCase, r *http.Request) { r.ContentLength = -1 },
	"the link of another object": func(c *contentCase, r *http.Request) {
		_, a := c.path.ask.upload(c.t, c.s, lfstest.ObjectOf(content(c.path.size)))
		r.URL.RawQuery = mustParse(c.t, c.path.pieces(c.t, a, c.o.Size)[0].link.Href).RawQuery
	},
	"the link's key changed to the final one": func(c *contentCase, r *http.Request) {
		storage := c.s.Config.Storage
		r.URL.Path = "/" + storage.Bucket + "/" + layout.Prefix(storage.Prefix).Object(c.o.OID)
		r.URL.RawPath = ""
	},
}

// bodyOf a request that can be sent all the same.
func bodyOf(r *http.Request) string {
	body, err := r.GetBody()
	if err != nil {
		panic(err) // made of a strings.Reader
	}
	raw, _ := io.ReadAll(body)
	return string(raw)
}

// crcOf is the value of x-amz-checksum-crc32.
func crcOf(body string) string {
	return base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE([]byte(body))))
}

// together runs n at once and waits for all.
func together(n int, do func(i int)) {
	var group sync.WaitGroup
	for i := range n {
		group.Go(func() { do(i) })
	}
	group.Wait()
}
