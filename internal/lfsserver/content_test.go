package lfsserver_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver/lfstest"
	"github.com/lfs-operator/lfs-operator/test/assets"
)

// TestWrongContent: whatever a client sends to an upload link, nothing but the
// content with that hash gets stored under it.
func TestWrongContent(t *testing.T) {
	t.Parallel()
	s := lfstest.Start(t, assets.SharedStore(t))
	const right = "the content that was promised"
	with := func(a lfstest.Action, key, value string) lfstest.Action {
		header := map[string]string{}
		for k, v := range a.Header {
			header[k] = v
		}
		if header[key] = value; value == "" {
			delete(header, key)
		}
		a.Header = header
		return a
	}
	const checksum = "x-amz-checksum-sha256"
	for name, send := range map[string]func(a lfstest.Action) (int, error){
		"wrong bytes": func(a lfstest.Action) (int, error) {
			return s.Put(a, strings.NewReader(strings.ToUpper(right)), int64(len(right))), nil
		},
		"short": func(a lfstest.Action) (int, error) { return s.Put(a, strings.NewReader(right[:10]), 10), nil },
		"long": func(a lfstest.Action) (int, error) {
			return s.Put(a, strings.NewReader(right+"!"), int64(len(right)+1)), nil
		},
		"empty": func(a lfstest.Action) (int, error) { return s.Put(a, http.NoBody, 0), nil },
		"without the checksum header": func(a lfstest.Action) (int, error) {
			return s.Put(with(a, checksum, ""), strings.NewReader(right), int64(len(right))), nil
		},
		"wrong bytes with their own checksum": func(a lfstest.Action) (int, error) {
			// What the store would accept if the header were not signed.
			return s.Put(with(a, checksum, base64OID(strings.ToUpper(right))), strings.NewReader(strings.ToUpper(right)), int64(len(right))), nil
		},
		"wrong bytes without the checksum": func(a lfstest.Action) (int, error) {
			return s.Put(with(a, checksum, ""), strings.NewReader(strings.ToUpper(right)), int64(len(right))), nil
		},
		"another checksum algorithm beside it": func(a lfstest.Action) (int, error) {
			return s.Put(with(a, "x-amz-checksum-crc32", "AAAAAA=="), strings.NewReader(strings.ToUpper(right)), int64(len(right))), nil
		},
		"cut off": func(a lfstest.Action) (int, error) { return 0, putCutOff(a, right[:15], len(right)) },
		"chunked and wrong": func(a lfstest.Action) (int, error) {
			return s.Put(a, io.MultiReader(strings.NewReader(strings.ToUpper(right))), -1), nil
		},
		"the link of another object": func(a lfstest.Action) (int, error) {
			other := s.Batch("upload", lfstest.ObjectOf("another content, to be sure"))[0].Actions["upload"]
			return s.Put(other, strings.NewReader(right), int64(len(right))), nil
		},
		"the link's key changed": func(a lfstest.Action) (int, error) {
			u, err := url.Parse(a.Href)
			if err != nil {
				return 0, err
			}
			oid := lfstest.OID("a key that nobody may write")
			u.Path = u.Path[:len(u.Path)-64] + oid
			a.Href = u.String()
			return s.Put(a, strings.NewReader(right), int64(len(right))), nil
		},
		"a copy of another object": func(a lfstest.Action) (int, error) {
			src := s.Upload("a source to copy from: " + t.Name())
			key := "/" + s.Config.Storage.Bucket + "/" + s.Config.Storage.Prefix + "lfs/" + src.OID[:2] + "/" + src.OID[2:4] + "/" + src.OID
			return s.Put(with(a, "x-amz-copy-source", key), http.NoBody, 0), nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			o := lfstest.ObjectOf(right)
			a := s.Batch("upload", o)[0]
			status, err := send(a.Actions["upload"])
			if err != nil {
				t.Fatal(err)
			}
			if status >= 200 && status < 300 {
				t.Errorf("the store took it: %d", status)
			}
			if got := s.Batch("download", o)[0]; got.Error == nil || got.Error.Code != 404 {
				t.Errorf("it is served: %+v", got)
			}
			verify := a.Actions["verify"]
			if resp, body := s.Post(verify.Href, verify.Header["Authorization"], o); resp.StatusCode != 404 {
				t.Errorf("verify: %s: %s", resp.Status, body)
			}
			if got := s.Batch("upload", o)[0]; got.Actions == nil {
				t.Errorf("it counts as present: %+v", got)
			}
		})
	}
}

// TestOverwrite: a link that is still good cannot change an object that is there.
func TestOverwrite(t *testing.T) {
	t.Parallel()
	s := lfstest.Start(t, assets.SharedStore(t))
	const right = "stored once and for all"
	o := lfstest.ObjectOf(right)
	link := s.Batch("upload", o)[0].Actions["upload"]
	s.Upload(right)
	for _, body := range []string{strings.ToUpper(right), "", right[:4]} {
		if status := s.Put(link, strings.NewReader(body), int64(len(body))); status < 300 {
			t.Errorf("the store took %q: %d", body, status)
		}
	}
	if err := putCutOff(link, right[:3], len(right)); err != nil {
		t.Fatal(err)
	}
	if got := s.Download(o); got != right {
		t.Errorf("the object is now %q", got)
	}
	// The same content again is what a repeated push sends.
	if status := s.Put(link, strings.NewReader(right), o.Size); status != 200 {
		t.Errorf("the right content again: %d", status)
	}
}

// TestVerify: what verify says, and to whom.
func TestVerify(t *testing.T) {
	t.Parallel()
	s := lfstest.Start(t, assets.SharedStore(t))
	there, absent := s.Upload("there"), lfstest.ObjectOf("not there")
	verifyOf := func(o lfstest.Object) string {
		return s.Batch("upload", o)[0].Actions["verify"].Header["Authorization"]
	}
	tokenOfAbsent := verifyOf(absent)
	write := lfstest.Basic(lfstest.WriteToken)
	for name, tc := range map[string]struct {
		authorization string
		body          any
		status        int
	}{
		"the object's token, not there":    {tokenOfAbsent, absent, 404},
		"another object's token":           {tokenOfAbsent, there, 403},
		"another size":                     {tokenOfAbsent, lfstest.Object{OID: absent.OID, Size: 1}, 403},
		"a write token, there":             {write, there, 200},
		"a write token, as Bearer":         {"Bearer " + lfstest.WriteToken, there, 200},
		"a write token, wrong size":        {write, lfstest.Object{OID: there.OID, Size: 1}, 422},
		"a write token, bad OID":           {write, lfstest.Object{OID: "abc"}, 422},
		"a write token, no JSON":           {write, []byte("{"), 400},
		"a read token":                     {lfstest.Basic(lfstest.ReadToken), there, 403},
		"nobody":                           {"", there, 401},
		"a token with one character wrong": {tamper(tokenOfAbsent), absent, 401},
		"a token cut short":                {tokenOfAbsent[:len(tokenOfAbsent)-8], absent, 401},
	} {
		t.Run(name, func(t *testing.T) {
			resp, body := s.Post(s.Root()+"/verify", tc.authorization, tc.body)
			if resp.StatusCode != tc.status {
				t.Errorf("%d, want %d: %s", resp.StatusCode, tc.status, body)
			}
		})
	}
	if resp, _ := s.Post(s.Root()+"/objects/batch", tokenOfAbsent, []byte(`{"operation":"download","objects":[]}`)); resp.StatusCode != 403 {
		t.Errorf("an action token opens the batch API: %d", resp.StatusCode)
	}
}

// tamper changes a character in the middle, where all of its bits count.
func tamper(s string) string {
	i := len(s) / 2
	c := byte('A')
	if s[i] == c {
		c = 'B'
	}
	return s[:i] + string(c) + s[i+1:]
}

// putCutOff announces a length, sends less and goes away.
func putCutOff(a lfstest.Action, part string, length int) error {
	u, err := url.Parse(a.Href)
	if err != nil {
		return err
	}
	conn, err := net.Dial("tcp", u.Host)
	if err != nil {
		return err
	}
	defer conn.Close()
	fmt.Fprintf(conn, "PUT %s HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n", u.RequestURI(), u.Host, length)
	for k, v := range a.Header {
		fmt.Fprintf(conn, "%s: %s\r\n", k, v)
	}
	fmt.Fprintf(conn, "\r\n%s", part)
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		return err
	}
	// Until the store has made up its mind: an answer, or the end.
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	if err == nil && resp.StatusCode < 300 {
		return fmt.Errorf("a body that was cut off was answered with %s", resp.Status)
	}
	return nil
}
