package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// rig is what the transfers are measured with: one S3 store for all, and servers
// as processes of their own, started as a pod would start them.
type rig struct {
	// root of the source tree, dir for everything that is written.
	root, dir string
	began     time.Time
	shared    *store
	running   []*program
	// caged says once how the memory of jobs is limited.
	caged sync.Once
}

func newRig() (*rig, error) {
	root, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(root, "PROJECT")); err != nil {
		return nil, errors.New("run this at the top of the source tree (make bars-transfers)")
	}
	dir, err := os.MkdirTemp("", "bars-transfers-")
	return &rig{root: root, dir: dir, began: time.Now()}, err
}

// close stops what still runs and removes what was written.
func (r *rig) close() {
	for _, p := range r.running {
		p.stop()
	}
	_ = os.RemoveAll(r.dir)
}

// say prints a line of progress.
func (r *rig) say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "[%6.1fs] %s\n", time.Since(r.began).Seconds(), fmt.Sprintf(format, args...))
}

// bin is a program that hack/bars-transfers.sh has built.
func (r *rig) bin(name string) string { return filepath.Join(r.root, "bin", name) }

// prepareIsolated builds what hack/isolated.sh takes to run an end-to-end test.
func prepareIsolated(ctx context.Context) error {
	cmd := exec.CommandContext(ctx, "make", "--no-print-directory", "cluster-tools", "image", "install-manifest")
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("preparing the cluster: %w", err)
	}
	return nil
}

// inIsolated measures parts that need a cluster, in one of their own.
func (r *rig) inIsolated(ctx context.Context, args ...string) error {
	cmd := exec.CommandContext(ctx, "hack/isolated.sh", append([]string{r.bin("bars")}, args...)...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), "IMAGE_TAR="+filepath.Join(r.root, "bin", "images", "lfs-operator.tar"))
	return cmd.Run()
}

// program is a running process; its output stands in a file.
type program struct {
	name, log string
	cmd       *exec.Cmd
	ended     chan struct{}
}

// launch starts a process that ends with ctx, with stop or with the rig. stdout
// may be nil.
func (r *rig) launch(ctx context.Context, name string, stdout io.Writer, cmdline ...string) (*program, error) {
	p := &program{name: name, log: filepath.Join(r.dir, fmt.Sprintf("%s-%d.log", name, len(r.running))), ended: make(chan struct{})}
	log, err := os.Create(p.log)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	p.cmd = exec.CommandContext(ctx, cmdline[0], cmdline[1:]...)
	p.cmd.Cancel = func() error { return p.cmd.Process.Signal(os.Interrupt) }
	p.cmd.WaitDelay = 5 * time.Second
	p.cmd.Stderr, p.cmd.Stdout = log, stdout
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = p.cmd.Wait()
		close(p.ended)
	}()
	r.running = append(r.running, p)
	return p, nil
}

// stop ends the process and waits for it.
func (p *program) stop() {
	_ = p.cmd.Process.Signal(os.Interrupt)
	select {
	case <-p.ended:
	case <-time.After(5 * time.Second):
		_ = p.cmd.Process.Kill()
		<-p.ended
	}
}

// failure adds the end of the process's log to an error.
func (p *program) failure(err error) error {
	raw, _ := os.ReadFile(p.log)
	const most = 2000
	if len(raw) > most {
		raw = raw[len(raw)-most:]
	}
	return fmt.Errorf("%s: %w\n%s", p.name, err, raw)
}

// await asks until the answer is true or the process has ended. A millisecond
// counts in some figures, so the pauses are short.
func (p *program) await(limit time.Duration, what string, ready func() bool) error {
	for end := time.Now().Add(limit); ; time.Sleep(200 * time.Microsecond) {
		if ready() {
			return nil
		}
		select {
		case <-p.ended:
			return p.failure(errors.New("it ended"))
		default:
		}
		if time.Now().After(end) {
			return p.failure(fmt.Errorf("not within %s: %s", limit, what))
		}
	}
}

// store is the S3 store.
type store struct {
	*program
	// endpoint is http://host:port.
	endpoint, access, secret, region string
	// dir holds a folder for each bucket.
	dir string
}

// store starts the store that all parts share, unless it runs.
func (r *rig) store(ctx context.Context) (*store, error) {
	if r.shared != nil {
		return r.shared, nil
	}
	s := &store{access: "bars-key", secret: rand.Text(), region: "us-east-1", dir: filepath.Join(r.dir, "store")}
	out, in := io.Pipe()
	defer out.Close()
	// It outlives the part that asks first.
	p, err := r.launch(context.WithoutCancel(ctx), "teststore", in, r.bin("teststore"), "--dir", s.dir, "--listen", "127.0.0.1:0",
		"--access-key", s.access, "--secret-key", s.secret, "--region", s.region)
	if err != nil {
		return nil, err
	}
	s.program = p
	go func() {
		<-p.ended
		in.Close()
	}()
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return nil, p.failure(err)
	}
	s.endpoint = "http://" + strings.TrimPrefix(strings.TrimSpace(line), "listening on ")
	r.shared = s
	return s, nil
}

func (s *store) host() string { return strings.TrimPrefix(s.endpoint, "http://") }

// client is an S3 client with nothing of the product's in it.
func (s *store) client() (*minio.Core, error) {
	return minio.NewCore(s.host(), &minio.Options{
		Creds: credentials.NewStaticV4(s.access, s.secret, ""), Region: s.region,
		Transport: &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true},
	})
}

// newBucket makes an empty bucket.
func (s *store) newBucket(ctx context.Context) (string, error) {
	c, err := s.client()
	if err != nil {
		return "", err
	}
	name := "bars-" + strings.ToLower(rand.Text()[:12])
	return name, c.MakeBucket(ctx, name, minio.MakeBucketOptions{Region: s.region})
}

// drop frees the disk that a bucket takes, behind the store's back: deleting a
// hundred thousand objects one by one would take longer than measuring them.
func (s *store) drop(bucket string) { _ = os.RemoveAll(filepath.Join(s.dir, bucket)) }

// freePort is a port of the loopback interface that nobody listens on.
func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}
