package lfsserver_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/gc/report"
	"github.com/lfs-operator/lfs-operator/internal/layout"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/lfstest"
	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
	"github.com/lfs-operator/lfs-operator/internal/serverstatus"
	"github.com/lfs-operator/lfs-operator/test/assets"
)

const adminToken = "lfs_admin-token-of-the-tests"

func withAdmin(c *serverconfig.Config) {
	c.Access.Tokens = append(c.Access.Tokens, serverconfig.Token{
		Name: "admin", Scope: serverconfig.ScopeAdmin, SHA256: serverconfig.TokenHash(adminToken),
	})
}

type gcReply struct {
	State   string                  `json:"state"`
	Message string                  `json:"message"`
	Request *serverstatus.GCRequest `json:"request"`
	Report  *report.Report          `json:"report"`
}

func askGC(t *testing.T, s *lfstest.Server, method, token string) (int, gcReply) {
	t.Helper()
	authorization := ""
	if token != "" {
		authorization = lfstest.Basic(token)
	}
	resp, raw := send(t, method, s.Root()+"/gc", "curl/8", authorization, nil)
	var a gcReply
	if err := json.Unmarshal(raw, &a); err != nil {
		t.Fatalf("%s: %s", resp.Status, raw)
	}
	return resp.StatusCode, a
}

// TestGCRequest: whoever may asks any server, every server tells the operator, and
// the report of a newer run answers it.
func TestGCRequest(t *testing.T) {
	t.Parallel()
	a := lfstest.Start(t, assets.SharedStore(t), lfstest.WithConfig(withAdmin))
	b := replicaOf(t, a)
	if status, got := askGC(t, a, http.MethodGet, adminToken); status != 200 || got.State != "None" || got.Request != nil || got.Report != nil {
		t.Errorf("before anything: %d %+v", status, got)
	}
	for token, want := range map[string]int{"": 401, lfstest.ReadToken: 403, lfstest.WriteToken: 403} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			if status, _ := askGC(t, a, method, token); status != want {
				t.Errorf("%s by %q: %d, want %d", method, token, status, want)
			}
		}
	}
	if a.Status().GCRequest != nil {
		t.Error("somebody who may not has asked")
	}

	// Many at once are one request.
	var group sync.WaitGroup
	ids := make([]string, 8)
	for i := range ids {
		group.Go(func() {
			status, got := askGC(t, []*lfstest.Server{a, b}[i%2], http.MethodPost, adminToken)
			if status != 202 || got.State != "Pending" || got.Request == nil || got.Request.By != "token:admin" {
				t.Errorf("ask: %d %+v", status, got)
				return
			}
			ids[i] = got.Request.ID
		})
	}
	group.Wait()
	for _, id := range ids {
		if id != ids[0] {
			t.Errorf("several requests: %v", ids)
		}
	}
	for _, s := range []*lfstest.Server{a, b} {
		s.Eventually("the operator is told", func() (bool, string) {
			q := s.Status().GCRequest
			return q != nil && q.ID == ids[0], ""
		})
	}
	if !strings.Contains(a.Log.String()+b.Log.String(), `"action":"gc.requested"`) {
		t.Error("the audit log does not know")
	}

	run := report.Report{Policy: "keep 5"}
	run.ID, run.Mode, run.Outcome, run.StartedAt = "models-lfs-gc-1", "DryRun", serverstatus.GCSucceeded, time.Now().Add(time.Second)
	if err := report.Save(t.Context(), bucketOf(t, a), layout.Prefix(a.Config.Storage.Prefix), run); err != nil {
		t.Fatal(err)
	}
	status, got := askGC(t, b, http.MethodGet, adminToken)
	if status != 200 || got.State != "Served" || got.Report == nil || got.Report.ID != run.ID || got.Report.Policy != "keep 5" {
		t.Errorf("after the run: %d %+v", status, got)
	}
	a.Eventually("the report is known", func() (bool, string) { return a.Status().GC != nil, "" })
	if status, got := askGC(t, a, http.MethodPost, adminToken); status != 202 || got.Request.ID == ids[0] {
		t.Errorf("asked again: %d %+v", status, got)
	}
}

// TestGCRequestSuspended: nobody is told to wait for a run that will not come.
func TestGCRequestSuspended(t *testing.T) {
	t.Parallel()
	s := lfstest.Start(t, assets.SharedStore(t), lfstest.WithConfig(withAdmin), lfstest.WithConfig(func(c *serverconfig.Config) { c.GC.Suspended = true }))
	status, got := askGC(t, s, http.MethodPost, adminToken)
	if status != http.StatusConflict || !strings.Contains(got.Message, "suspended") {
		t.Errorf("%d %+v", status, got)
	}
	if status, got := askGC(t, s, http.MethodGet, adminToken); status != http.StatusOK || got.Request != nil {
		t.Errorf("it was noted all the same: %d %+v", status, got)
	}
}
