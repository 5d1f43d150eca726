package lfsserver_test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/lfstest"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/transfer"
	"github.com/lfs-operator/lfs-operator/test/assets"
)

// counting counts connections.
type counting struct {
	net.Listener
	n atomic.Int64
}

func (c *counting) Accept() (net.Conn, error) {
	conn, err := c.Listener.Accept()
	if err == nil {
		c.n.Add(1)
	}
	return conn, err
}

// TestGitKeepsConnections: git-lfs verifies large objects over the connections that it
// has. It closes answers unread, so one with a body would cost it a connection each
// time.
func TestGitKeepsConnections(t *testing.T) {
	t.Parallel()
	const files = 30
	var l *counting
	s := lfstest.Start(t, assets.SharedStore(t), lfstest.WithOptions(func(o *lfsserver.Options) {
		l = &counting{Listener: o.APIListener}
		o.APIListener = l
	}))
	b := newGitBox(t)
	work, _ := b.repository(s, lfstest.WriteToken)
	for i := range files {
		if err := os.WriteFile(filepath.Join(work, fmt.Sprintf("%d.bin", i)), random(t, transfer.Unverified+1), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b.git(work, "add", ".")
	b.git(work, "commit", "-m", "files")
	before := l.n.Load()
	b.git(work, "push", "origin", "main")
	if n := strings.Count(s.Log.String(), `"operation":"verify"`); n != files {
		t.Errorf("%d objects verified", n)
	}
	if n := l.n.Load() - before; n > files/2 {
		t.Errorf("%d connections for %d objects", n, files)
	}
}
