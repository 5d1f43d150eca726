package lfsserver_test

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sort"
	"strconv"
	"strings"
	"testing"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver/lfstest"
	"github.com/lfs-operator/lfs-operator/test/assets"
)

// partSize is the smallest that stores take.
const partSize = 5 << 20

const (
	agentHF     = "unknown/None; hf_hub/1.29.0; python/3.12.3"
	agentGit    = "git-lfs/3.8.1 (GitHub; linux amd64; go 1.26.0)"
	agentScript = "python-requests/2.34.2"
)

// startSplitting runs a server that splits whatever is above 1 MiB.
func startSplitting(t *testing.T, dialect string) *lfstest.Server {
	return lfstest.Start(t, assets.SharedStore(t), splitting(dialect))
}

// otherToken may write too.
const otherToken = "lfs_other-token-of-the-tests"

// content of that many random bytes.
func content(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return string(b)
}

// actions as any client may read them.
type actions struct {
	Upload *lfstest.Action `json:"upload"`
	Parts  []struct {
		lfstest.Action
		Pos    int64  `json:"pos"`
		Size   int64  `json:"size"`
		Method string `json:"method"`
		// WantDigest as in RFC 3230.
		WantDigest string `json:"want_digest"`
	} `json:"parts"`
	Verify *struct {
		lfstest.Action
		Params map[string]string `json:"params"`
	} `json:"verify"`
	Abort *struct {
		lfstest.Action
		Method string `json:"method"`
	} `json:"abort"`
}

// ask sends a batch of one object as a client of that name.
type ask struct {
	agent     string
	transfers []string
	token     string
	path      string
}

// want is the answer to an upload batch; nil actions when the object is there.
func (a ask) upload(t *testing.T, s *lfstest.Server, o lfstest.Object) (transfer string, got *actions) {
	t.Helper()
	if a.path == "" {
		a.path = "/team-a/models.git/info/lfs/objects/batch"
	}
	if a.token == "" {
		a.token = lfstest.WriteToken
	}
	resp, body := send(t, http.MethodPost, s.URL+a.path, a.agent, "Bearer "+a.token, map[string]any{
		"operation": "upload", "transfers": a.transfers, "objects": []lfstest.Object{o}, "hash_algo": "sha256",
	})
	var out struct {
		Transfer string `json:"transfer"`
		Objects  []struct {
			Actions *actions `json:"actions"`
			Error   any      `json:"error"`
		} `json:"objects"`
	}
	if err := json.Unmarshal(body, &out); err != nil || resp.StatusCode != http.StatusOK || out.Objects[0].Error != nil {
		t.Fatalf("batch: %s: %s", resp.Status, body)
	}
	return out.Transfer, out.Objects[0].Actions
}

// send is a request with a JSON body, nil for none.
func send(t *testing.T, method, url, agent, authorization string, body any) (*http.Response, []byte) {
	t.Helper()
	var r io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		r = bytes.NewReader(raw)
	}
	req, err := http.NewRequest(method, url, r)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("User-Agent", agent)
	if authorization != "" {
		req.Header.Set("Authorization", authorization)
	}
	return do(t, req)
}

func do(t *testing.T, req *http.Request) (*http.Response, []byte) {
	t.Helper()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, raw
}

// put sends a part without any header and returns status and ETag.
func put(t *testing.T, url, body string) (int, string) {
	t.Helper()
	req, err := http.NewRequest(http.MethodPut, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, _ := do(t, req)
	return resp.StatusCode, resp.Header.Get("ETag")
}

// chunks are the parts of a Hugging Face answer in the order of their keys, as
// the agent takes them. Nothing else may stand beside them.
func chunks(t *testing.T, a *lfstest.Action, more ...string) (size int64, urls []string) {
	t.Helper()
	header := map[string]string{}
	for k, v := range a.Header {
		header[k] = v
	}
	size, err := strconv.ParseInt(header["chunk_size"], 10, 64)
	if err != nil {
		t.Fatalf("chunk_size: %v in %v", err, a.Header)
	}
	delete(header, "chunk_size")
	for _, k := range more {
		delete(header, k)
	}
	var keys []string
	for k := range header {
		if _, err := strconv.Atoi(k); err != nil {
			t.Errorf("the header holds %q", k)
		}
		keys = append(keys, k)
	}
	sort.Strings(keys)
	for i, k := range keys {
		if n, _ := strconv.Atoi(k); n != i+1 {
			t.Errorf("key %q stands at place %d", k, i+1)
		}
		urls = append(urls, header[k])
	}
	return size, urls
}

// putChunks uploads all parts and returns the list for complete.
func putChunks(t *testing.T, a *lfstest.Action, content string) []map[string]any {
	t.Helper()
	size, urls := chunks(t, a)
	if want := (int64(len(content)) + size - 1) / size; int64(len(urls)) != want {
		t.Fatalf("%d parts of %d bytes, want %d", len(urls), size, want)
	}
	var parts []map[string]any
	for i, u := range urls {
		status, etag := put(t, u, content[int64(i)*size:min(int64(i+1)*size, int64(len(content)))])
		if status != 200 || etag == "" {
			t.Fatalf("part %d: %d, ETag %q", i+1, status, etag)
		}
		parts = append(parts, map[string]any{"partNumber": i + 1, "etag": etag})
	}
	return parts
}

// TestHuggingFace: as huggingface_hub and @huggingface/hub do it, with no header
// on the parts and no credentials on the completion.
func TestHuggingFace(t *testing.T) {
	s := startSplitting(t, "Auto")
	client := ask{agent: agentHF, transfers: []string{"basic", "multipart"}}
	checked := s.Status().Store.Capabilities.QuerySHA256
	for name, size := range map[string]int{"two parts": partSize + 12, "exactly two": 2 * partSize, "small": 12, "empty": 0} {
		t.Run(name, func(t *testing.T) {
			if checked && size < aboveThreshold {
				return // one PUT, which the store checks: see uploadPaths
			}
			c := content(size)
			o := lfstest.ObjectOf(c)
			transfer, a := client.upload(t, s, o)
			if transfer != "multipart" || a == nil || a.Upload == nil {
				t.Fatalf("transfer %q, %+v", transfer, a)
			}
			parts := putChunks(t, a.Upload, c)
			if got := s.Batch("download", o)[0]; size > 0 && got.Error == nil {
				t.Error("served before it was completed")
			}
			for range 2 { // a repeated completion is none of the client's business
				resp, body := send(t, http.MethodPost, a.Upload.Href, agentHF, "", map[string]any{"oid": o.OID, "parts": parts})
				if resp.StatusCode != 200 || !strings.Contains(string(body), `"success":true`) {
					t.Fatalf("complete: %s: %s", resp.Status, body)
				}
			}
			// Python verifies with the user's own token and without our header.
			if resp, body := send(t, http.MethodPost, a.Verify.Href, agentHF, "Bearer "+lfstest.WriteToken, o); resp.StatusCode != 200 {
				t.Errorf("verify: %s: %s", resp.Status, body)
			}
			if got := s.Download(o); got != c {
				t.Errorf("downloaded %d bytes, not what was uploaded", len(got))
			}
			if _, a := client.upload(t, s, o); a != nil {
				t.Errorf("there, and answered with %+v", a)
			}
		})
	}
	s.Eventually("nothing is left of the uploads", func() (bool, string) {
		left := listKeys(t, s, "staging/") + listKeys(t, s, "meta/uploads/")
		return left == "", left
	})
}

// TestHuggingFaceAgent: git-lfs with the agent of huggingface_hub. Each object of
// the batch is answered in its form, the small ones too, and git-lfs itself
// verifies.
func TestHuggingFaceAgent(t *testing.T) {
	s := startSplitting(t, "Auto")
	large, small := content(partSize+1), content(100)
	resp, body := send(t, http.MethodPost, s.Root()+"/objects/batch", agentGit, lfstest.Basic(lfstest.WriteToken), map[string]any{
		"operation": "upload", "transfers": []string{"ssh", "multipart", "basic", "lfs-standalone-file"},
		"objects": []lfstest.Object{lfstest.ObjectOf(small), lfstest.ObjectOf(large)},
	})
	// As git-lfs parses it: an array among the actions would fail here.
	var out struct {
		Transfer string
		Objects  []lfstest.Answer
	}
	if err := json.Unmarshal(body, &out); err != nil || out.Transfer != "multipart" {
		t.Fatalf("%s: %v: %s", resp.Status, err, body)
	}
	for i, c := range []string{small, large} {
		a := out.Objects[i].Actions
		up := a["upload"]
		parts := putChunks(t, &up, c)
		if resp, body := send(t, http.MethodPost, up.Href, "python-requests/2", "", map[string]any{"oid": lfstest.OID(c), "parts": parts}); resp.StatusCode != 200 {
			t.Fatalf("complete: %s: %s", resp.Status, body)
		}
		verify := a["verify"]
		if resp, body := send(t, http.MethodPost, verify.Href, agentGit, verify.Header["Authorization"], lfstest.ObjectOf(c)); resp.StatusCode != 200 {
			t.Errorf("verify: %s: %s", resp.Status, body)
		}
		if s.Download(lfstest.ObjectOf(c)) != c {
			t.Error("not what was uploaded")
		}
	}
	if !strings.Contains(s.Log.String(), `"dialect":"huggingface"`) {
		t.Error("the log does not say which dialect was chosen")
	}
}

// TestKohakuHub: the steps of its documented script, which offers only basic and
// sends no credentials after the batch.
func TestKohakuHub(t *testing.T) {
	s := startSplitting(t, "KohakuHub")
	client := ask{agent: agentScript, transfers: []string{"basic"}}
	base := s.URL + "/api/team-a/models.git/info/lfs"
	checked := s.Status().Store.Capabilities.QuerySHA256
	for name, size := range map[string]int{"two parts": partSize + 12, "small": 12} {
		t.Run(name, func(t *testing.T) {
			if checked && size < aboveThreshold {
				return // one PUT, which the store checks: see uploadPaths
			}
			c := content(size)
			o := lfstest.ObjectOf(c)
			transfer, a := client.upload(t, s, o)
			if transfer != "basic" || a.Upload.Header["upload_id"] == "" || a.Upload.Header["1"] == "" {
				t.Fatalf("transfer %q, %+v", transfer, a.Upload)
			}
			id := a.Upload.Header["upload_id"]
			chunk, urls := chunks(t, a.Upload, "upload_id")
			var parts []map[string]any
			for i, u := range urls {
				_, etag := put(t, u, c[int64(i)*chunk:min(int64(i+1)*chunk, int64(size))])
				parts = append(parts, map[string]any{"PartNumber": i + 1, "ETag": strings.Trim(etag, `"`)})
			}
			body := map[string]any{"oid": o.OID, "size": o.Size, "upload_id": id, "parts": parts}
			for what, bad := range map[string]map[string]any{
				"another size": {"oid": o.OID, "size": o.Size - 1, "upload_id": id, "parts": parts},
				"another etag": {"oid": o.OID, "size": o.Size, "upload_id": id, "parts": append([]map[string]any{{"PartNumber": 1, "ETag": "x"}}, parts[1:]...)},
				"more parts":   {"oid": o.OID, "size": o.Size, "upload_id": id, "parts": append([]map[string]any{{"PartNumber": 9, "ETag": "x"}}, parts...)},
			} {
				if resp, out := send(t, http.MethodPost, base+"/complete/"+id, agentScript, "", bad); resp.StatusCode != 400 {
					t.Errorf("%s: %s: %s", what, resp.Status, out)
				}
			}
			delete(body, "upload_id")
			if resp, out := send(t, http.MethodPost, base+"/complete", agentScript, "", body); resp.StatusCode != 401 {
				t.Errorf("complete without token: %s: %s", resp.Status, out)
			}
			body["upload_id"] = id
			for _, url := range []string{base + "/complete/" + id, base + "/complete", a.Verify.Href, base + "/verify"} {
				resp, out := send(t, http.MethodPost, url, agentScript, "", body)
				var got struct {
					Success bool
					Message string
					Size    int64
					ETag    string
				}
				if err := json.Unmarshal(out, &got); err != nil || resp.StatusCode != 200 || !got.Success || got.Message == "" || got.Size != o.Size || got.ETag == "" {
					t.Fatalf("%s: %s: %s", url, resp.Status, out)
				}
			}
			if s.Download(o) != c {
				t.Error("not what was uploaded")
			}
		})
	}
}

// proposalClient uploads what it is asked for, as the proposal has it.
func (a *actions) putParts(t *testing.T, c string, from, to int) {
	t.Helper()
	for _, p := range a.Parts[from:to] {
		if p.Method != http.MethodPut {
			t.Errorf("method %q", p.Method)
		}
		if status, _ := put(t, p.Href, c[p.Pos:p.Pos+p.Size]); status != 200 {
			t.Fatalf("part at %d: %d", p.Pos, status)
		}
	}
}

func (a *actions) verify(t *testing.T, o lfstest.Object) (int, string) {
	t.Helper()
	resp, body := send(t, http.MethodPost, a.Verify.Href, "client/1", a.Verify.Header["Authorization"],
		map[string]any{"oid": o.OID, "size": o.Size, "params": a.Verify.Params})
	return resp.StatusCode, string(body)
}

// TestProposal: kill and resume, 409, abort; and giftless's client, which asks
// under another path and name.
func TestProposal(t *testing.T) {
	s := startSplitting(t, "Auto")
	for name, client := range map[string]ask{
		"proposal": {agent: "client/1", transfers: []string{"multipart", "basic"}},
		"giftless": {agent: agentScript, transfers: []string{"multipart-basic", "basic"}, path: "/team-a/models/objects/batch"},
	} {
		t.Run(name, func(t *testing.T) {
			c := content(2*partSize + 12)
			o := lfstest.ObjectOf(c)
			transfer, a := client.upload(t, s, o)
			if transfer != client.transfers[0] || len(a.Parts) != 3 || a.Abort == nil {
				t.Fatalf("transfer %q, %+v", transfer, a)
			}
			a.putParts(t, c, 0, 1)
			if status, body := a.verify(t, o); status != 409 {
				t.Errorf("verify with parts missing: %d: %s", status, body)
			}
			// The client dies and comes back.
			_, again := client.upload(t, s, o)
			if len(again.Parts) != 2 || again.Parts[0].Pos != partSize {
				t.Fatalf("resumed with %+v", again.Parts)
			}
			again.putParts(t, c, 0, 1)
			_, rest := client.upload(t, s, o)
			rest.putParts(t, c, 0, 1)
			if _, last := client.upload(t, s, o); len(last.Parts) != 0 || last.Verify == nil {
				t.Errorf("all there, and answered with %+v", last)
			}
			for range 2 {
				if status, body := a.verify(t, o); status != 200 {
					t.Fatalf("verify: %d: %s", status, body)
				}
			}
			if _, a := client.upload(t, s, o); a != nil {
				t.Errorf("committed, and answered with %+v", a)
			}
			if s.Download(o) != c {
				t.Error("not what was uploaded")
			}
		})
		t.Run(name+" aborts", func(t *testing.T) {
			c := content(partSize + 12)
			o := lfstest.ObjectOf(c)
			_, a := client.upload(t, s, o)
			a.putParts(t, c, 0, 2)
			for range 2 {
				if resp, body := send(t, a.Abort.Method, a.Abort.Href, "client/1", "", nil); resp.StatusCode/100 != 2 {
					t.Fatalf("abort: %s: %s", resp.Status, body)
				}
			}
			if status, body := a.verify(t, o); status != 404 {
				t.Errorf("verify after abort: %d: %s", status, body)
			}
			if _, a := client.upload(t, s, o); len(a.Parts) != 2 {
				t.Errorf("after abort: %+v", a)
			}
		})
	}
}

// TestUploadState: an agent that sees only the upload link learns what is missing.
func TestUploadState(t *testing.T) {
	s := startSplitting(t, "Auto")
	c := content(partSize + 12)
	o := lfstest.ObjectOf(c)
	_, a := ask{agent: agentGit, transfers: []string{"multipart", "basic"}}.upload(t, s, o)
	_, urls := chunks(t, a.Upload)
	put(t, urls[0], c[:partSize])
	resp, body := send(t, http.MethodGet, a.Upload.Href, "agent/1", "", nil)
	var st struct {
		Parts []struct {
			Pos, Size int64
			Done      bool
			ETag      string
			Href      string
		}
	}
	if err := json.Unmarshal(body, &st); err != nil || resp.StatusCode != 200 || len(st.Parts) != 2 {
		t.Fatalf("state: %s: %s", resp.Status, body)
	}
	if p := st.Parts; !p[0].Done || p[0].ETag == "" || p[0].Href != "" || p[1].Done || p[1].Href == "" {
		t.Fatalf("state: %+v", p)
	}
	put(t, st.Parts[1].Href, c[partSize:])
	if resp, body := send(t, http.MethodPost, a.Upload.Href, "agent/1", "", map[string]any{"oid": o.OID}); resp.StatusCode != 200 {
		t.Fatalf("complete: %s: %s", resp.Status, body)
	}
	if s.Download(o) != c {
		t.Error("not what was uploaded")
	}
}

// listKeys under a folder of the prefix.
func listKeys(t *testing.T, s *lfstest.Server, dir string) string {
	t.Helper()
	var keys []string
	for info, err := range bucketOf(t, s).List(t.Context(), s.Config.Storage.Prefix+dir, "") {
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, info.Key)
	}
	return fmt.Sprint(strings.Join(keys, " "))
}
