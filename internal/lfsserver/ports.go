package lfsserver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// idleTimeout is how long a connection of a client may be silent.
const idleTimeout = 2 * time.Minute

// address is where to listen, unless a listener is given.
type address struct {
	given net.Listener
	addr  string
}

// listen opens all of the ports, or none.
func listen(addresses ...address) ([]net.Listener, error) {
	var open []net.Listener
	for _, a := range addresses {
		l, err := a.given, error(nil)
		if l == nil {
			l, err = net.Listen("tcp", a.addr)
		}
		if err != nil {
			for _, l := range open {
				err = errors.Join(err, l.Close())
			}
			return nil, err
		}
		open = append(open, l)
	}
	return open, nil
}

// port is an open one with what answers there.
type port struct {
	net.Listener
	handler http.Handler
}

// serve answers at ports, that of clients first, until ctx ends; then it drains the
// servers that there are by then. It returns nil after that, and an error when a port
// could not be served.
func serve(ctx context.Context, o *Options, ports []port, servers func() []*Server) error {
	var answering []*http.Server
	failed := make(chan error, len(ports))
	for _, p := range ports {
		server := newHTTPServer(o, p.handler)
		answering = append(answering, server)
		go func() { failed <- server.Serve(p) }()
	}
	select {
	case err := <-failed:
		return fmt.Errorf("serve: %w", errors.Join(err, closeAll(answering)))
	case <-ctx.Done():
	}
	o.Logger.Info("draining", "delay", o.DrainDelay.String())
	// The others last, so that metrics and status can be read to the end.
	var last []func(context.Context) error
	for _, server := range answering[1:] {
		last = append(last, server.Shutdown)
	}
	err := drain(o, servers(), answering[0].Shutdown, last...)
	if errors.Is(err, context.DeadlineExceeded) {
		o.Logger.Warn("requests were still running after the drain timeout")
		err = closeAll(answering)
	}
	o.Logger.Info("stopped")
	return err
}

func closeAll(servers []*http.Server) (err error) {
	for _, server := range servers {
		err = errors.Join(err, server.Close())
	}
	return err
}

// newHTTPServer has limits on everything that a client could stretch. Handlers set
// the deadlines of reading and writing themselves (instrument.go).
func newHTTPServer(o *Options, h http.Handler) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    32 << 10,
		ConnState:         newConnections(o.MaxConnections).watch,
		ErrorLog:          slog.NewLogLogger(o.Logger.Handler(), slog.LevelDebug),
	}
}
