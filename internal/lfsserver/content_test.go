package lfsserver_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"testing"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver/lfstest"
	"github.com/lfs-operator/lfs-operator/test/assets"
)

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
func putCutOff(method string, a lfstest.Action, part string, length int) error {
	u, err := url.Parse(a.Href)
	if err != nil {
		return err
	}
	conn, err := net.Dial("tcp", u.Host)
	if err != nil {
		return err
	}
	defer conn.Close()
	fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n", method, u.RequestURI(), u.Host, length)
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

func mustParse(t *testing.T, raw string) *url.URL {
	t.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	return u
}
