package assets

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	startTimeout = 20 * time.Second
	stopTimeout  = 10 * time.Second
)

// process is a server that says "listening on ADDRESS" when it can be used.
type process struct {
	addr  string
	cmd   *exec.Cmd
	stdin io.Closer // held open: the server ends when it closes, even if we are killed
	done  chan struct{}
	log   *syncBuffer
}

// start tries again when the server could not bind: between finding a free port
// and taking it, somebody else may have taken it.
func start(bin string, env []string, args ...string) (p *process, err error) {
	for range 3 {
		if p, err = startOnce(bin, env, args...); err == nil {
			return p, nil
		}
	}
	return nil, err
}

func startOnce(bin string, env []string, args ...string) (*process, error) {
	cmd := exec.Command(bin, append(args, "--with-parent")...)
	p := &process{cmd: cmd, done: make(chan struct{}), log: &syncBuffer{}}
	cmd.Env = append(os.Environ(), env...)
	cmd.Stderr = p.log
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
	ready := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(stdout).ReadString('\n')
		ready <- strings.TrimPrefix(strings.TrimSpace(line), "listening on ")
		_, _ = io.Copy(io.Discard, stdout)
		_ = cmd.Wait()
		close(p.done)
	}()
	select {
	case p.addr = <-ready:
	case <-time.After(startTimeout):
	}
	if p.addr == "" {
		p.stop()
		return nil, fmt.Errorf("%s did not start: %s", bin, p.log)
	}
	return p, nil
}

// stop ends the server and waits until its port is free again.
func (p *process) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	_ = p.stdin.Close()
	select {
	case <-p.done:
	case <-time.After(stopTimeout):
		p.kill()
	}
}

// kill ends the server at once, in the middle of whatever it does.
func (p *process) kill() {
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
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
