package assets

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	startTimeout = 2 * time.Minute // they take a moment, but on a machine that is busy
	stopTimeout  = 10 * time.Second
)

// command is a server to be started.
type command struct {
	bin  string
	args []string
	env  []string
	// addr and ready are for a server that does not say "listening on ADDRESS": an
	// address for its last argument, and whether it answers there.
	addr  func() (string, error)
	ready func(addr string) bool
}

// process is a running server.
type process struct {
	addr  string
	cmd   *exec.Cmd
	stdin io.Closer // held open: the server ends when it closes, even if we are killed
	done  chan struct{}
	log   *syncBuffer
}

// start tries again when the server could not bind: between finding a free port
// and taking it, somebody else may have taken it.
func start(c command) (p *process, err error) {
	for range 3 {
		if p, err = startOnce(c); err == nil {
			return p, nil
		}
	}
	return nil, err
}

func startOnce(c command) (*process, error) {
	p := &process{done: make(chan struct{}), log: &syncBuffer{}}
	var addr string
	if c.addr != nil {
		var err error
		if addr, err = c.addr(); err != nil {
			return nil, err
		}
		c.args = append(slices.Clone(c.args), addr)
	}
	cmd := exec.Command(c.bin, c.args...)
	p.cmd = cmd
	cmd.Env = append(os.Environ(), c.env...)
	cmd.Stderr = p.log
	// A group of its own, so that kill reaches whatever it has started.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var err error
	if p.stdin, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	line := make(chan string, 1)
	go func() {
		said, _ := bufio.NewReader(stdout).ReadString('\n')
		line <- strings.TrimPrefix(strings.TrimSpace(said), "listening on ")
		_, _ = io.Copy(io.Discard, stdout)
		_ = cmd.Wait()
		close(p.done)
	}()
	usable := line
	if c.ready != nil {
		usable = p.poll(addr, c.ready)
	}
	select {
	case p.addr = <-usable:
	case <-time.After(startTimeout):
	}
	if p.addr == "" {
		p.stop()
		return nil, fmt.Errorf("%s did not start: %s", c.bin, p.log)
	}
	return p, nil
}

// poll asks until the server answers, and sends its address then, or an empty one
// when it has ended.
func (p *process) poll(addr string, ready func(string) bool) chan string {
	usable := make(chan string, 1)
	go func() {
		for tick := time.NewTicker(pollInterval); ; {
			select {
			case <-p.done:
				usable <- ""
				return
			case <-tick.C:
			}
			if ready(addr) {
				usable <- addr
				return
			}
		}
	}()
	return usable
}

// stop ends the server and waits until its port is free again.
func (p *process) stop() {
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGTERM)
	_ = p.stdin.Close()
	select {
	case <-p.done:
	case <-time.After(stopTimeout):
		p.kill()
	}
}

// kill ends the server at once, in the middle of whatever it does.
func (p *process) kill() {
	if err := syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		panic(err)
	}
	_ = p.stdin.Close()
	<-p.done
}

// syncBuffer is a bytes.Buffer that a process writes while a test reads.
type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
