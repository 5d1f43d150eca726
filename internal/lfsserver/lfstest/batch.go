package lfstest

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
)

// Object of a batch request.
type Object struct {
	OID  string `json:"oid"`
	Size int64  `json:"size"`
}

// ObjectOf is the object with that content.
func ObjectOf(content string) Object { return Object{OID: OID(content), Size: int64(len(content))} }

// Action of a batch answer.
type Action struct {
	Href      string            `json:"href"`
	Header    map[string]string `json:"header"`
	ExpiresIn int64             `json:"expires_in"`
}

// Answer to one object. Actions is nil when the key is absent.
type Answer struct {
	OID           string            `json:"oid"`
	Size          int64             `json:"size"`
	Authenticated bool              `json:"authenticated"`
	Actions       map[string]Action `json:"actions"`
	Error         *struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
	} `json:"error"`
}

// Batch sends a batch with the server's token of scope Write and expects it to be answered.
func (s *Server) Batch(operation string, objects ...Object) []Answer {
	s.t.Helper()
	resp, body := s.Post(s.Root()+"/objects/batch", Basic(s.Token), map[string]any{
		"operation": operation, "transfers": []string{"basic"}, "objects": objects, "hash_algo": "sha256",
	})
	if resp.StatusCode != http.StatusOK {
		s.t.Fatalf("batch: %s: %s", resp.Status, body)
	}
	var out struct {
		Transfer string   `json:"transfer"`
		Objects  []Answer `json:"objects"`
	}
	if err := json.Unmarshal(body, &out); err != nil {
		s.t.Fatal(err)
	}
	if out.Transfer != "basic" || len(out.Objects) != len(objects) {
		s.t.Fatalf("batch: transfer %q, %d objects: %s", out.Transfer, len(out.Objects), body)
	}
	return out.Objects
}

// Put sends a body to an upload action as git-lfs would, and returns the status.
func (s *Server) Put(a Action, body io.Reader, size int64) int {
	s.t.Helper()
	req, err := http.NewRequest(http.MethodPut, a.Href, body)
	if err != nil {
		s.t.Fatal(err)
	}
	req.ContentLength = size
	for k, v := range a.Header {
		req.Header.Set(k, v)
	}
	resp, _ := s.Do(req)
	return resp.StatusCode
}

// Upload stores a content through the API and verifies it.
func (s *Server) Upload(content string) Object {
	s.t.Helper()
	o := ObjectOf(content)
	a := s.Batch("upload", o)[0]
	if status := s.Put(a.Actions["upload"], strings.NewReader(content), o.Size); status != http.StatusOK {
		s.t.Fatalf("upload: status %d", status)
	}
	verify := a.Actions["verify"]
	resp, body := s.Post(verify.Href, verify.Header["Authorization"], o)
	if resp.StatusCode != http.StatusOK {
		s.t.Fatalf("verify: %s: %s", resp.Status, body)
	}
	return o
}

// Download fetches an object through the API.
func (s *Server) Download(o Object) string {
	s.t.Helper()
	a := s.Batch("download", o)[0]
	if a.Actions == nil {
		s.t.Fatalf("download: no actions: %+v", a)
	}
	req, err := http.NewRequest(http.MethodGet, a.Actions["download"].Href, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	resp, body := s.Do(req)
	if resp.StatusCode != http.StatusOK {
		s.t.Fatalf("download: %s: %s", resp.Status, body)
	}
	return string(body)
}
