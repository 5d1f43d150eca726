package lfsserver

import (
	"net"
	"net/http"
	"sync"
	"time"
)

// maxConnections of clients at once. One that says nothing takes about 20 KiB.
const maxConnections = 1024

// connections closes the one that has been silent for longest when there are too
// many: whoever opens connections and says nothing keeps nobody out.
type connections struct {
	most int

	mu sync.Mutex
	// silent since; the zero time while a request runs. Guarded by mu.
	silent map[net.Conn]time.Time
}

func newConnections(most int) *connections {
	return &connections{most: most, silent: map[net.Conn]time.Time{}}
}

// watch is an http.Server's ConnState.
func (c *connections) watch(conn net.Conn, state http.ConnState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch state {
	case http.StateNew, http.StateIdle:
		c.silent[conn] = time.Now()
	case http.StateActive:
		c.silent[conn] = time.Time{}
	case http.StateClosed, http.StateHijacked:
		delete(c.silent, conn)
	}
	if len(c.silent) > c.most {
		c.closeOne()
	}
}

// closeOne closes the connection that has been silent for longest; where requests
// run on all of them there is none, and those end by their deadlines. The caller
// holds mu.
func (c *connections) closeOne() {
	var oldest net.Conn
	for conn, since := range c.silent {
		if !since.IsZero() && (oldest == nil || since.Before(c.silent[oldest])) {
			oldest = conn
		}
	}
	if oldest != nil {
		delete(c.silent, oldest)
		_ = oldest.Close()
	}
}
