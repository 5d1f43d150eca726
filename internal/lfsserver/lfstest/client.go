package lfstest

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/serverstatus"
)

func (s *Server) askStatus() (*http.Response, []byte) {
	s.t.Helper()
	req, err := http.NewRequest(http.MethodGet, s.Admin+serverstatus.Path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+s.StatusToken)
	return s.Do(req)
}

// Status asks the status endpoint.
func (s *Server) Status() serverstatus.Status {
	s.t.Helper()
	resp, body := s.askStatus()
	if resp.StatusCode != http.StatusOK {
		s.t.Fatalf("status: %s: %s", resp.Status, body)
	}
	var st serverstatus.Status
	if err := json.Unmarshal(body, &st); err != nil {
		s.t.Fatal(err)
	}
	return st
}

// WaitReady waits until the store is ready.
func (s *Server) WaitReady() {
	s.t.Helper()
	s.WaitReason(serverstatus.ReasonStoreReady)
}

// WaitReason waits until the status endpoint shows that reason of the store, and
// returns what it says.
func (s *Server) WaitReason(reason string) (st serverstatus.Store) {
	s.t.Helper()
	s.Eventually("store has reason "+reason, func() (bool, string) {
		st = s.Status().Store
		return st.Reason == reason, st.Reason + ": " + st.Message
	})
	return st
}

// patience is how long a test waits for what must come: nobody waits that long but on a
// machine that has no time for the test.
const patience = 2 * time.Minute

// Eventually waits for a condition; the string is what was seen instead.
func (s *Server) Eventually(what string, cond func() (bool, string)) {
	s.t.Helper()
	var seen string
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		var ok bool
		if ok, seen = cond(); ok {
			return
		}
	}
	s.t.Fatalf("not within %s: %s (seen: %s)", patience, what, seen)
}

// Do sends a request and reads the answer.
func (s *Server) Do(req *http.Request) (*http.Response, []byte) {
	s.t.Helper()
	resp, err := client.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return resp, body
}

// client does not follow redirects: no answer of ours is one.
var client = &http.Client{
	Timeout:       patience,
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// Root of the repository's API.
func (s *Server) Root() string {
	return fmt.Sprintf("%s/%s/%s.git/info/lfs", s.URL, s.Config.Repository.Namespace, s.Config.Repository.Name)
}

// Post sends JSON to a URL with an Authorization header, none where empty.
func (s *Server) Post(url, authorization string, body any) (*http.Response, []byte) {
	s.t.Helper()
	raw, ok := body.([]byte)
	if !ok {
		var err error
		if raw, err = json.Marshal(body); err != nil {
			s.t.Fatal(err)
		}
	}
	req, err := http.NewRequest(http.MethodPost, url, bytes.NewReader(raw))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/vnd.git-lfs+json")
	req.Header.Set("Accept", "application/vnd.git-lfs+json")
	if authorization != "" {
		req.Header.Set("Authorization", authorization)
	}
	return s.Do(req)
}

// Basic is a Basic Authorization header with the token as password.
func Basic(token string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte("any:"+token))
}

// OID of a content.
func OID(content string) string {
	sum := sha256.Sum256([]byte(content))
	return hex.EncodeToString(sum[:])
}
