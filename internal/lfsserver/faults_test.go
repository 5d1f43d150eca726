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

// finisher is one dialect's way to begin and to say that all parts are there.
type finisher struct {
	ask      ask
	override string
	links    func(*testing.T, *actions, int64) []string
	finish   func(*testing.T, *actions, lfstest.Object) int
}

func viaHeader(more ...string) func(*testing.T, *actions, int64) []string {
	return func(t *testing.T, a *actions, _ int64) []string {
		_, urls := chunks(t, a.Upload, more...)
		return urls
	}
}

func viaParts(_ *testing.T, a *actions, _ int64) (urls []string) {
	for _, p := range a.Parts {
		urls = append(urls, p.Href)
	}
	return urls
}

// finishers of all multipart dialects.
var finishers = map[string]finisher{
	"huggingface": {
		ask: ask{agent: agentHF, transfers: []string{"basic", "multipart"}}, override: "HuggingFace", links: viaHeader(),
		finish: func(t *testing.T, a *actions, o lfstest.Object) int {
			resp, _ := send(t, http.MethodPost, a.Upload.Href, agentHF, "", map[string]any{"oid": o.OID})
			return resp.StatusCode
		},
	},
	"kohakuhub": {
		ask: ask{agent: agentScript, transfers: []string{"basic"}}, override: "KohakuHub", links: viaHeader("upload_id"),
		finish: func(t *testing.T, a *actions, o lfstest.Object) int {
			resp, _ := send(t, http.MethodPost, a.Verify.Href, agentScript, "", o)
			return resp.StatusCode
		},
	},
	"proposal": {
		ask: ask{agent: "client/1", transfers: []string{"basic", "multipart"}}, override: "Proposal", links: viaParts,
		finish: func(t *testing.T, a *actions, o lfstest.Object) int {
			status, _ := a.verify(t, o)
			return status
		},
	},
	"giftless": {
		ask: ask{agent: agentScript, transfers: []string{"multipart-basic"}}, links: viaParts,
		finish: func(t *testing.T, a *actions, o lfstest.Object) int {
			status, _ := a.verify(t, o)
			return status
		},
	},
}

// TestWrongParts: whatever becomes of the parts, nothing but the content with that
// hash is served, and a client that then does it right succeeds.
func TestWrongParts(t *testing.T) {
	for dialect, f := range finishers {
		s := startSplitting(t, f.override)
		for fault, tc := range map[string]struct {
			// spoil uploads something; right is the object, in two parts.
			spoil func(t *testing.T, urls []string, right string)
			want  []int
		}{
			"wrong bytes": {want: []int{422}, spoil: func(t *testing.T, urls []string, right string) {
				put(t, urls[0], content(partSize))
				put(t, urls[1], right[partSize:])
			}},
			"one bit": {want: []int{422}, spoil: func(t *testing.T, urls []string, right string) {
				b := []byte(right)
				b[partSize+3] ^= 1
				put(t, urls[0], string(b[:partSize]))
				put(t, urls[1], string(b[partSize:]))
			}},
			"short": {want: []int{409, 400}, spoil: func(t *testing.T, urls []string, right string) {
				put(t, urls[0], right[:partSize])
				put(t, urls[1], right[partSize:partSize+5])
			}},
			"long": {want: []int{409, 400}, spoil: func(t *testing.T, urls []string, right string) {
				put(t, urls[0], right[:partSize])
				put(t, urls[1], right[partSize:]+"!")
			}},
			"cut off": {want: []int{409, 400}, spoil: func(t *testing.T, urls []string, right string) {
				put(t, urls[0], right[:partSize])
				if err := putCutOff(lfstest.Action{Href: urls[1]}, right[partSize:partSize+5], len(right)-partSize); err != nil {
					t.Log(err) // the store of the tests takes it for whole
				}
			}},
			"missing": {want: []int{409, 400}, spoil: func(t *testing.T, urls []string, right string) {
				put(t, urls[1], right[partSize:])
			}},
			"nothing at all": {want: []int{409, 400}, spoil: func(*testing.T, []string, string) {}},
			"swapped": {want: []int{409, 400}, spoil: func(t *testing.T, urls []string, right string) {
				put(t, urls[1], right[:partSize])
				put(t, urls[0], right[partSize:])
			}},
		} {
			t.Run(dialect+"/"+fault, func(t *testing.T) {
				right := content(partSize + 12)
				o := lfstest.ObjectOf(right)
				_, a := f.ask.upload(t, s, o)
				tc.spoil(t, f.links(t, a, o.Size), right)
				if got := f.finish(t, a, o); !contains(tc.want, got) {
					t.Errorf("finished with %d, want one of %v", got, tc.want)
				}
				if got := s.Batch("download", o)[0]; got.Error == nil || got.Error.Code != 404 {
					t.Fatalf("it is served: %+v", got)
				}
				_, again := f.ask.upload(t, s, o)
				if again == nil {
					t.Fatal("it counts as there")
				}
				size := int64(partSize)
				for _, p := range again.Parts {
					put(t, p.Href, right[p.Pos:p.Pos+p.Size])
				}
				if len(again.Parts) == 0 {
					for i, u := range f.links(t, again, o.Size) {
						put(t, u, right[int64(i)*size:min(int64(i+1)*size, o.Size)])
					}
				}
				if got := f.finish(t, again, o); got != 200 {
					t.Fatalf("done right: %d", got)
				}
				if s.Download(o) != right {
					t.Fatal("wrong content is served")
				}
				// The links are still good, and must not write anything any more.
				for _, u := range f.links(t, a, o.Size) {
					put(t, u, content(12))
				}
				if got := f.finish(t, a, o); got != 200 && got != 404 {
					t.Errorf("finished again: %d", got)
				}
				if s.Download(o) != right {
					t.Fatal("wrong content is served after a link was used again")
				}
			})
		}
	}
}

func contains(list []int, n int) bool {
	for _, v := range list {
		if v == n {
			return true
		}
	}
	return false
}

// TestTwoUploaders: one principal cannot spoil another's upload of the same
// object, nor finish it, nor learn its links.
func TestTwoUploaders(t *testing.T) {
	s := startSplitting(t, "Auto")
	right := content(partSize + 12)
	o := lfstest.ObjectOf(right)
	good, bad := ask{agent: "client/1", transfers: []string{"multipart"}}, ask{agent: "client/1", transfers: []string{"multipart"}, token: otherToken}
	_, mine := good.upload(t, s, o)
	_, theirs := bad.upload(t, s, o)
	if mine.Parts[0].Href == theirs.Parts[0].Href {
		t.Fatal("both write to the same upload")
	}
	mine.putParts(t, right, 0, 2)
	theirs.putParts(t, content(len(right)), 0, 2)
	if status, body := theirs.verify(t, o); status != 422 {
		t.Errorf("wrong content: %d: %s", status, body)
	}
	if got := s.Batch("download", o)[0]; got.Error == nil {
		t.Fatal("wrong content is served")
	}
	if status, body := mine.verify(t, o); status != 200 {
		t.Errorf("right content: %d: %s", status, body)
	}
	if s.Download(o) != right {
		t.Error("wrong content is served")
	}
}

// TestUploadTokens: each link is good for one thing.
func TestUploadTokens(t *testing.T) {
	s := startSplitting(t, "Auto")
	client := ask{agent: agentHF, transfers: []string{"basic", "multipart"}}
	o, other := lfstest.ObjectOf(content(100)), lfstest.ObjectOf(content(100))
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
	s := lfstest.Start(t, assets.SharedStore(t), lfstest.WithOptions(func(o *lfsserver.Options) {
		o.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	}))
	o := lfstest.ObjectOf(content(100))
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
