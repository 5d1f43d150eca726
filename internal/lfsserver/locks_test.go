package lfsserver_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/lfstest"
	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
	"github.com/lfs-operator/lfs-operator/internal/serverstatus"
	"github.com/lfs-operator/lfs-operator/test/assets"
)

// twoWriters: tokens "writer" and "other" may push.
func twoWriters(c *serverconfig.Config) {
	other := c.Access.Tokens[0]
	other.Name, other.SHA256 = "other", serverconfig.TokenHash(otherToken)
	c.Access.Tokens = append(c.Access.Tokens, other)
}

// lock as a client reads it.
type lock struct {
	ID       string `json:"id"`
	Path     string `json:"path"`
	LockedAt string `json:"locked_at"`
	Owner    *struct {
		Name string `json:"name"`
	} `json:"owner"`
}

// lockAnswer is any answer about locks.
type lockAnswer struct {
	Lock   *lock   `json:"lock"`
	Locks  *[]lock `json:"locks"`
	Ours   *[]lock `json:"ours"`
	Theirs *[]lock `json:"theirs"`
	Next   string  `json:"next_cursor"`

	Message   string `json:"message"`
	RequestID string `json:"request_id"`
}

func askLocks(t *testing.T, s *lfstest.Server, method, path, token string, body any) (int, lockAnswer) {
	t.Helper()
	authorization := ""
	if token != "" {
		authorization = lfstest.Basic(token)
	}
	resp, raw := send(t, method, s.Root()+path, agentGit, authorization, body)
	var a lockAnswer
	if err := json.Unmarshal(raw, &a); err != nil {
		t.Fatalf("%s %s: %s: %s", method, path, resp.Status, raw)
	}
	return resp.StatusCode, a
}

func paths(locks *[]lock) (out []string) {
	if locks == nil {
		return []string{"null"}
	}
	for _, l := range *locks {
		out = append(out, l.Path)
	}
	slices.Sort(out)
	return out
}

// TestLockAPI goes once through all of it, each request to the other server.
func TestLockAPI(t *testing.T) {
	t.Parallel()
	a := lfstest.Start(t, assets.SharedStore(t), lfstest.WithConfig(twoWriters))
	b := replicaOf(t, a)
	if status, got := askLocks(t, a, "GET", "/locks", lfstest.ReadToken, nil); status != 200 || got.Locks == nil || len(*got.Locks) > 0 {
		t.Errorf("no locks: %d %+v", status, got)
	}
	ref := map[string]string{"name": "refs/heads/main"}
	status, made := askLocks(t, a, "POST", "/locks", lfstest.WriteToken, map[string]any{"path": "dir/a.bin", "ref": ref})
	if status != 201 || made.Lock == nil || made.Lock.Path != "dir/a.bin" || made.Lock.Owner.Name != "token:writer" ||
		made.Lock.ID == "" || made.Lock.ID != url.PathEscape(made.Lock.ID) || !strings.HasSuffix(made.Lock.LockedAt, "Z") {
		t.Fatalf("lock: %d %+v", status, made)
	}
	for _, token := range []string{otherToken, lfstest.WriteToken} {
		status, again := askLocks(t, b, "POST", "/locks", token, map[string]any{"path": "./dir/a.bin", "ref": nil})
		if status != 409 || again.Lock == nil || again.Lock.ID != made.Lock.ID || !strings.Contains(again.Message, "token:writer") || again.RequestID == "" {
			t.Errorf("locked again: %d %+v", status, again)
		}
	}
	if status, got := askLocks(t, b, "POST", "/locks", otherToken, map[string]any{"path": "b.bin", "ref": "main"}); status != 201 || got.Lock.Owner.Name != "token:other" {
		t.Errorf("another path: %d %+v", status, got)
	}
	for query, want := range map[string][]string{
		"": {"b.bin", "dir/a.bin"}, "?path=b.bin": {"b.bin"}, "?path=c.bin": nil, "?id=" + made.Lock.ID: {"dir/a.bin"},
		"?id=nonsense": nil, "?path=dir/a.bin&refspec=refs/heads/other": {"dir/a.bin"}, "?limit=1000000": {"b.bin", "dir/a.bin"},
	} {
		if status, got := askLocks(t, b, "GET", "/locks"+query, lfstest.ReadToken, nil); status != 200 || !slices.Equal(paths(got.Locks), want) {
			t.Errorf("list %q: %d %v, want %v", query, status, paths(got.Locks), want)
		}
	}
	status, mine := askLocks(t, b, "POST", "/locks/verify", lfstest.WriteToken, map[string]any{"ref": map[string]string{"name": "refs/heads/other"}})
	if status != 200 || !slices.Equal(paths(mine.Ours), []string{"dir/a.bin"}) || !slices.Equal(paths(mine.Theirs), []string{"b.bin"}) {
		t.Errorf("verify: %d %+v", status, mine)
	}
	unlock := "/locks/" + made.Lock.ID + "/unlock"
	if status, got := askLocks(t, b, "POST", unlock, otherToken, map[string]any{}); status != 403 || !strings.Contains(got.Message, "token:writer") {
		t.Errorf("another's lock: %d %+v", status, got)
	}
	if status, got := askLocks(t, b, "POST", unlock, otherToken, map[string]any{"force": true}); status != 200 || got.Lock == nil || got.Lock.ID != made.Lock.ID {
		t.Errorf("by force: %d %+v", status, got)
	}
	if status, got := askLocks(t, a, "GET", "/locks", lfstest.ReadToken, nil); status != 200 || !slices.Equal(paths(got.Locks), []string{"b.bin"}) {
		t.Errorf("after that: %d %v", status, paths(got.Locks))
	}
	// Nothing of it is seen from another repository, which knows path and ID.
	c := lfstest.Start(t, a.Store)
	if status, got := askLocks(t, c, "GET", "/locks", lfstest.ReadToken, nil); status != 200 || len(*got.Locks) > 0 {
		t.Errorf("another repository lists: %d %v", status, paths(got.Locks))
	}
	if status, _ := askLocks(t, c, "POST", "/locks", lfstest.WriteToken, map[string]any{"path": "b.bin"}); status != 201 {
		t.Errorf("another repository locks: %d", status)
	}
}

// TestLockPages: pages are followed by their cursors, in both forms of a list.
func TestLockPages(t *testing.T) {
	t.Parallel()
	s := lfstest.Start(t, assets.SharedStore(t), lfstest.WithConfig(twoWriters))
	var want []string
	for i := range 11 {
		want = append(want, fmt.Sprintf("%02d.bin", i))
		token := []string{lfstest.WriteToken, otherToken}[i%2]
		if status, _ := askLocks(t, s, "POST", "/locks", token, map[string]any{"path": want[i]}); status != 201 {
			t.Fatal(status)
		}
	}
	var listed, verified []string
	for cursor, first := "", true; first || cursor != ""; first = false {
		_, got := askLocks(t, s, "GET", "/locks?limit=3&cursor="+url.QueryEscape(cursor), lfstest.ReadToken, nil)
		listed, cursor = append(listed, paths(got.Locks)...), got.Next
	}
	for cursor, first := "", true; first || cursor != ""; first = false {
		_, got := askLocks(t, s, "POST", "/locks/verify", otherToken, map[string]any{"cursor": cursor, "limit": 4})
		if len(*got.Ours)+len(*got.Theirs) > 4 {
			t.Errorf("a page of %d and %d", len(*got.Ours), len(*got.Theirs))
		}
		verified, cursor = append(append(verified, paths(got.Ours)...), paths(got.Theirs)...), got.Next
	}
	for _, got := range [][]string{listed, verified} {
		if slices.Sort(got); !slices.Equal(got, want) {
			t.Errorf("%v, want %v", got, want)
		}
	}
}

func TestLockBadInput(t *testing.T) {
	t.Parallel()
	s := lfstest.Start(t, assets.SharedStore(t))
	open := lfstest.Start(t, s.Store, lfstest.WithConfig(func(c *serverconfig.Config) { c.Access.AnonymousRead = true }))
	const none = "/locks/00000000000000000000000000000000-aaaaaaaaaaaaa/unlock"
	good := map[string]any{"path": "a.bin"}
	for name, tc := range map[string]struct {
		server       *lfstest.Server
		method, path string
		token        string
		body         any
		status       int
		want         string
	}{
		"no path":                     {s, "POST", "/locks", lfstest.WriteToken, map[string]any{}, 422, "path"},
		"an absolute path":            {s, "POST", "/locks", lfstest.WriteToken, map[string]any{"path": "/etc/passwd"}, 422, "relative"},
		"a path that goes up":         {s, "POST", "/locks", lfstest.WriteToken, map[string]any{"path": "a/../../b"}, 422, ".."},
		"a folder":                    {s, "POST", "/locks", lfstest.WriteToken, map[string]any{"path": "a/"}, 422, "folder"},
		"a long path":                 {s, "POST", "/locks", lfstest.WriteToken, map[string]any{"path": strings.Repeat("x", 5000)}, 422, "4096"},
		"a path with an escape":       {s, "POST", "/locks", lfstest.WriteToken, map[string]any{"path": "\x1b[2J"}, 422, "control"},
		"a path that is a number":     {s, "POST", "/locks", lfstest.WriteToken, map[string]any{"path": 1}, 400, "path"},
		"no JSON":                     {s, "POST", "/locks", lfstest.WriteToken, "x", 400, "cannot be used"},
		"an empty body":               {s, "POST", "/locks", lfstest.WriteToken, nil, 422, "path"},
		"a body without end":          {s, "POST", "/locks", lfstest.WriteToken, `{"path":"` + strings.Repeat("x", 100_000), 413, "too large"},
		"a long ref":                  {s, "POST", "/locks", lfstest.WriteToken, map[string]any{"path": "a", "ref": strings.Repeat("x", 2000)}, 422, "ref"},
		"lock with a read token":      {s, "POST", "/locks", lfstest.ReadToken, good, 403, ""},
		"lock without credentials":    {s, "POST", "/locks", "", good, 401, ""},
		"lock, anonymous may read":    {open, "POST", "/locks", "", good, 401, ""},
		"list, anonymous may read":    {open, "GET", "/locks", "", nil, 200, ""},
		"verify, anonymous may read":  {open, "POST", "/locks/verify", "", good, 401, ""},
		"list without credentials":    {s, "GET", "/locks", "", nil, 401, ""},
		"list, bad cursor":            {s, "GET", "/locks?cursor=../x", lfstest.ReadToken, nil, 422, "cursor"},
		"list, limit is no number":    {s, "GET", "/locks?limit=x", lfstest.ReadToken, nil, 422, "limit"},
		"list, negative limit":        {s, "GET", "/locks?limit=-1", lfstest.ReadToken, nil, 422, "limit"},
		"list, bad path":              {s, "GET", "/locks?path=../x", lfstest.ReadToken, nil, 422, ".."},
		"verify with a read token":    {s, "POST", "/locks/verify", lfstest.ReadToken, good, 403, ""},
		"verify, bad cursor":          {s, "POST", "/locks/verify", lfstest.WriteToken, map[string]any{"cursor": "x"}, 422, "cursor"},
		"verify, negative limit":      {s, "POST", "/locks/verify", lfstest.WriteToken, map[string]any{"limit": -1}, 422, "limit"},
		"verify, empty body":          {s, "POST", "/locks/verify", lfstest.WriteToken, nil, 200, ""},
		"verify by GET":               {s, "GET", "/locks/verify", lfstest.WriteToken, nil, 405, ""},
		"unlock of nothing":           {s, "POST", none, lfstest.WriteToken, map[string]any{}, 404, "no such lock"},
		"unlock of nonsense":          {s, "POST", "/locks/..%2f..%2fowner.json/unlock", lfstest.WriteToken, map[string]any{"force": true}, 404, ""},
		"unlock with a read token":    {s, "POST", none, lfstest.ReadToken, map[string]any{}, 403, ""},
		"unlock without a last word":  {s, "POST", "/locks/00000000000000000000000000000000-aaaaaaaaaaaaa", lfstest.WriteToken, nil, 404, "not found"},
		"lock by PUT":                 {s, "PUT", "/locks", lfstest.WriteToken, good, 405, ""},
		"a force that is no boolean":  {s, "POST", none, lfstest.WriteToken, map[string]any{"force": "yes"}, 400, "force"},
		"list with an expired token":  {s, "GET", "/locks", lfstest.ExpiredToken, nil, 401, ""},
		"unlock with wrong token":     {s, "POST", none, "nonsense", map[string]any{}, 401, ""},
		"a lock that has a long name": {s, "POST", "/locks/" + strings.Repeat("a", 3000) + "/unlock", lfstest.WriteToken, map[string]any{}, 404, ""},
	} {
		t.Run(name, func(t *testing.T) {
			if status, got := askLocks(t, tc.server, tc.method, tc.path, tc.token, tc.body); status != tc.status || !strings.Contains(got.Message, tc.want) {
				t.Errorf("%d %q, want %d with %q", status, got.Message, tc.status, tc.want)
			}
		})
	}
	if _, got := askLocks(t, s, "GET", "/locks", lfstest.ReadToken, nil); len(*got.Locks) > 0 {
		t.Errorf("left: %v", paths(got.Locks))
	}
}

// TestLocksNeedConditions: where two writers could both win there are no locks,
// and git-lfs is told so in the way that it understands.
func TestLocksNeedConditions(t *testing.T) {
	t.Parallel()
	store := assets.SharedStore(t)
	s := lfstest.Start(t, store, lfstest.NotReady(), lfstest.WithConfig(func(c *serverconfig.Config) {
		c.Storage.Bucket = store.NewBucket(t)
		c.Storage.Endpoint = startLiar(t, store, bucketFor(t, store, c.Storage), ignoreConditions).URL
	}))
	s.WaitReason(serverstatus.ReasonStoreIncapable)
	if status, got := askLocks(t, s, "POST", "/locks", lfstest.WriteToken, map[string]any{"path": "a.bin"}); status != 501 || !strings.Contains(got.Message, "If-Match") {
		t.Errorf("%d %+v", status, got)
	}
	if status, _ := askLocks(t, s, "POST", "/locks/verify", lfstest.WriteToken, nil); status != 501 {
		t.Errorf("verify: %d", status)
	}
}

// TestLockRace: 24 clients on two servers, one winner, in the way that bars-access
// measures at length.
func TestLockRace(t *testing.T) {
	t.Parallel()
	a := lfstest.Start(t, assets.SharedStore(t), lfstest.WithConfig(twoWriters))
	servers := []*lfstest.Server{a, replicaOf(t, a)}
	for round := range 4 {
		var group sync.WaitGroup
		won := make(chan string, 24)
		for i := range cap(won) {
			group.Go(func() {
				token := []string{lfstest.WriteToken, otherToken}[i/2%2]
				if status, got := askLocks(t, servers[i%2], "POST", "/locks", token, map[string]any{"path": "a.bin"}); status == 201 {
					won <- got.Lock.ID
				} else if status != 409 {
					t.Errorf("%d: %s", status, got.Message)
				}
			})
		}
		group.Wait()
		if len(won) != 1 {
			t.Fatalf("round %d: %d winners", round, len(won))
		}
		if status, got := askLocks(t, servers[round%2], "POST", "/locks/"+<-won+"/unlock", lfstest.WriteToken, map[string]any{"force": true}); status != 200 {
			t.Fatalf("unlock: %d %s", status, got.Message)
		}
	}
}

// TestGitLocks: two people with git-lfs.
func TestGitLocks(t *testing.T) { byEachGitLFS(t, gitLocks) }

func gitLocks(t *testing.T, box *gitBox) {
	a := lfstest.Start(t, assets.SharedStore(t), lfstest.WithConfig(twoWriters))
	b := replicaOf(t, a)
	alice, bare := box.repository(a, lfstest.WriteToken)
	box.git(alice, "config", "lfs.locksverify", "true")
	box.git(alice, "lfs", "track", "--lockable", "*.bin")
	write(t, alice, "a.bin", "one")
	write(t, alice, "b.bin", "one")
	box.git(alice, "add", ".")
	box.git(alice, "commit", "-m", "one")
	box.git(alice, "push", "origin", "main")
	bob := filepath.Join(box.home, "bob")
	box.git(box.home, "clone", "-c", "lfs.url="+withToken(t, b.Root(), otherToken), "-c", "lfs.locksverify=true", bare, bob)

	box.git(alice, "lfs", "lock", "a.bin")
	if out, err := box.try(bob, "lfs", "lock", "a.bin"); err == nil || !strings.Contains(out, "token:writer") {
		t.Errorf("bob locks what alice has locked: %v\n%s", err, out)
	}
	box.git(bob, "lfs", "lock", "b.bin")
	if out := box.git(bob, "lfs", "locks", "--verify"); !strings.Contains(out, "O b.bin") || !strings.Contains(out, "  a.bin") {
		t.Errorf("bob's list:\n%s", out)
	}
	if out := box.git(alice, "lfs", "locks", "--path", "b.bin"); !strings.Contains(out, "token:other") || strings.Contains(out, "a.bin") {
		t.Errorf("alice's list:\n%s", out)
	}

	write(t, bob, "a.bin", "two, by bob")
	box.git(bob, "commit", "-am", "two")
	if out, err := box.try(bob, "push", "origin", "main"); err == nil || !strings.Contains(out, "locked by token:writer") && !strings.Contains(out, "a.bin - token:writer") {
		t.Errorf("bob pushes what alice has locked: %v\n%s", err, out)
	}
	if out, err := box.try(bob, "lfs", "unlock", "a.bin"); err == nil || !strings.Contains(out, "--force") {
		t.Errorf("bob unlocks alice's: %v\n%s", err, out)
	}
	box.git(bob, "lfs", "unlock", "--force", "a.bin")
	if out := box.git(bob, "push", "origin", "main"); strings.Contains(out, "Locking support") || strings.Contains(out, "does not support") {
		t.Errorf("bob's push:\n%s", out)
	}
	if out, err := box.try(alice, "lfs", "unlock", "a.bin"); err == nil {
		t.Errorf("alice unlocks what bob has broken:\n%s", out)
	}
	box.git(bob, "lfs", "unlock", "b.bin")
	if out := box.git(alice, "lfs", "locks"); strings.TrimSpace(out) != "" {
		t.Errorf("left:\n%s", out)
	}
	if strings.Contains(b.Log.String(), `"status":5`) {
		t.Error("an answer was a 5xx")
	}
}

// write replaces a file, which git-lfs may have made read-only.
func write(t *testing.T, dir, name, content string) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestLocksSurvive: a store that is away for a moment is waited for, since git-lfs
// asks only once; one that is away for longer is 429. Locks are there after it.
func TestLocksSurvive(t *testing.T) {
	t.Parallel()
	store := assets.StartStore(t)
	s := lfstest.Start(t, store)
	patient := lfstest.Start(t, store, lfstest.WithOptions(func(o *lfsserver.Options) { o.LockPatience = time.Minute }))
	if status, _ := askLocks(t, s, "POST", "/locks", lfstest.WriteToken, map[string]any{"path": "a.bin"}); status != 201 {
		t.Fatal(status)
	}
	store.Kill()
	patient.WaitReason(serverstatus.ReasonStoreUnreachable)
	waited := make(chan int, 1)
	go func() {
		status, _ := askLocks(t, patient, "POST", "/locks", lfstest.WriteToken, map[string]any{"path": "b.bin"})
		waited <- status
	}()
	resp, body := send(t, http.MethodGet, s.Root()+"/locks", agentGit, lfstest.Basic(lfstest.ReadToken), nil)
	if resp.StatusCode != 429 || resp.Header.Get("Retry-After") == "" {
		t.Errorf("without a store: %s: %s", resp.Status, body)
	}
	store.Restart(t)
	s.Eventually("the lock is listed", func() (bool, string) {
		status, got := askLocks(t, s, "GET", "/locks", lfstest.ReadToken, nil)
		return status == 200 && slices.Equal(paths(got.Locks), []string{"a.bin"}), fmt.Sprint(status, got.Message)
	})
	if status := <-waited; status != 201 {
		t.Errorf("a lock that was waited for: %d", status)
	}
}
