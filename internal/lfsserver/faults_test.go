package lfsserver_test

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/lfstest"
	"github.com/lfs-operator/lfs-operator/test/assets"
)

// TestUploadTokens: each link is good for one thing.
func TestUploadTokens(t *testing.T) {
	s := startSplitting(t, "Auto")
	client := ask{agent: agentHF, transfers: []string{"basic", "multipart"}}
	o, other := lfstest.ObjectOf(content(aboveThreshold)), lfstest.ObjectOf(content(aboveThreshold))
	_, a := client.upload(t, s, o)
	tail := func(url string) string { return url[strings.LastIndexByte(url, '/')+1:] }
	done, stop := tail(a.Upload.Href), tail(a.Abort.Href)
	elsewhere := startSplitting(t, "Auto")
	_, foreign := client.upload(t, elsewhere, o)
	plain := s.Batch("upload", o)[0].Actions["verify"].Header["Authorization"]
	root := s.Root()
	for name, tc := range map[string]struct {
		method, url, authorization string
		body                       any
		status                     int
	}{
		"tampered":                       {http.MethodPost, root + "/complete/" + tamper(done), "", o, 401},
		"cut off":                        {http.MethodPost, root + "/complete/" + done[:len(done)-1], "", o, 401},
		"none":                           {http.MethodPost, root + "/complete/", "", o, 401},
		"an abort link":                  {http.MethodPost, root + "/complete/" + stop, "", o, 403},
		"another object":                 {http.MethodPost, root + "/complete/" + done, "", other, 403},
		"another size":                   {http.MethodPost, root + "/complete/" + done, "", lfstest.Object{OID: o.OID, Size: 1}, 403},
		"another repository's":           {http.MethodPost, root + "/complete/" + tail(foreign.Upload.Href), "", o, 401},
		"a token of verify":              {http.MethodPost, root + "/complete", plain, o, 403},
		"a read token":                   {http.MethodPost, root + "/complete", lfstest.Basic(lfstest.ReadToken), o, 403},
		"a tampered one beside a good":   {http.MethodPost, root + "/complete/" + tamper(done), lfstest.Basic(lfstest.WriteToken), o, 401},
		"a write token, not begun":       {http.MethodPost, root + "/complete", lfstest.Basic(otherToken), o, 404},
		"a write token, own upload":      {http.MethodPost, root + "/complete", lfstest.Basic(lfstest.WriteToken), o, 409},
		"abort by a completion link":     {http.MethodDelete, root + "/uploads/" + done, "", nil, 403},
		"abort by a write token":         {http.MethodDelete, root + "/uploads/", lfstest.Basic(lfstest.WriteToken), nil, 403},
		"abort by nobody":                {http.MethodDelete, root + "/uploads/", "", nil, 401},
		"abort by GET":                   {http.MethodGet, root + "/uploads/" + stop, "", nil, 405},
		"state by an abort link":         {http.MethodGet, root + "/complete/" + stop, "", nil, 403},
		"state by a write token":         {http.MethodGet, root + "/complete/", lfstest.Basic(lfstest.WriteToken), nil, 403},
		"verify by an abort link":        {http.MethodPost, root + "/verify/" + stop, "", o, 403},
		"verify, parts missing":          {http.MethodPost, root + "/verify/" + done, "", o, 409},
		"too large":                      {http.MethodPost, root + "/complete/" + done, "", strings.Repeat("x", 3<<20), 413},
		"no JSON":                        {http.MethodPost, root + "/complete/" + done, "", "x", 400},
		"preflight":                      {http.MethodOptions, root + "/complete/" + done, "", nil, 204},
		"preflight of what is not there": {http.MethodOptions, root + "/nothing", "", nil, 404},
	} {
		t.Run(name, func(t *testing.T) {
			if resp, body := send(t, tc.method, tc.url, "client/1", tc.authorization, tc.body); resp.StatusCode != tc.status {
				t.Errorf("%s, want %d: %s", resp.Status, tc.status, body)
			}
		})
	}
	for _, secret := range []string{done, stop, "X-Amz-Signature"} {
		if strings.Contains(s.Log.String(), secret) {
			t.Error("the log holds the token of a link")
		}
	}
}

// TestExpiredUploadToken: a link that is over finishes nothing.
func TestExpiredUploadToken(t *testing.T) {
	var ahead atomic.Int64
	s := lfstest.Start(t, assets.SharedStore(t), splitting("Auto"), lfstest.WithOptions(func(o *lfsserver.Options) {
		o.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	}))
	o := lfstest.ObjectOf(content(aboveThreshold))
	_, a := ask{agent: agentHF, transfers: []string{"basic", "multipart"}}.upload(t, s, o)
	ahead.Store(int64(24 * time.Hour))
	for _, url := range []string{a.Upload.Href, strings.Replace(a.Upload.Href, "/complete/", "/verify/", 1)} {
		if resp, body := send(t, http.MethodPost, url, agentHF, "", o); resp.StatusCode != 401 {
			t.Errorf("%s: %s", resp.Status, body)
		}
	}
	if resp, body := send(t, http.MethodDelete, a.Abort.Href, agentHF, "", nil); resp.StatusCode != 401 {
		t.Errorf("abort: %s: %s", resp.Status, body)
	}
}
