package upload_test

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/layout"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/batch"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/lfstest"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/upload"
	"github.com/lfs-operator/lfs-operator/test/assets"
)

const prefix = layout.Prefix("p/")

// world is a bucket of a real store.
type world struct {
	t      *testing.T
	s3     *objectstore.S3
	signer *objectstore.URLSigner
}

func newWorld(t *testing.T) *world {
	t.Helper()
	store := assets.SharedStore(t)
	e, err := objectstore.ParseEndpoint(store.Endpoint, store.Region, store.NewBucket(t), false)
	if err != nil {
		t.Fatal(err)
	}
	creds := objectstore.Credentials{AccessKeyID: store.AccessKey, SecretAccessKey: store.SecretKey}
	transport := objectstore.NewTransport(nil)
	t.Cleanup(transport.CloseIdleConnections)
	s3, err := objectstore.NewS3(e, creds, transport, nil)
	if err != nil {
		t.Fatal(err)
	}
	return &world{t: t, s3: s3, signer: objectstore.NewURLSigner(e, creds, time.Now)}
}

// server is a replica that works on a store, which may be faulty.
func server(store objectstore.Store, copyLimit int64) *upload.Service {
	return &upload.Service{
		Store: store, Prefix: prefix, Guard: index{}, Proofs: upload.NewProofs(4), Now: time.Now,
		Publisher: objectstore.NewPublisher(store, prefix).WithCopyLimit(copyLimit),
	}
}

func oidOf(content string) string {
	sum := sha256.Sum256([]byte(content))
	return hex.EncodeToString(sum[:])
}

func random(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return string(b)
}

func order(content string) upload.Order {
	return upload.Order{OID: oidOf(content), Size: int64(len(content)), PartSize: upload.PartSize(int64(len(content)), 1), Client: "c1", By: "token:one"}
}

// put uploads a part by its link, as a client would, and returns the status.
func (w *world) put(u *upload.Upload, number int, body string) int {
	w.t.Helper()
	links, err := w.signer.PresignParts(prefix.Staging(u.ID), u.UploadID, time.Minute)
	if err != nil {
		w.t.Fatal(err)
	}
	req, err := http.NewRequest(http.MethodPut, string(links.Append(nil, number)), strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode
}

// putAll uploads the content of an upload.
func (w *world) putAll(u *upload.Upload, content string) {
	w.t.Helper()
	for n := 1; n <= u.Count(); n++ {
		pos, size := u.Span(n)
		if status := w.put(u, n, content[pos:pos+size]); status != 200 {
			w.t.Fatalf("part %d: %d", n, status)
		}
	}
}

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
func (w *world) left() []string {
	var keys []string
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

// sweep throws away what is that old, and counts. It asks the owner object for the
// time, which it removes again.
func (w *world) sweep(after time.Duration) (uploads, staged int) {
	w.t.Helper()
	if _, err := w.s3.Put(w.t.Context(), prefix.Owner(), strings.NewReader("{}"), 2, objectstore.Condition{}); err != nil {
		w.t.Fatal(err)
	}
	uploads, staged, err := upload.Sweep(w.t.Context(), w.s3, prefix, after)
	if err == nil {
		err = w.s3.Delete(w.t.Context(), prefix.Owner(), "")
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return uploads, staged
}

// mostCalls of a Finish; the loops below end when one gets through.
const mostCalls = 40

// TestKilledBetweenSteps: a server is killed at each of its calls, before and
// after; another one finishes. Nothing wrong is ever served, and what is right is
// there in the end.
func TestKilledBetweenSteps(t *testing.T) {
	const part = objectstore.MinPartSize
	for name, tc := range map[string]struct {
		size      int
		wrong     bool
		copyLimit int64
	}{
		"right":                   {size: 1000, copyLimit: objectstore.MaxPartSize},
		"wrong":                   {size: 1000, wrong: true, copyLimit: objectstore.MaxPartSize},
		"right, copied in parts":  {size: 2*part + 2, copyLimit: part + 1<<20},
		"empty":                   {size: 0, copyLimit: objectstore.MaxPartSize},
		"wrong and copy in parts": {size: 2*part + 2, wrong: true, copyLimit: part + 1<<20},
	} {
		t.Run(name, func(t *testing.T) {
			if testing.Short() && tc.size > part {
				t.Skip("moves hundreds of megabytes")
			}
			w := newWorld(t)
			for _, after := range []bool{false, true} {
				if !after && tc.size > part {
					continue // it differs for single writes alone, and the small ones have those
				}
				through := false
				for n := 1; n <= mostCalls && !through; n++ {
					through = w.killedAt(n, after, tc.size, tc.wrong, tc.copyLimit)
				}
				if !through {
					t.Errorf("more than %d calls", mostCalls)
				}
			}
			w.sweep(-time.Minute)
			if left := w.left(); len(left) > 0 {
				t.Errorf("left behind: %q", left)
			}
		})
	}
}

// killedAt is true when the server was through before it could be killed.
func (w *world) killedAt(n int, after bool, size int, wrong bool, copyLimit int64) bool {
	w.t.Helper()
	content := random(size)
	o := order(content)
	u, err := server(w.s3, copyLimit).Begin(w.t.Context(), o)
	if err != nil {
		w.t.Fatal(err)
	}
	sent := content
	if wrong {
		sent = random(size)
	}
	w.putAll(u, sent)
	target := upload.Target{OID: o.OID, Size: o.Size, Ref: u.Ref}
	dead := &lfstest.Dying{Store: w.s3, N: n, After: after}
	_, first := server(dead, copyLimit).Finish(w.t.Context(), target)
	if got := w.served(o.OID); got != "" && got != content {
		w.t.Fatalf("call %d (after: %v): wrong content is served", n, after)
	}
	for range 2 {
		_, err = server(w.s3, copyLimit).Finish(w.t.Context(), target)
		if !wrong && err != nil {
			w.t.Fatalf("call %d (after: %v): finished again: %v, before: %v", n, after, err, first)
		}
		if wrong && !errors.Is(err, objectstore.ErrWrongContent) && !errors.Is(err, upload.ErrNone) {
			w.t.Fatalf("call %d (after: %v): %v, before: %v", n, after, err, first)
		}
	}
	if got := w.served(o.OID); (got == content) == wrong && size > 0 {
		w.t.Fatalf("call %d (after: %v): served %d bytes", n, after, len(got))
	}
	return dead.N > 0
}

// TestFinishersTogether: several replicas finish one upload at once.
func TestFinishersTogether(t *testing.T) {
	w := newWorld(t)
	for round := range 8 {
		wrong := round%2 == 1
		content := random(200_000)
		o := order(content)
		u, err := server(w.s3, objectstore.MaxPartSize).Begin(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		sent := content
		if wrong {
			sent = random(len(content))
		}
		w.putAll(u, sent)
		var group sync.WaitGroup
		errs := make([]error, 4)
		for i := range errs {
			group.Go(func() {
				_, errs[i] = server(w.s3, objectstore.MaxPartSize).Finish(t.Context(), upload.Target{OID: o.OID, Size: o.Size, Ref: u.Ref})
			})
		}
		group.Wait()
		good := 0
		for _, err := range errs {
			var busy *batch.BusyError
			switch {
			case err == nil:
				good++
			case errors.As(err, &busy), errors.Is(err, upload.ErrNone), wrong && errors.Is(err, objectstore.ErrWrongContent):
			default:
				t.Errorf("round %d: %v", round, err)
			}
		}
		got := w.served(o.OID)
		if wrong && (good > 0 || got != "") || !wrong && (good == 0 || got != content) {
			t.Errorf("round %d: %d successes, %d bytes served: %v", round, good, len(got), errs)
		}
	}
}

// TestResume: which upload a batch gets.
func TestResume(t *testing.T) {
	w := newWorld(t)
	s := server(w.s3, objectstore.MaxPartSize)
	content := random(2*objectstore.MinPartSize + 1)
	o := order(content)
	begin := func(o upload.Order) *upload.Upload {
		t.Helper()
		u, err := s.Begin(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		return u
	}
	first := begin(o)
	w.put(first, 1, content[:100]) // cut off
	if got := begin(o); got.ID != first.ID || len(got.Done) != 0 {
		t.Errorf("a short part counts: %+v", got.Done)
	}
	w.put(first, 1, content[:o.PartSize])
	o.PartSize *= 2 // the configuration has changed
	if got := begin(o); got.ID != first.ID || len(got.Done) != 1 || got.PartSize != first.PartSize {
		t.Errorf("not resumed: %+v", got.Register)
	}
	other := o
	other.Client = "c2"
	if got := begin(other); got.ID == first.ID {
		t.Error("another principal gets the same upload")
	}
	other = o
	other.Size--
	if got := begin(other); got.ID == first.ID {
		t.Error("another size gets the same upload")
	}
	if _, err := s.Finish(t.Context(), upload.Target{OID: o.OID, Size: o.Size, Ref: first.Ref}); !errors.Is(err, upload.ErrNone) {
		t.Errorf("an upload that was replaced: %v", err)
	}
	// Assembled and not proven: what a killed server leaves.
	o = order(random(1000))
	u := begin(o)
	w.put(u, 1, random(1000))
	parts, err := w.s3.ListParts(t.Context(), prefix.Staging(u.ID), u.UploadID)
	if err == nil {
		err = w.s3.Complete(t.Context(), prefix.Staging(u.ID), u.UploadID, parts)
	}
	if err != nil {
		t.Fatal(err)
	}
	if status := w.put(u, 1, random(1000)); status < 300 {
		t.Errorf("a link of a completed upload still writes: %d", status)
	}
	if got := begin(o); got.ID != u.ID || !got.Assembled {
		t.Errorf("not resumed: %+v", got)
	}
	o.Fresh = true
	if got := begin(o); got.ID == u.ID || got.Assembled {
		t.Errorf("a client that cannot resume gets an upload without parts: %+v", got)
	}
}

// TestBeginTogether: batches of one client at the same time agree on an upload.
func TestBeginTogether(t *testing.T) {
	w := newWorld(t)
	o := order(random(1000))
	var group sync.WaitGroup
	ids := make([]string, 8)
	for i := range ids {
		group.Go(func() {
			u, err := server(w.s3, objectstore.MaxPartSize).Begin(t.Context(), o)
			if err != nil {
				ids[i] = fmt.Sprint(err)
				return
			}
			ids[i] = u.ID
		})
	}
	group.Wait()
	for _, id := range ids {
		if id != ids[0] {
			t.Errorf("different uploads: %q", ids)
			break
		}
	}
}

// TestSweep: what nobody has touched for long goes, with its parts; a final object
// never does.
func TestSweep(t *testing.T) {
	w := newWorld(t)
	s := server(w.s3, objectstore.MaxPartSize)
	content := random(1000)
	u, err := s.Begin(t.Context(), order(content))
	if err != nil {
		t.Fatal(err)
	}
	w.putAll(u, content)
	final := random(500)
	done, err := s.Begin(t.Context(), order(final))
	if err != nil {
		t.Fatal(err)
	}
	w.putAll(done, final)
	if _, err := s.Finish(t.Context(), upload.Target{OID: oidOf(final), Size: int64(len(final)), Ref: done.Ref}); err != nil {
		t.Fatal(err)
	}
	if uploads, staged := w.sweep(time.Hour); uploads+staged != 0 {
		t.Errorf("young, and swept: %d uploads, %d objects", uploads, staged)
	}
	if _, err := w.s3.Put(t.Context(), prefix.Staging("left"), strings.NewReader("x"), 1, objectstore.Condition{}); err != nil {
		t.Fatal(err)
	}
	if uploads, staged := w.sweep(-time.Minute); uploads != 1 || staged != 1 {
		t.Errorf("swept %d uploads, %d objects", uploads, staged)
	}
	if _, err := w.s3.ListParts(t.Context(), prefix.Staging(u.ID), u.UploadID); !errors.Is(err, objectstore.ErrNotFound) {
		t.Errorf("its parts: %v", err)
	}
	if left := w.left(); len(left) > 0 || w.served(oidOf(final)) != final {
		t.Errorf("left: %q", left)
	}
}

// index is garbage collection's view of all objects; the zero value has no plans.
type index struct {
	state   batch.State
	rescued *int
}

func (i index) Generation() string                              { return "1" }
func (i index) Begin(context.Context) (batch.View, error)       { return i, nil }
func (i index) State(string) batch.State                        { return i.state }
func (i index) Rescue(context.Context, string) error            { *i.rescued++; return nil }
func (index) Tombstone(context.Context, string) (string, error) { return "", nil }

// TestFinishAndGC: an object that is being deleted is not written, and one that is
// condemned is marked before.
func TestFinishAndGC(t *testing.T) {
	w := newWorld(t)
	content := random(1000)
	o := order(content)
	u, err := server(w.s3, objectstore.MaxPartSize).Begin(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	w.putAll(u, content)
	finish := func(state batch.State) (int, error) {
		s := server(w.s3, objectstore.MaxPartSize)
		rescued := 0
		s.Guard = index{state: state, rescued: &rescued}
		_, err := s.Finish(t.Context(), upload.Target{OID: o.OID, Size: o.Size, Ref: u.Ref})
		return rescued, err
	}
	var busy *batch.BusyError
	if _, err := finish(batch.Deleting); !errors.As(err, &busy) || w.served(o.OID) != "" {
		t.Errorf("deleting: %v", err)
	}
	if rescued, err := finish(batch.Condemned); err != nil || rescued == 0 {
		t.Errorf("condemned: %d markers, %v", rescued, err)
	}
	if _, err := finish(batch.Deleting); !errors.As(err, &busy) {
		t.Errorf("there and deleting: %v", err)
	}
}

// BenchmarkPresign10000 measures what the largest upload costs a batch.
func BenchmarkPresign10000(b *testing.B) {
	e, err := objectstore.ParseEndpoint("https://s3.example.com", "eu-1", "bucket", false)
	if err != nil {
		b.Fatal(err)
	}
	signer := objectstore.NewURLSigner(e, objectstore.Credentials{AccessKeyID: "AKIA", SecretAccessKey: "secret"}, time.Now)
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		links, err := signer.PresignParts("some/prefix/staging/abcdefghijklmnopqrstuvwxyz", "an-upload-id-of-some-length-0123456789", time.Hour)
		if err != nil {
			b.Fatal(err)
		}
		for n := 1; n <= objectstore.MaxParts; n++ {
			buf = links.Append(buf[:0], n)
		}
	}
}
