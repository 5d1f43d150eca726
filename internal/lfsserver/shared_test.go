package lfsserver_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/lfstest"
	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
	"github.com/lfs-operator/lfs-operator/internal/serverstatus"
	"github.com/lfs-operator/lfs-operator/test/assets"
)

// TestSharedApart: two repositories of one process and one bucket know nothing of
// each other: no token, link or OID of one is good for the other.
func TestSharedApart(t *testing.T) {
	t.Parallel()
	s := lfstest.StartShared(t, assets.SharedStore(t), nil)
	a := s.Add("team-a", "models")
	b := s.Add("team-b", "models", func(c *serverconfig.Config) { c.Storage.Bucket = a.Config.Storage.Bucket })
	x := b.Upload("what B alone may read")
	if got := b.Download(x); got != "what B alone may read" {
		t.Errorf("B reads %q", got)
	}
	if answer := a.Batch("download", x)[0]; answer.Error == nil || answer.Error.Code != http.StatusNotFound {
		t.Errorf("A's answer about B's object: %+v", answer)
	}
	up := a.Batch("upload", x)[0]
	if up.Actions == nil {
		t.Fatal("B's object is called present at A's")
	}
	ask := func(what, method, url, authorization string, body any, want ...int) {
		t.Helper()
		status := statusOf(t, method, url, authorization, body)
		for _, w := range want {
			if status == w {
				return
			}
		}
		t.Errorf("%s: %d, want %v", what, status, want)
	}
	batch := map[string]any{"operation": "download", "transfers": []string{"basic"}, "objects": []lfstest.Object{x}}
	for _, secret := range []string{a.Token, a.StatusToken, "scan-" + a.Config.Repository.UID} {
		ask("A's secret at B's batch", "POST", b.Root()+"/objects/batch", lfstest.Basic(secret), batch, 401)
		ask("A's secret at B's locks", "GET", b.Root()+"/locks", lfstest.Basic(secret), nil, 401)
	}
	verify := up.Actions["verify"]
	ask("A's link at B's", "POST", strings.Replace(verify.Href, "/team-a/", "/team-b/", 1), verify.Header["Authorization"], x, 401)
	ask("B's token at the admin port", "GET", s.Admin+serverstatus.Path, "Bearer "+b.Token, nil, 401)
	ask("nobody at the admin port", "GET", s.Admin+serverstatus.Path, "", nil, 401)
	ask("a scan with the token of the status", "PUT", s.Admin+serverstatus.ScanPath+"run", "Bearer "+b.StatusToken, nil, 401)
	ask("metrics on the admin port", "GET", s.Admin+"/metrics", "", nil, 401, 404)
	ask("a repository that is none", "POST", s.URL+"/team-c/models.git/info/lfs/objects/batch", lfstest.Basic(a.Token), batch, 404)

	// A lock of one is no lock of the other.
	lock := map[string]any{"path": "model.bin"}
	ask("A locks", "POST", a.Root()+"/locks", lfstest.Basic(a.Token), lock, 201)
	ask("B locks the same", "POST", b.Root()+"/locks", lfstest.Basic(b.Token), lock, 201)
	ask("A locks again", "POST", a.Root()+"/locks", lfstest.Basic(a.Token), lock, 409)
	if one, other := a.Status(), b.Status(); one.Config.Hash == other.Config.Hash {
		t.Errorf("both say that they have loaded %s", one.Config.Hash)
	}
}

// TestSharedRoutes: each of a repository's paths leads to it, in one process with
// others that are named as what stands before a repository.
func TestSharedRoutes(t *testing.T) {
	t.Parallel()
	s := lfstest.StartShared(t, assets.SharedStore(t), nil)
	plain, odd := s.Add("team-a", "models"), s.Add("models", "team-a")
	for path, m := range map[string]*lfstest.Server{
		"/team-a/models.git/info/lfs/objects/batch":                plain,
		"/team-a/models/info/lfs/objects/batch":                    plain,
		"/team-a/models/objects/batch":                             plain,
		"/api/team-a/models.git/info/lfs/objects/batch":            plain,
		"/models/team-a/models.git/info/lfs/objects/batch":         plain,
		"/api/datasets/team-a/models/info/lfs/objects/batch":       plain,
		"/models/team-a.git/info/lfs/objects/batch":                odd,
		"/models/team-a/objects/batch":                             odd,
		"/api/models/models/team-a.git/info/lfs/objects/batch":     nil, // ambiguous: nobody's
		"/spaces/models/team-a.git/info/lfs/objects/batch":         odd,
		"/team-a/models2/info/lfs/objects/batch":                   nil,
		"/team-a/models.git/info/lfs/objects/batch/team-b/models/": nil,
	} {
		for _, other := range []*lfstest.Server{plain, odd} {
			want := 401
			switch {
			case m == nil:
				continue
			case m == other:
				want = 200
			}
			if got := statusOf(t, "POST", s.URL+path, lfstest.Basic(other.Token), []byte(`{"operation":"download","objects":[]}`)); got != want {
				t.Errorf("%s with the token of %s: %d, want %d", path, other.Config.Repository.Namespace, got, want)
			}
		}
		if m == nil {
			if got := statusOf(t, "POST", s.URL+path, "", nil); got != 404 && got != 401 {
				t.Errorf("%s: %d, want 404 or 401", path, got)
			}
		}
	}
}

// TestSharedBadNeighbour: a configuration that cannot be used says so, and nobody
// else notices; mended it is served, spoilt again it goes on as before.
func TestSharedBadNeighbour(t *testing.T) {
	t.Parallel()
	s := lfstest.StartShared(t, assets.SharedStore(t), nil)
	good := s.Add("team-a", "models")
	bad := s.Member("team-b", "models", func(c *serverconfig.Config) { c.Storage.Endpoint = "nowhere" })
	bad.Begin()
	s.WriteFile("repositories/garbage.yaml", "{")
	s.Eventually("the bad one says why", func() (bool, string) {
		if !bad.Serves() {
			return false, "no status"
		}
		st := bad.Status()
		return strings.Contains(st.Config.Error, "storage") && !st.Store.Ready, st.Config.Error
	})
	if got := statusOf(t, "POST", bad.Root()+"/objects/batch", lfstest.Basic(bad.Token), []byte(`{}`)); got != http.StatusTooManyRequests {
		t.Errorf("a batch to the bad one: %d, want 429", got)
	}
	good.Upload("beside a bad one")
	bad.Reconfigure(func(c *serverconfig.Config) { c.Storage.Endpoint = s.Store.Endpoint })
	bad.WaitReady()
	hash := bad.Status().Config.Hash
	s.WriteFile("repositories/"+bad.Config.Repository.UID+".yaml", "{")
	s.Eventually("the mistake is told", func() (bool, string) {
		st := bad.Status()
		return st.Config.Error != "" && st.Config.Hash == hash, st.Config.Error
	})
	bad.Upload("by the configuration before")
}

// TestSharedComeAndGo: repositories come and go without a restart. A transfer that
// is under way ends well, late clients are told to come back by another connection,
// and the name can be given to another repository at once.
func TestSharedComeAndGo(t *testing.T) {
	t.Parallel()
	s := lfstest.StartShared(t, assets.SharedStore(t), func(o *lfsserver.Options) { o.DrainTimeout = 2 * time.Minute })
	stays, goes := s.Add("team-a", "models"), s.Add("team-b", "models", func(c *serverconfig.Config) { c.Transfer = serverconfig.TransferProxy })
	half := strings.Repeat("slow ", 100_000) // longer than what is buffered on the way
	o := lfstest.ObjectOf(half + half)
	up := goes.Batch("upload", o)[0].Actions
	r, w := io.Pipe()
	done := make(chan int, 1)
	go func() { done <- goes.Put(up["upload"], r, o.Size) }()
	if _, err := io.WriteString(w, half); err != nil {
		t.Fatal(err)
	}
	goes.Leave()
	s.Eventually("it begins to leave", func() (bool, string) { return strings.Contains(s.Log.String(), "repository leaves"), "" })
	stays.Upload("while another leaves")
	if _, err := io.WriteString(w, half); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if got := <-done; got != http.StatusOK {
		t.Errorf("the transfer under way: %d", got)
	}
	s.Eventually("it is gone", func() (bool, string) { return !goes.Serves(), "it still answers" })
	resp, _ := goes.Post(goes.Root()+"/objects/batch", lfstest.Basic(goes.Token), []byte(`{"operation":"download","objects":[]}`))
	if resp.StatusCode != http.StatusTooManyRequests || !resp.Close {
		t.Errorf("a late client: %s, connection closed: %t", resp.Status, resp.Close)
	}
	again := s.Add("team-b", "models", func(c *serverconfig.Config) { c.Storage.Bucket = goes.Config.Storage.Bucket })
	if answer := again.Batch("download", o)[0]; answer.Error == nil {
		t.Error("a repository of the same name inherits an object")
	}
	if !strings.Contains(s.Log.String(), `"repository":"team-b/models"`) {
		t.Error("the log does not name repositories")
	}
}

// TestSharedLikeOwn: a server of its own and a shared one serve the same repository
// side by side, and take each other's links: a repository can be moved under way.
func TestSharedLikeOwn(t *testing.T) {
	t.Parallel()
	s := lfstest.StartShared(t, assets.SharedStore(t), nil)
	shared := s.Add("team-a", "models")
	c := shared.Config
	own := lfstest.Start(t, s.Store, lfstest.WithConfig(func(mine *serverconfig.Config) {
		mine.Repository, mine.Storage, mine.Access = c.Repository, c.Storage, c.Access
	}))
	own.Token = shared.Token
	o := lfstest.ObjectOf("begun at one, ended at the other")
	for _, way := range []struct{ from, to *lfstest.Server }{{own, shared}, {shared, own}} {
		o := lfstest.ObjectOf(o.OID + way.from.URL)
		up := way.from.Batch("upload", o)[0].Actions
		if status := way.from.Put(up["upload"], strings.NewReader(lfstest.ObjectOf("begun at one, ended at the other").OID+way.from.URL), o.Size); status != http.StatusOK {
			t.Fatalf("upload: %d", status)
		}
		if got := statusOf(t, "POST", way.to.Root()+"/verify", up["verify"].Header["Authorization"], o); got != http.StatusOK {
			t.Errorf("verify at the other: %d", got)
		}
	}
}

// TestSharedMetrics: each repository's metrics bear its name, and go with it.
func TestSharedMetrics(t *testing.T) {
	t.Parallel()
	s := lfstest.StartShared(t, assets.SharedStore(t), nil)
	a, b := s.Add("team-a", "models"), s.Add("team-b", "data")
	a.Upload("counted")
	shows := func(what string) bool {
		resp, err := http.Get(s.Metrics + "/metrics")
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("%s %v: %s", resp.Status, err, body)
		}
		return strings.Contains(string(body), what)
	}
	for _, want := range []string{
		`lfs_server_store_ready{repository="team-b/data"} 1`, `lfs_server_batches_total{dialect="basic",operation="upload",repository="team-a/models"} 1`,
		"lfs_server_build_info{", "go_goroutines ",
	} {
		if !shows(want) {
			t.Errorf("metrics lack %s", want)
		}
	}
	b.Leave()
	s.Eventually("b's metrics go", func() (bool, string) { return !shows("team-b/data"), "" })
}

// TestSharedStart: without its folder there is nothing to serve; with an unknown key
// a repository says that its own cannot be opened.
func TestSharedStart(t *testing.T) {
	t.Parallel()
	o := lfsserver.Options{RepositoriesDir: filepath.Join(t.TempDir(), "nowhere"), Listen: "127.0.0.1:0", AdminListen: "127.0.0.1:0", MetricsListen: "127.0.0.1:0"}
	if _, err := lfsserver.NewShared(o); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without a folder: %v", err)
	}
	s := lfstest.StartShared(t, assets.SharedStore(t), nil)
	m := s.Member("team-a", "models", func(c *serverconfig.Config) { c.SigningKeys[0] = s.Seal("another UID") })
	m.Begin()
	s.Eventually("it is served", func() (bool, string) { return m.Serves(), "" })
	m.WaitReason(serverstatus.ReasonSigningKeysMissing)
	m.Reconfigure(func(c *serverconfig.Config) { c.SigningKeys[0] = s.Seal(c.Repository.UID) })
	m.WaitReady()
}

// statusOf sends a request and returns the status of its answer.
func statusOf(t *testing.T, method, url, authorization string, body any) int {
	t.Helper()
	raw, ok := body.([]byte)
	if !ok && body != nil {
		var err error
		if raw, err = json.Marshal(body); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(string(raw)))
	if err != nil {
		t.Fatal(err)
	}
	if authorization != "" {
		req.Header.Set("Authorization", authorization)
	}
	resp, _ := do(t, req)
	return resp.StatusCode
}
