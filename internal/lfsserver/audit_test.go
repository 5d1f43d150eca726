package lfsserver_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver/lfstest"
	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
	"github.com/lfs-operator/lfs-operator/test/assets"
)

// auditLine is one line of the audit log.
type auditLine struct {
	Log        string   `json:"log"`
	Action     string   `json:"action"`
	RequestID  string   `json:"request_id"`
	Repository string   `json:"repository"`
	Principal  string   `json:"principal"`
	GrantedBy  string   `json:"granted_by"`
	Address    string   `json:"address"`
	Client     string   `json:"client"`
	Objects    int      `json:"objects"`
	OIDs       []string `json:"oids"`
	Path       string   `json:"path"`
	Owner      string   `json:"owner"`
}

func auditLog(t *testing.T, s *lfstest.Server) (lines []auditLine) {
	t.Helper()
	for text := range strings.Lines(s.Log.String()) {
		var l auditLine
		if err := json.Unmarshal([]byte(text), &l); err != nil {
			t.Fatal(err)
		}
		if l.Log == "audit" {
			lines = append(lines, l)
		}
	}
	return lines
}

// TestAudit: whatever somebody was allowed to do is one line, what they were not
// is none, and no line holds what would let others do it.
func TestAudit(t *testing.T) {
	t.Parallel()
	s := lfstest.Start(t, assets.SharedStore(t), lfstest.WithConfig(twoWriters))
	o := s.Upload("something new")
	s.Batch("upload", o) // nothing to send: no line
	s.Download(o)
	s.Batch("download", lfstest.ObjectOf("never stored"))
	askLocks(t, s, "POST", "/locks", lfstest.ReadToken, map[string]any{"path": "a.bin"}) // refused
	_, mine := askLocks(t, s, "POST", "/locks", lfstest.WriteToken, map[string]any{"path": "a.bin"})
	askLocks(t, s, "POST", "/locks", otherToken, map[string]any{"path": "a.bin"}) // in the way
	askLocks(t, s, "POST", "/locks/"+mine.Lock.ID+"/unlock", otherToken, map[string]any{"force": true})
	_, mine = askLocks(t, s, "POST", "/locks", lfstest.WriteToken, map[string]any{"path": "a.bin"})
	askLocks(t, s, "POST", "/locks/"+mine.Lock.ID+"/unlock", lfstest.WriteToken, map[string]any{"force": true})
	abandoned := lfstest.ObjectOf(content(100))
	_, a := ask{agent: "client/1", transfers: []string{"multipart-basic"}}.upload(t, s, abandoned)
	send(t, http.MethodDelete, a.Abort.Href, "client/1", "", nil)

	var got []string
	for _, l := range auditLog(t, s) {
		if l.RequestID == "" || l.Repository != "team-a/models" || l.Address != "127.0.0.1" || l.Client == "" || l.Objects != len(l.OIDs) {
			t.Errorf("incomplete: %+v", l)
		}
		what := strings.Join(append([]string{l.Action, l.Principal, l.GrantedBy, l.Path, l.Owner}, l.OIDs...), " ")
		got = append(got, strings.Join(strings.Fields(what), " "))
	}
	want := []string{
		"upload.granted token:writer " + o.OID,
		"upload.finished action-token token:writer " + o.OID,
		"download.granted token:writer " + o.OID,
		"lock.created token:writer a.bin token:writer",
		"lock.broken token:other a.bin token:writer",
		"lock.created token:writer a.bin token:writer",
		"lock.released token:writer a.bin token:writer",
		"upload.granted token:writer " + abandoned.OID,
		"upload.aborted action-token token:writer " + abandoned.OID,
	}
	if !slices.Equal(got, want) {
		t.Errorf("lines:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for _, secret := range []string{lfstest.WriteToken, otherToken, "X-Amz", a.Abort.Href[strings.LastIndexByte(a.Abort.Href, '/')+1:]} {
		if strings.Contains(s.Log.String(), secret) {
			t.Errorf("the log holds %q", secret)
		}
	}
}

// TestAuditBounds: no line is without end, and no object is left out.
func TestAuditBounds(t *testing.T) {
	t.Parallel()
	s := lfstest.Start(t, assets.SharedStore(t))
	var objects []lfstest.Object
	for i := range 250 {
		objects = append(objects, lfstest.ObjectOf(fmt.Sprint("object ", i)))
	}
	s.Batch("upload", objects...)
	named := map[string]bool{}
	for _, l := range auditLog(t, s) {
		if len(l.OIDs) > 100 {
			t.Errorf("a line names %d objects", len(l.OIDs))
		}
		for _, oid := range l.OIDs {
			named[oid] = true
		}
	}
	if len(named) != len(objects) {
		t.Errorf("%d objects are named, want %d", len(named), len(objects))
	}
}

func TestAuditOff(t *testing.T) {
	t.Parallel()
	s := lfstest.Start(t, assets.SharedStore(t))
	s.Reconfigure(func(c *serverconfig.Config) { c.AuditDisabled = true })
	s.Upload("something that nobody is to know of")
	if lines := auditLog(t, s); len(lines) > 0 {
		t.Errorf("lines: %+v", lines)
	}
	s.Reconfigure(func(c *serverconfig.Config) { c.AuditDisabled = false })
	s.Upload("something else")
	if lines := auditLog(t, s); len(lines) != 2 {
		t.Errorf("lines: %+v", lines)
	}
}
