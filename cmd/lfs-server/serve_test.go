package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver/lfstest"
	"github.com/lfs-operator/lfs-operator/test/assets"
)

func TestCommandLine(t *testing.T) {
	for name, tc := range map[string]struct {
		args  []string
		usage bool
		want  string
	}{
		"no subcommand":      {nil, true, "subcommand is required"},
		"an unknown one":     {[]string{"serf"}, true, `unknown subcommand "serf"`},
		"an unknown flag":    {[]string{"serve", "--port", "1"}, true, "port"},
		"something left":     {[]string{"serve", "now"}, true, `unexpected argument "now"`},
		"a bad log level":    {[]string{"serve", "--log-level", "loud"}, true, "--log-level"},
		"no configuration":   {[]string{"serve", "--config", "/nowhere/config.yaml"}, false, "configuration"},
		"help":               {[]string{"help"}, false, ""},
		"a subcommand's own": {[]string{"version"}, false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			err := dispatch(t.Context(), tc.args, io.Discard)
			var usage usageError
			if errors.As(err, &usage) != tc.usage || (err == nil) != (tc.want == "") || (err != nil && !strings.Contains(err.Error(), tc.want)) {
				t.Errorf("%v, want an error with %q (usage error: %v)", err, tc.want, tc.usage)
			}
		})
	}
}

// TestServe starts the subcommand on the files of a server that runs already,
// finds its ports in the log and ends it as the kubelet would.
func TestServe(t *testing.T) {
	s := lfstest.Start(t, assets.SharedStore(t))
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	stderr := os.Stderr
	os.Stderr = w
	defer func() { os.Stderr = stderr }()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		err := serve(ctx, []string{
			"--config", filepath.Join(s.Dir, "config.yaml"), "--credentials-dir", filepath.Join(s.Dir, "credentials"),
			"--keys-dir", filepath.Join(s.Dir, "keys"), "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--drain-delay", "0",
		}, io.Discard)
		done <- errors.Join(err, w.Close())
	}()
	var first struct{ Msg, API, Admin string }
	lines := json.NewDecoder(r)
	if err := lines.Decode(&first); err != nil || first.Msg != "serving" {
		t.Fatalf("first line %+v: %v", first, err)
	}
	for url, want := range map[string]int{
		"http://" + first.Admin + "/healthz": 200,
		"http://" + first.API + "/":          404,
	} {
		resp, err := http.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		if err := resp.Body.Close(); err != nil || resp.StatusCode != want {
			t.Errorf("%s: %s %v", url, resp.Status, err)
		}
	}
	cancel()
	rest, err := io.ReadAll(io.MultiReader(lines.Buffered(), r))
	if err != nil || !bytes.Contains(rest, []byte(`"msg":"stopped"`)) {
		t.Errorf("log to the end: %s %v", rest, err)
	}
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(2 * time.Minute):
		t.Error("it does not end")
	}
}
