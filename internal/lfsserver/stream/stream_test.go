package stream_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/layout"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/batch"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/lfstest"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/stream"
	"github.com/lfs-operator/lfs-operator/internal/serverstatus"
	"github.com/lfs-operator/lfs-operator/test/assets"
)

const (
	prefix = layout.Prefix("p/")
	mib    = 1 << 20
)

// world is a bucket of a real store.
type world struct {
	t  *testing.T
	s3 *objectstore.S3
}

func newWorld(t *testing.T) *world {
	t.Helper()
	store := assets.SharedStore(t)
	e, err := objectstore.ParseEndpoint(store.Endpoint, store.Region, store.NewBucket(t), false)
	if err != nil {
		t.Fatal(err)
	}
	transport := objectstore.NewTransport(nil)
	t.Cleanup(transport.CloseIdleConnections)
	s3, err := objectstore.NewS3(e, objectstore.Credentials{AccessKeyID: store.AccessKey, SecretAccessKey: store.SecretKey}, transport, nil)
	if err != nil {
		t.Fatal(err)
	}
	return &world{t: t, s3: s3}
}

// server is a replica that works on a store, which may be faulty.
func server(store objectstore.Store) *stream.Service {
	return &stream.Service{
		Store: store, Prefix: prefix, Guard: guard{}, Now: time.Now,
		Receiver: objectstore.NewReceiver(store, prefix, serverstatus.Capabilities{SignedChecksum: true}),
	}
}

func random(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return string(b)
}

func target(content string) stream.Target {
	return stream.Target{OID: lfstest.OID(content), Size: int64(len(content)), Client: "c1"}
}

// request sends bytes as one request does, and finishes where it can.
func request(t *testing.T, s *stream.Service, tg stream.Target, offset int64, body io.Reader, length int64) (int64, error) {
	t.Helper()
	w, err := s.Open(t.Context(), tg, offset)
	if err != nil {
		return offset, err
	}
	if err := w.Receive(t.Context(), body, length); err != nil {
		return w.Offset(), err
	}
	if !w.Ready() {
		return w.Offset(), nil
	}
	_, err = w.Finish(t.Context())
	return tg.Size, err
}

// sendAll is a request with a whole body.
func sendAll(t *testing.T, s *stream.Service, tg stream.Target, offset int64, body string) (int64, error) {
	t.Helper()
	return request(t, s, tg, offset, strings.NewReader(body), int64(len(body)))
}

// offset asks for it.
func offset(t *testing.T, s *stream.Service, tg stream.Target) int64 {
	t.Helper()
	n, err := s.Offset(t.Context(), tg)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// cutAfter is a body whose connection breaks.
func cutAfter(s string) io.Reader {
	return io.MultiReader(strings.NewReader(s), brokenReader{})
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// served is the content under a final key, "" for none.
func (w *world) served(oid string) string {
	w.t.Helper()
	body, _, err := w.s3.Get(w.t.Context(), prefix.Object(oid), "")
	if errors.Is(err, objectstore.ErrNotFound) {
		return ""
	}
	if err != nil {
		w.t.Fatal(err)
	}
	defer body.Close()
	raw, err := io.ReadAll(body)
	if err != nil {
		w.t.Fatal(err)
	}
	return string(raw)
}

// left are the keys that are no object.
func (w *world) left() (keys []string) {
	w.t.Helper()
	for info, err := range w.s3.List(w.t.Context(), string(prefix), "") {
		if err != nil {
			w.t.Fatal(err)
		}
		if _, final := prefix.OIDOf(info.Key); !final {
			keys = append(keys, info.Key)
		}
	}
	return keys
}

// expect checks that an object is served and nothing is left of its upload.
func (w *world) expect(content string) {
	w.t.Helper()
	if got := w.served(lfstest.OID(content)); got != content {
		w.t.Errorf("served: %d bytes, want %d", len(got), len(content))
	}
	if left := w.left(); len(left) > 0 {
		w.t.Errorf("left behind: %q", left)
	}
}

type guard struct{ state batch.State }

func (g guard) Begin(context.Context) (batch.View, error)       { return g, nil }
func (g guard) State(string) batch.State                        { return g.state }
func (guard) Generation() string                                { return "1" }
func (guard) Rescue(context.Context, string) error              { return nil }
func (guard) Tombstone(context.Context, string) (string, error) { return "", nil }

// TestSizes: one request, of a known length or not.
func TestSizes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, size := range []int{0, 1, 5 * mib, stream.PartSize, stream.PartSize + 1, 2*stream.PartSize + 100} {
		for _, known := range []bool{true, false} {
			c := random(size)
			length := int64(size)
			if !known {
				length = -1
			}
			if got, err := request(t, server(w.s3), target(c), 0, strings.NewReader(c), length); err != nil || got != int64(size) {
				t.Errorf("%d bytes, known: %v: offset %d, %v", size, known, got, err)
			}
			w.expect(c)
			if got := offset(t, server(w.s3), target(c)); got != int64(size) {
				t.Errorf("%d bytes: offset %d when it is there", size, got)
			}
		}
	}
}

// TestChunks: many small requests, each at another replica.
func TestChunks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, chunk := range []int{mib, 3*mib + 7, 150_000} {
		c := random(stream.PartSize + 100_000)
		tg := target(c)
		for pos := 0; pos < len(c); {
			end := min(pos+chunk, len(c))
			got, err := sendAll(t, server(w.s3), tg, int64(pos), c[pos:end])
			if err != nil || got != int64(end) {
				t.Fatalf("chunks of %d, at %d: offset %d, %v", chunk, pos, got, err)
			}
			if pos = end; pos < len(c) && offset(t, server(w.s3), tg) != int64(pos) {
				t.Fatalf("chunks of %d: another offset than %d", chunk, pos)
			}
		}
		w.expect(c)
	}
}

// TestUnknownLengthInPieces: requests that end before the object does, and do not
// say so. What is answered is where to go on.
func TestUnknownLengthInPieces(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := random(stream.PartSize + 3*mib)
	tg := target(c)
	at, requests := int64(0), 0
	for ; at < tg.Size; requests++ {
		got, err := request(t, server(w.s3), tg, at, strings.NewReader(c[at:min(at+2*mib, tg.Size)]), -1)
		if err != nil || got < at || requests > 100 {
			t.Fatalf("at %d: %d, %v", at, got, err)
		}
		at = got
	}
	w.expect(c)
}

// TestCutOff: a line that breaks all the time gets on nevertheless.
func TestCutOff(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := random(stream.PartSize + 5*mib)
	tg := target(c)
	for tries := 0; ; tries++ {
		at := offset(t, server(w.s3), tg)
		end := min(at+2*mib, tg.Size)
		if tries > 60 {
			t.Fatalf("at %d after %d requests", at, tries)
		}
		if end == tg.Size {
			if _, err := sendAll(t, server(w.s3), tg, at, c[at:]); err != nil {
				t.Fatal(err)
			}
			break
		}
		if _, err := request(t, server(w.s3), tg, at, cutAfter(c[at:end]), tg.Size-at); !errors.Is(err, stream.ErrCutOff) {
			t.Fatal(err)
		}
	}
	w.expect(c)
}

// TestResume: parts that are there are not sent again.
func TestResume(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := random(3*stream.PartSize + 1000)
	tg := target(c)
	if _, err := request(t, server(w.s3), tg, 0, cutAfter(c[:2*stream.PartSize+500]), tg.Size); !errors.Is(err, stream.ErrCutOff) {
		t.Fatal(err)
	}
	at := offset(t, server(w.s3), tg)
	if at != 2*stream.PartSize {
		t.Errorf("resumed at %d", at)
	}
	other := tg
	other.Client = "c2"
	if got := offset(t, server(w.s3), other); got != 0 {
		t.Errorf("another client resumes at %d", got)
	}
	if _, err := sendAll(t, server(w.s3), tg, at, c[at:]); err != nil {
		t.Fatal(err)
	}
	w.expect(c)
}

// TestBadRequests: what does not fit is refused, and an upload under way survives it.
func TestBadRequests(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := random(2*stream.PartSize + 10)
	tg := target(c)
	var wrong *stream.OffsetError
	if _, err := sendAll(t, server(w.s3), tg, 5, c[5:]); !errors.As(err, &wrong) || wrong.Want != 0 {
		t.Errorf("beyond the offset: %v", err)
	}
	if _, err := sendAll(t, server(w.s3), tg, 0, c+"!"); !errors.Is(err, stream.ErrTooLong) {
		t.Errorf("too long: %v", err)
	}
	if _, err := request(t, server(w.s3), tg, 0, strings.NewReader(c+"!"), -1); !errors.Is(err, stream.ErrTooLong) || w.served(tg.OID) != "" {
		t.Errorf("too long, without a length: %v", err)
	}
	at := offset(t, server(w.s3), tg)
	if _, err := sendAll(t, server(w.s3), tg, at-1, c[at-1:]); !errors.As(err, &wrong) || wrong.Want != at {
		t.Errorf("before the offset: %v", err)
	}
	if _, err := sendAll(t, server(w.s3), tg, at, c[at:]); err != nil {
		t.Fatal(err)
	}
	w.expect(c)
	if _, err := sendAll(t, server(w.s3), tg, 0, c); !errors.As(err, &wrong) || wrong.Want != tg.Size {
		t.Errorf("again, when it is there: %v", err)
	}
}

// TestWrongContent: it is never served, and the upload is gone.
func TestWrongContent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for name, chunk := range map[string]int{"whole": 100 * mib, "in chunks": 6 * mib} {
		for _, size := range []int{0, 1000, 7 * mib, 2*stream.PartSize + 10} {
			c, bad := random(size), random(size)
			tg := target(c)
			if size == 0 {
				tg.OID = lfstest.OID("something")
			}
			var err error
			for at := 0; err == nil; {
				end := min(at+chunk, size)
				_, err = sendAll(t, server(w.s3), tg, int64(at), bad[at:end])
				if at = end; at == size {
					break
				}
			}
			if !errors.Is(err, objectstore.ErrWrongContent) {
				t.Errorf("%s, %d bytes: %v", name, size, err)
			}
			if left := w.left(); w.served(tg.OID) != "" || len(left) > 0 {
				t.Errorf("%s, %d bytes: left behind: %q", name, size, left)
			}
			if size > 0 {
				if _, err := sendAll(t, server(w.s3), tg, offset(t, server(w.s3), tg), c); err != nil {
					t.Errorf("%s, %d bytes: the right content after it: %v", name, size, err)
				}
			}
		}
	}
}

// pausing is a body that waits for a word in its middle.
type pausing struct {
	before, after io.Reader
	reached, on   chan struct{}
	once          sync.Once
}

func newPausing(before, after string) *pausing {
	return &pausing{before: strings.NewReader(before), after: strings.NewReader(after), reached: make(chan struct{}), on: make(chan struct{})}
}

func (p *pausing) Read(b []byte) (int, error) {
	if n, err := p.before.Read(b); err == nil {
		return n, nil
	}
	p.once.Do(func() { close(p.reached); <-p.on })
	return p.after.Read(b)
}

// TestOvertaken: a writer hangs, another goes on from the same offset with other
// content, the first one comes back. Whoever is right wins, whatever the other
// sends, and at whatever place it hangs.
func TestOvertaken(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for name, hang := range map[string]int{"in the first part": 100, "in the second": stream.PartSize + 100, "in the last": 2*stream.PartSize + 5} {
		for _, firstIsRight := range []bool{true, false} {
			t.Run(fmt.Sprint(name, ", first is right: ", firstIsRight), func(t *testing.T) {
				c := random(2*stream.PartSize + 10)
				tg := target(c)
				first, second := c, random(len(c))
				if !firstIsRight {
					first, second = second, c
				}
				body := newPausing(first[:hang], first[hang:])
				done := make(chan error)
				go func() {
					_, err := request(t, server(w.s3), tg, 0, body, tg.Size)
					done <- err
				}()
				<-body.reached
				at := offset(t, server(w.s3), tg)
				if want := int64(hang / stream.PartSize * stream.PartSize); at != want {
					t.Errorf("offset %d, want %d", at, want)
				}
				_, err2 := sendAll(t, server(w.s3), tg, at, second[at:])
				close(body.on)
				err1 := <-done
				got := w.served(tg.OID)
				if got != "" && got != c {
					t.Fatal("wrong content is served")
				}
				if (err1 == nil || err2 == nil) != (got == c) {
					t.Errorf("first: %v, second: %v, served: %v", err1, err2, got == c)
				}
				if !firstIsRight && at == 0 && (err2 != nil || got != c) {
					t.Errorf("who overtook with the right content: %v", err2)
				}
				// Whoever comes next gets through.
				if got == "" {
					at := offset(t, server(w.s3), tg)
					_, err := sendAll(t, server(w.s3), tg, at, c[at:])
					if errors.Is(err, objectstore.ErrWrongContent) { // the rest of what the bad one left
						_, err = sendAll(t, server(w.s3), tg, 0, c)
					}
					if err != nil {
						t.Errorf("afterwards: %v", err)
					}
				}
				w.expect(c)
			})
		}
	}
}

// TestTogether: writers of different content at the same offset, all at once.
func TestTogether(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for range 4 {
		c := random(stream.PartSize + mib)
		tg := target(c)
		var group sync.WaitGroup
		errs := make([]error, 4)
		for i := range errs {
			body := c
			if i%2 == 1 {
				body = random(len(c))
			}
			group.Go(func() { _, errs[i] = sendAll(t, server(w.s3), tg, 0, body) })
		}
		group.Wait()
		got := w.served(tg.OID)
		if got != "" && got != c {
			t.Fatal("wrong content is served")
		}
		if (errs[0] == nil || errs[2] == nil) && got != c || errs[1] == nil && got != c || errs[3] == nil && got != c {
			t.Errorf("success, and nothing is there: %v", errs)
		}
		_ = server(w.s3).Abort(t.Context(), tg)
	}
}

// TestKilled: a server is killed at each of its calls, before and after they took
// effect; another one goes on from the offset that it finds.
func TestKilled(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for name, tc := range map[string]struct {
		size, chunk int
		wrong       bool
	}{
		"whole":          {size: 1000, chunk: 1000},
		"in chunks":      {size: 6*mib + 1, chunk: 3 * mib},
		"parts":          {size: 5*mib + 1, chunk: 5 * mib},
		"wrong":          {size: 5*mib + 1, chunk: 5 * mib, wrong: true},
		"wrong in whole": {size: 1000, chunk: 500, wrong: true},
	} {
		t.Run(name, func(t *testing.T) {
			for _, after := range []bool{false, true} {
				for n := 1; !w.killedAt(n, after, tc.size, tc.chunk, tc.wrong); n++ {
					if n > 60 {
						t.Fatal("more than 60 calls")
					}
				}
			}
		})
	}
}

// killedAt is true when the server was through before it could be killed.
func (w *world) killedAt(n int, after bool, size, chunk int, wrong bool) bool {
	t := w.t
	t.Helper()
	c := random(size)
	tg := target(c)
	body := c
	if wrong {
		body = random(size)
	}
	dead := &lfstest.Dying{Store: w.s3, N: n, After: after}
	push := func(s *stream.Service) (err error) {
		at, err := s.Offset(t.Context(), tg)
		for err == nil && at < tg.Size {
			at, err = sendAll(t, s, tg, at, body[at:min(at+int64(chunk), tg.Size)])
		}
		return err
	}
	first := push(server(dead))
	if got := w.served(tg.OID); got != "" && got != c {
		t.Fatalf("call %d (after: %v): wrong content is served", n, after)
	}
	err := push(server(w.s3))
	if wrong && !errors.Is(err, objectstore.ErrWrongContent) || !wrong && err != nil {
		t.Fatalf("call %d (after: %v): %v, before: %v", n, after, err, first)
	}
	if got := w.served(tg.OID); (got == c) == wrong {
		t.Fatalf("call %d (after: %v): served %d bytes", n, after, len(got))
	}
	return dead.N > 0
}

// TestStopping: a server that is about to end keeps what it has.
func TestStopping(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := random(2*stream.PartSize + 10)
	tg := target(c)
	stopping := make(chan struct{})
	s := server(w.s3)
	s.Stopping = stopping
	body := newPausing(c[:100], c[100:])
	go func() { <-body.reached; close(stopping); close(body.on) }()
	if _, err := request(t, s, tg, 0, body, tg.Size); !errors.Is(err, stream.ErrStopping) {
		t.Fatal(err)
	}
	at := offset(t, server(w.s3), tg)
	if at != stream.PartSize {
		t.Errorf("offset %d", at)
	}
	if _, err := sendAll(t, server(w.s3), tg, at, c[at:]); err != nil {
		t.Fatal(err)
	}
	w.expect(c)
}

// TestAbortAndSweep: nothing is left of what was thrown away.
func TestAbortAndSweep(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	begin := func() stream.Target {
		tg := target(random(2*stream.PartSize + 10))
		if _, err := sendAll(t, server(w.s3), tg, 0, random(stream.PartSize+mib)); err != nil {
			t.Fatal(err)
		}
		return tg
	}
	aborted := begin()
	for range 2 {
		if err := server(w.s3).Abort(t.Context(), aborted); err != nil {
			t.Fatal(err)
		}
	}
	if got := offset(t, server(w.s3), aborted); got != 0 || len(w.left()) > 0 {
		t.Errorf("offset %d, left %q", got, w.left())
	}
	swept := begin()
	if _, err := w.s3.Put(t.Context(), prefix.Owner(), bytes.NewReader([]byte("{}")), 2, objectstore.Condition{}); err != nil {
		t.Fatal(err)
	}
	if n, err := stream.Sweep(t.Context(), w.s3, prefix, time.Hour); n != 0 || err != nil {
		t.Errorf("young, and swept: %d, %v", n, err)
	}
	if n, err := stream.Sweep(t.Context(), w.s3, prefix, -time.Minute); n != 1 || err != nil {
		t.Errorf("swept %d, %v", n, err)
	}
	if left := w.left(); len(left) != 1 || offset(t, server(w.s3), swept) != 0 {
		t.Errorf("left %q", left)
	}
}

// TestGC: an object that is being deleted is not written.
func TestGC(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, size := range []int{1000, stream.PartSize + 1} {
		c := random(size)
		s := server(w.s3)
		s.Guard = guard{state: batch.Deleting}
		var busy *batch.BusyError
		if _, err := s.Offset(t.Context(), target(c)); !errors.As(err, &busy) {
			t.Errorf("offset: %v", err)
		}
		if _, err := sendAll(t, s, target(c), 0, c); !errors.As(err, &busy) || w.served(lfstest.OID(c)) != "" {
			t.Errorf("%d bytes: %v", size, err)
		}
		// It is condemned only when all parts are there.
		s = server(w.s3)
		wr, err := s.Open(t.Context(), target(c), 0)
		if err != nil {
			t.Fatal(err)
		}
		s.Guard = guard{state: batch.Deleting}
		if err = wr.Receive(t.Context(), strings.NewReader(c), int64(size)); err == nil {
			_, err = wr.Finish(t.Context())
		}
		if !errors.As(err, &busy) || w.served(lfstest.OID(c)) != "" {
			t.Errorf("%d bytes, before it is there: %v", size, err)
		}
	}
}
