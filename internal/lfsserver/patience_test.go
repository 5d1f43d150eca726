package lfsserver_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/lfstest"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
	"github.com/lfs-operator/lfs-operator/test/assets"
)

// startImpatient runs a server that sends interim answers after almost no time, and
// whose store answers nothing while held is locked.
func startImpatient(t *testing.T) (s *lfstest.Server, held *sync.RWMutex) {
	store := assets.SharedStore(t)
	held = &sync.RWMutex{}
	return lfstest.Start(t, store, lfstest.WithConfig(func(c *serverconfig.Config) {
		c.Multipart = serverconfig.Multipart{ThresholdBytes: 1 << 20, PartSizeBytes: partSize}
		c.Storage.Bucket = store.NewBucket(t)
		c.Storage.Endpoint = startLiar(t, store, bucketFor(t, store, c.Storage), func(objectstore.Bucket, *http.Request) bool {
			held.RLock()
			defer held.RUnlock()
			return false
		}).URL
	}), lfstest.WithOptions(func(o *lfsserver.Options) { o.FirstInterim = 3 * time.Millisecond })), held
}

// uploaded is an upload that waits for its completion.
func uploaded(t *testing.T, s *lfstest.Server) (lfstest.Object, *actions) {
	t.Helper()
	c := content(2 * partSize)
	o := lfstest.ObjectOf(c)
	_, a := ask{agent: agentHF, transfers: []string{"basic", "multipart"}}.upload(t, s, o)
	putChunks(t, a.Upload, c)
	return o, a
}

// TestInterimAnswers: while an object is read back the connection is not silent,
// with the status that the client skips, and no byte of the answer goes out.
func TestInterimAnswers(t *testing.T) {
	s, held := startImpatient(t)
	for agent, want := range map[string]int{agentHF: 100, agentScript: 100, agentGit: 102, "node": 102} {
		t.Run(agent, func(t *testing.T) {
			o, a := uploaded(t, s)
			u, err := url.Parse(a.Upload.Href)
			if err != nil {
				t.Fatal(err)
			}
			conn, err := net.Dial("tcp", u.Host)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			body, _ := json.Marshal(o)
			held.Lock() // until it has been told to wait
			fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: %s\r\nContent-Length: %d\r\n\r\n%s", u.Path, u.Host, agent, len(body), body)
			r := bufio.NewReader(conn)
			_ = conn.SetReadDeadline(time.Now().Add(2 * time.Minute))
			release := sync.OnceFunc(held.Unlock)
			defer release()
			interim := 0
			for {
				resp, err := http.ReadResponse(r, nil)
				if err != nil {
					t.Fatal(err)
				}
				if resp.StatusCode >= 200 {
					if resp.StatusCode != 200 {
						t.Errorf("the end: %s", resp.Status)
					}
					break
				}
				if interim++; resp.StatusCode != want {
					t.Errorf("interim answer %d, want %d", resp.StatusCode, want)
				}
				release()
			}
			if interim == 0 {
				t.Error("no interim answer")
			}
		})
	}
}

// TestClientsSkipInterimAnswers asks with the HTTP stacks of real clients. Go's is
// asked by all other tests of this package.
func TestClientsSkipInterimAnswers(t *testing.T) {
	s, _ := startImpatient(t)
	for name, command := range map[string][]string{
		"python3": {"python3", "-c", `
import json, sys, http.client, urllib.parse
u = urllib.parse.urlparse(sys.argv[1])
c = http.client.HTTPConnection(u.netloc)
c.request("POST", u.path, sys.argv[2], {"User-Agent": "python-requests/2"})
r = c.getresponse()
print(r.status, r.read().decode())`},
		"node": {"node", "-e", `
fetch(process.argv[1], {method: "POST", body: process.argv[2]})
  .then(async r => console.log(r.status, await r.text()), e => console.log(e.cause ?? e))`},
		"curl": {"sh", "-c", `curl -sS -w ' %{http_code}' --data "$1" "$0"`},
	} {
		t.Run(name, func(t *testing.T) {
			assets.Client(t, name)
			o, a := uploaded(t, s)
			body, _ := json.Marshal(o)
			out, err := exec.Command(command[0], append(command[1:], a.Upload.Href, string(body))...).CombinedOutput()
			if err != nil || !strings.Contains(string(out), "200") || !strings.Contains(string(out), `"success":true`) {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
}
