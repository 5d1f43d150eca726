package lfsserver_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lfs-operator/lfs-operator/internal/layout"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/lfstest"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
	"github.com/lfs-operator/lfs-operator/internal/serverstatus"
	"github.com/lfs-operator/lfs-operator/test/assets"
)

// admin sends a request to the admin port.
func admin(s *lfstest.Server, method, path, token string, body io.Reader) (*http.Response, []byte) {
	req, err := http.NewRequest(method, s.Admin+path, body)
	if err != nil {
		panic(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	return s.Do(req)
}

func TestAdminAuth(t *testing.T) {
	t.Parallel()
	s := lfstest.Start(t, assets.SharedStore(t))
	const scan, check = serverstatus.ScanPath + "run-1", serverstatus.HistoryCheckPath
	for _, tc := range []struct {
		method, path, token string
		want                int
	}{
		{"GET", "/healthz", "", 200},
		{"GET", "/readyz", "", 200},
		{"GET", "/metrics", "", 200},
		{"GET", "/status", lfstest.StatusToken, 200},
		{"GET", "/status", "", 401},
		{"GET", "/status", "wrong", 401},
		{"GET", "/status", lfstest.ScanToken, 401},
		{"GET", "/status", lfstest.WriteToken, 401},
		{"PUT", scan, "", 401},
		{"PUT", scan, lfstest.StatusToken, 401},
		{"PUT", scan, lfstest.WriteToken, 401},
		{"PUT", scan, lfstest.ScanToken, 204},
		{"PUT", serverstatus.ScanPath + "run-1.begin", lfstest.ScanToken, 204},
		{"PUT", serverstatus.ScanPath + "..", lfstest.ScanToken, 404},
		{"PUT", serverstatus.ScanPath + "%2e%2e", lfstest.ScanToken, 400},
		{"PUT", serverstatus.ScanPath + "a%2fb", lfstest.ScanToken, 400},
		{"PUT", serverstatus.ScanPath + "A", lfstest.ScanToken, 400},
		{"PUT", check, lfstest.StatusToken, 401},
		{"PUT", check, lfstest.ScanToken, 204},
		{"POST", "/status", lfstest.StatusToken, 404},
		{"GET", scan, lfstest.ScanToken, 404},
		{"GET", "/team-a/models.git/info/lfs/objects/batch", lfstest.WriteToken, 404},
		{"GET", "/debug/pprof/", "", 404},
	} {
		var body io.Reader
		if tc.method == "PUT" {
			body = strings.NewReader("{}")
		}
		resp, got := admin(s, tc.method, tc.path, tc.token, body)
		if resp.StatusCode != tc.want && (tc.want != 404 || resp.StatusCode != 307) {
			t.Errorf("%s %s with %q: %d, want %d: %s", tc.method, tc.path, tc.token, resp.StatusCode, tc.want, got)
		}
	}
}

// TestScan: a live set goes to the bucket as it comes, whole or not at all.
func TestScan(t *testing.T) {
	t.Parallel()
	s := lfstest.Start(t, assets.SharedStore(t))
	b, prefix := bucketOf(t, s), layout.Prefix(s.Config.Storage.Prefix)
	set := bytes.Repeat([]byte("a line of a live set\n"), 200_000) // 4 MiB
	if resp, body := admin(s, "PUT", serverstatus.ScanPath+"run-1", lfstest.ScanToken, bytes.NewReader(set)); resp.StatusCode != 204 {
		t.Fatalf("%d: %s", resp.StatusCode, body)
	}
	r, _, err := b.Get(t.Context(), prefix.GCScan("run-1"), "")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if got, _ := io.ReadAll(r); !bytes.Equal(got, set) {
		t.Errorf("%d bytes arrived, want %d", len(got), len(set))
	}
	// Without a length, and with one that is not kept to.
	if resp, _ := admin(s, "PUT", serverstatus.ScanPath+"run-2", lfstest.ScanToken, io.MultiReader(bytes.NewReader(set))); resp.StatusCode != http.StatusLengthRequired {
		t.Errorf("no length: %d", resp.StatusCode)
	}
	req, err := http.NewRequest("PUT", s.Admin+serverstatus.ScanPath+"run-3", io.MultiReader(bytes.NewReader(set[:1000])))
	if err != nil {
		t.Fatal(err)
	}
	req.ContentLength = int64(len(set))
	req.Header.Set("Authorization", "Bearer "+lfstest.ScanToken)
	if resp, err := http.DefaultClient.Do(req); err == nil {
		t.Errorf("a body that was cut off: %s", resp.Status)
	}
	s.Eventually("the broken request is over", func() (bool, string) {
		return strings.Count(s.Log.String(), `"route":"admin:scan"`) == 3, s.Log.String()
	})
	for info, err := range b.List(t.Context(), prefix.GCScans(), "") {
		if err != nil || info.Key != prefix.GCScan("run-1") {
			t.Errorf("also there: %s %v", info.Key, err)
		}
	}
	req, _ = http.NewRequest("PUT", s.Admin+serverstatus.ScanPath+"run-4", http.NoBody)
	req.Body, req.ContentLength = io.NopCloser(neverRead{t}), 1<<30+1
	req.Header.Set("Authorization", "Bearer "+lfstest.ScanToken)
	req.Header.Set("Expect", "100-continue")
	if resp, err := http.DefaultClient.Do(req); err != nil || resp.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("too large: %v %v", resp, err)
	}
}

type neverRead struct{ t *testing.T }

func (n neverRead) Read([]byte) (int, error) {
	n.t.Error("the body was asked for")
	return 0, io.ErrUnexpectedEOF
}

// TestReportsInStatus: what jobs leave in the bucket is in the status of every
// replica.
func TestReportsInStatus(t *testing.T) {
	t.Parallel()
	s := lfstest.Start(t, assets.SharedStore(t))
	check := serverstatus.HistoryCheck{Revision: "r1", Entries: []serverstatus.HistoryCheckEntry{
		{Name: "main", OK: true}, {Name: "fork", Reason: serverstatus.ReasonHistoryRefused, Message: "401"}}}
	raw, _ := json.Marshal(check)
	if resp, body := admin(s, "PUT", serverstatus.HistoryCheckPath, lfstest.ScanToken, bytes.NewReader(raw)); resp.StatusCode != 204 {
		t.Fatalf("%d: %s", resp.StatusCode, body)
	}
	s.Eventually("the check is in the status", func() (bool, string) {
		diff := cmp.Diff(&check, s.Status().History)
		return diff == "", diff
	})
	for _, bad := range []string{"", "[", `{"entries":3}`} {
		if resp, _ := admin(s, "PUT", serverstatus.HistoryCheckPath, lfstest.ScanToken, strings.NewReader(bad)); resp.StatusCode != 400 {
			t.Errorf("history check %q: %d", bad, resp.StatusCode)
		}
	}
	report := serverstatus.GCReport{ID: "run-9", Mode: "DryRun", Outcome: serverstatus.GCSucceeded, Kept: 12}
	raw, _ = json.Marshal(report)
	key := layout.Prefix(s.Config.Storage.Prefix).GCReport()
	if _, err := bucketOf(t, s).Put(t.Context(), key, bytes.NewReader(raw), int64(len(raw)), objectstore.Condition{}); err != nil {
		t.Fatal(err)
	}
	s.Eventually("the report is in the status", func() (bool, string) {
		diff := cmp.Diff(&report, s.Status().GC)
		return diff == "", diff
	})
}

func TestUsage(t *testing.T) {
	t.Parallel()
	s := lfstest.Start(t, assets.SharedStore(t))
	want := func(objects, bytes int64) {
		t.Helper()
		s.Eventually("usage", func() (bool, string) {
			u := s.Status().Usage
			return u != nil && u.Objects == objects && u.Bytes == bytes, cmp.Diff(nil, u)
		})
	}
	want(0, 0) // what the server keeps for itself does not count
	s.Upload("1234")
	want(1, 4)
	s.Upload("123456")
	s.Upload("")
	want(3, 10)
	_, body := admin(s, "GET", "/metrics", "", nil)
	for _, line := range []string{"lfs_server_stored_objects 3", "lfs_server_stored_bytes 10", "lfs_server_store_ready 1",
		`lfs_server_objects_total{answer="upload",operation="upload"} 3`,
		`lfs_server_requests_total{code="200",operation="verify",route="verify"} 3`,
		`lfs_server_store_requests_total{call="head",code="404"}`, "lfs_server_build_info{", "lfs_server_request_duration_seconds_count{"} {
		if !strings.Contains(string(body), line) {
			t.Errorf("metrics lack %s", line)
		}
	}
	if strings.Contains(string(body), lfstest.OID("1234")) {
		t.Error("metrics name an OID")
	}
}
