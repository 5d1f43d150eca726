package lfsserver_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver/lfstest"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/stream"
	"github.com/lfs-operator/lfs-operator/test/assets"
)

// tusScript uploads a file to a link, as an application of tus-js-client would.
const tusScript = `
const {Upload} = require("tus-js-client");
const {createReadStream, statSync} = require("node:fs");
const [file, uploadUrl, chunkSize] = process.argv.slice(2);
new Upload(createReadStream(file), {
  uploadUrl, uploadSize: statSync(file).size, chunkSize: Number(chunkSize) || Infinity, retryDelays: [0, 0, 0],
  onError: e => { console.error(e); process.exit(1) },
  onSuccess: () => console.log("done"),
}).start();`

// TestTusClientsNPM: tus-js-client itself resumes after a connection that broke, in
// one request or in chunks, and what it has uploaded is there without verify.
func TestTusClientsNPM(t *testing.T) {
	modules := assets.NodeModules(t)
	s := startSplitting(t, "Auto")
	for name, tc := range map[string]struct {
		chunk, intact int
		after, offset int64
	}{
		// What had not become a part is lost (package stream): more than one, then.
		"one request": {after: stream.PartSize + 1<<20, offset: stream.PartSize},
		"chunks":      {chunk: 6 << 20, intact: 1, after: 1 << 20, offset: 6 << 20},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			c := content(stream.PartSize + 8<<20 + 12)
			link := tusLink(t, s, lfstest.ObjectOf(c)).Upload.Href
			way := startBrokenWay(t, s, tc.intact, tc.after, func() { waitOffset(t, s, tc.offset) })
			for file, text := range map[string]string{"upload.cjs": tusScript, "large.bin": c} {
				if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.Symlink(modules, filepath.Join(dir, "node_modules")); err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command("node", "upload.cjs", "large.bin", strings.Replace(link, s.URL, way.URL, 1), fmt.Sprint(tc.chunk))
			cmd.Dir = dir
			if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "done") {
				t.Fatalf("%v: %s", err, out)
			}
			if s.Download(lfstest.ObjectOf(c)) != c {
				t.Error("not what was uploaded")
			}
			if from, _ := way.resumed.Load().(string); from != fmt.Sprint(tc.offset) {
				t.Errorf("the request after the broken one began at %q, want %d", from, tc.offset)
			}
		})
	}
}

// brokenWay leads to a server, and breaks one PATCH.
type brokenWay struct {
	*httptest.Server
	intact atomic.Int64
	broken atomic.Bool
	// resumed is the Upload-Offset of the first PATCH after that.
	resumed atomic.Value
}

// startBrokenWay lets so many PATCHes through, and breaks the next after so many
// bytes, once before is through.
func startBrokenWay(t *testing.T, s *lfstest.Server, intact int, after int64, before func()) *brokenWay {
	t.Helper()
	target := mustParse(t, s.URL)
	w := &brokenWay{}
	w.intact.Store(int64(intact))
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Host = target.Host
		},
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}
	w.Server = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method != http.MethodPatch || w.intact.Add(-1) >= 0:
		case w.broken.CompareAndSwap(false, true):
			r.Body = io.NopCloser(io.MultiReader(io.LimitReader(r.Body, after), brokenReader{before}))
		default:
			w.resumed.CompareAndSwap(nil, r.Header.Get("Upload-Offset"))
		}
		proxy.ServeHTTP(rw, r)
	}))
	t.Cleanup(w.Close)
	return w
}

// brokenReader is the end of a body whose sender has gone.
type brokenReader struct{ before func() }

func (b brokenReader) Read([]byte) (int, error) {
	b.before()
	return 0, errors.New("broken")
}

// waitOffset waits until the register of an upload has got that far, without asking
// the server: that would end the request that is under way.
func waitOffset(t *testing.T, s *lfstest.Server, offset int64) {
	bucket, registers := bucketOf(t, s), s.Config.Storage.Prefix+"meta/streams/"
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		for info, err := range bucket.List(t.Context(), registers, "") {
			if err != nil {
				t.Error(err)
				return
			}
			var register stream.Register
			if body, _, err := bucket.Get(t.Context(), info.Key, ""); err == nil {
				err = json.NewDecoder(body).Decode(&register)
				body.Close()
				if err == nil && register.Offset >= offset {
					return
				}
			}
		}
	}
	t.Errorf("no upload has got to %d", offset)
}
