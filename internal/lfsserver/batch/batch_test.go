package batch

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/transfer"
)

// fakeBucket answers Head after a hook. What needs a real store is tested with
// one, in package lfsserver.
type fakeBucket struct {
	objectstore.Bucket
	head func(ctx context.Context, key string) (objectstore.Info, error)
}

func (f fakeBucket) Head(ctx context.Context, key string) (objectstore.Info, error) {
	return f.head(ctx, key)
}

func (fakeBucket) List(context.Context, string, string) iter.Seq2[objectstore.Info, error] {
	return nil
}

type fakeSession struct{}

func (fakeSession) Life(size int64) time.Duration { return transfer.Lifetime(size) }

func (fakeSession) Admit(o transfer.Object, _ time.Duration) (objectstore.Upload, error) {
	return objectstore.Upload{URL: "http://store/" + o.OID, Header: map[string]string{"x": "y"}}, nil
}
func (fakeSession) AdmitBare(o transfer.Object, _ time.Duration) (objectstore.Upload, error) {
	return objectstore.Upload{URL: "http://store/" + o.OID}, nil
}
func (fakeSession) Resumable(o transfer.Object, _ time.Duration) (string, error) {
	return "http://server/" + o.OID, nil
}
func (fakeSession) Begin(_ context.Context, o transfer.Object, partSize int64, _ bool, _ time.Duration) (*transfer.Multipart, error) {
	return &transfer.Multipart{
		PartSize: partSize, Verify: &transfer.Action{Href: "http://server/verify"}, WantDigest: "sha-256",
		Parts: []transfer.Part{{Size: o.Size, URL: "http://store/1"}, {Pos: o.Size, Done: true}, {Pos: 2, Size: 3, URL: "http://store/\"&3"}},
	}, nil
}
func (fakeSession) Fetch(o transfer.Object, _ time.Duration) (string, error) {
	return "http://store/" + o.OID, nil
}
func (fakeSession) Verify(transfer.Object, time.Duration) (*transfer.Action, error) {
	return &transfer.Action{Href: "http://server/verify"}, nil
}

// noGuard is garbage collection that has no plans.
type noGuard struct{}

func (noGuard) Begin(context.Context) (View, error) { return noGuard{}, nil }

func (noGuard) Tombstone(context.Context, string) (string, error) { return "", nil }

func (noGuard) Generation() string { return "1" }

func (noGuard) State(string) State { return Unlisted }

func (noGuard) Rescue(context.Context, string) error { return nil }

// recordingGuard writes down the order of events.
type recordingGuard struct {
	noGuard
	state  State
	rescue error
	begin  error
	event  func(string)
}

func (g *recordingGuard) Begin(context.Context) (View, error) { g.event("begin"); return g, g.begin }
func (g *recordingGuard) State(string) State                  { return g.state }
func (g *recordingGuard) Rescue(context.Context, string) error {
	g.event("rescue")
	return g.rescue
}

// TestOrder: the index is read before the object is looked for, and a condemned
// object is marked before that. What fails on the way stops there.
func TestOrder(t *testing.T) {
	boom := errors.New("boom")
	for name, tc := range map[string]struct {
		guard recordingGuard
		head  error
		want  string
		busy  bool
	}{
		"unlisted":             {want: "begin head"},
		"condemned, there":     {guard: recordingGuard{state: Condemned}, want: "begin rescue head"},
		"condemned, absent":    {guard: recordingGuard{state: Condemned}, head: objectstore.ErrNotFound, want: "begin rescue head"},
		"deleting":             {guard: recordingGuard{state: Deleting}, want: "begin", busy: true},
		"index unreadable":     {guard: recordingGuard{begin: boom}, want: "begin", busy: true},
		"marker not written":   {guard: recordingGuard{state: Condemned, rescue: boom}, want: "begin rescue", busy: true},
		"store does not know":  {head: objectstore.ErrUnavailable, want: "begin head", busy: true},
		"store refuses":        {head: objectstore.ErrDenied, want: "begin head", busy: true},
		"bucket gone meantime": {head: objectstore.ErrBucketMissing, want: "begin head", busy: true},
	} {
		t.Run(name, func(t *testing.T) {
			var events []string
			tc.guard.event = func(e string) { events = append(events, e) }
			s := &Service{Guard: &tc.guard, Session: fakeSession{}, Lookups: NewLimiter(4), Bucket: fakeBucket{head: func(context.Context, string) (objectstore.Info, error) {
				events = append(events, "head")
				return objectstore.Info{Size: 3}, tc.head
			}}}
			req := &Request{Operation: "upload", Objects: []RequestObject{{OID: strings.Repeat("a", 64), Size: Size{3, true}}}}
			_, err := s.Do(t.Context(), req, "")
			if got := strings.Join(events, " "); got != tc.want {
				t.Errorf("events %q, want %q", got, tc.want)
			}
			var busy *BusyError
			if errors.As(err, &busy) != tc.busy || (err != nil) != tc.busy {
				t.Errorf("error %v", err)
			}
		})
	}
}

// TestLookupsAreBounded: no more at once than the limiter and a batch allow, and
// one failure ends the others.
func TestLookupsAreBounded(t *testing.T) {
	var running, most atomic.Int64
	release := make(chan struct{})
	limiter := NewLimiter(5)
	s := &Service{Guard: noGuard{}, Session: fakeSession{}, Lookups: limiter, Bucket: fakeBucket{head: func(ctx context.Context, _ string) (objectstore.Info, error) {
		most.Store(max(most.Load(), running.Add(1)))
		defer running.Add(-1)
		select {
		case <-release:
			return objectstore.Info{}, objectstore.ErrNotFound
		case <-ctx.Done():
			return objectstore.Info{}, ctx.Err()
		}
	}}}
	req := &Request{Operation: "upload"}
	for i := range 100 {
		req.Objects = append(req.Objects, RequestObject{OID: fmt.Sprintf("%064x", i), Size: Size{1, true}})
	}
	done := make(chan error)
	go func() {
		_, err := s.Do(t.Context(), req, "")
		done <- err
	}()
	for running.Load() < 5 {
		time.Sleep(time.Millisecond)
	}
	close(release)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if most.Load() > 5 {
		t.Errorf("%d lookups at once", most.Load())
	}
	ctx, cancel := context.WithCancel(t.Context())
	release = make(chan struct{})
	go func() {
		_, err := s.Do(ctx, req, "")
		done <- err
	}()
	for running.Load() < 5 {
		time.Sleep(time.Millisecond)
	}
	cancel()
	var busy *BusyError
	if err := <-done; !errors.As(err, &busy) {
		t.Errorf("time that runs out: %v", err)
	}
	if running.Load() != 0 {
		t.Errorf("%d lookups left behind", running.Load())
	}
}

func FuzzDecode(f *testing.F) {
	for _, s := range []string{
		`{"operation":"upload","transfers":["basic"],"ref":{"name":"refs/heads/main"},"objects":[{"oid":"abc","size":1}],"hash_algo":"sha256"}`,
		`{"operation":"download","objects":[{"oid":"","size":-1},{"size":1e3},{"size":"1"},{}]}`,
		`{}`, `[`, ``, `null`, `{"objects":null}`, "{\"operation\":\"\xff\"}",
	} {
		f.Add([]byte(s))
	}
	s := &Service{Guard: noGuard{}, Session: fakeSession{}, Lookups: NewLimiter(4), Bucket: fakeBucket{head: func(_ context.Context, key string) (objectstore.Info, error) {
		return objectstore.Info{}, objectstore.ErrNotFound
	}}}
	f.Fuzz(func(t *testing.T, body []byte) {
		req, err := Decode(bytes.NewReader(body))
		if err != nil {
			if len(err.Error()) > 500 {
				t.Errorf("a client fills our message: %d bytes", len(err.Error()))
			}
			return
		}
		resp, err := s.Do(t.Context(), req, "")
		if err != nil {
			t.Fatal(err)
		}
		for i, a := range resp.Objects {
			if a.Actions != nil && (!ValidOID(a.OID) || a.Size < 0 || !req.Objects[i].Size.Valid) {
				t.Errorf("actions for %+v", a)
			}
			if a.Actions == nil && a.Error == nil {
				t.Errorf("an object that is not there counts as present: %+v", a)
			}
		}
		if _, err := json.Marshal(resp); err != nil {
			t.Error(err)
		}
	})
}

// TestKey: a batch is told apart by its first object, and what is no batch by
// nothing; it can be decoded after that.
func TestKey(t *testing.T) {
	oid := strings.Repeat("ab", 32)
	for name, tc := range map[string]struct{ body, want string }{
		"git-lfs":     {`{"operation":"upload","objects":[{"oid":"` + oid + `","size":1},{"oid":"` + strings.Repeat("cd", 32) + `","size":1}]}`, oid},
		"with blanks": {"{\n \"operation\": \"upload\", \"objects\": [ { \"size\": 1,\n \"oid\" : \"" + oid + "\" } ] }", oid},
		"no objects":  {`{"operation":"upload","objects":[]}`, ""},
		"no OID":      {`{"operation":"upload","objects":[{"oid":"../x","size":1}]}`, ""},
		"cut off":     {`{"operation":"upload","objects":[{"oid":"` + oid[:60], ""},
		"nothing":     {"", ""},
		"far away":    {`{"operation":"upload",` + strings.Repeat(" ", 5000) + `"objects":[{"oid":"` + oid + `","size":1}]}`, ""},
	} {
		body := bufio.NewReader(strings.NewReader(tc.body))
		if got := Key(body); got != tc.want {
			t.Errorf("%s: %q", name, got)
		}
		if rest, err := io.ReadAll(body); err != nil || string(rest) != tc.body {
			t.Errorf("%s: left %q", name, rest)
		}
	}
}

// BenchmarkBatch100 is a batch of 100 absent objects without a store.
func BenchmarkBatch100(b *testing.B) {
	var body bytes.Buffer
	body.WriteString(`{"operation":"upload","transfers":["basic"],"objects":[`)
	for i := range 100 {
		fmt.Fprintf(&body, `{"oid":"%064x","size":1000},`, i)
	}
	body.Truncate(body.Len() - 1)
	body.WriteString(`]}`)
	s := &Service{Guard: noGuard{}, Session: fakeSession{}, Lookups: NewLimiter(64), Bucket: fakeBucket{head: func(context.Context, string) (objectstore.Info, error) {
		return objectstore.Info{}, objectstore.ErrNotFound
	}}}
	b.ReportAllocs()
	for b.Loop() {
		req, err := Decode(bytes.NewReader(body.Bytes()))
		if err != nil {
			b.Fatal(err)
		}
		resp, err := s.Do(b.Context(), req, "git-lfs/3.8.1")
		if err != nil {
			b.Fatal(err)
		}
		if err := json.NewEncoder(io.Discard).Encode(resp); err != nil {
			b.Fatal(err)
		}
	}
}
