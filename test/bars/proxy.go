package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
)

const (
	// proxySize of the object that is sent through, both ways.
	proxySize = 1 << 30
	// proxyStreams at once, and the size of each one's object.
	proxyStreams    = 16
	proxyStreamSize = 128 << 20
	// ticksPerSecond of /proc/PID/stat (USER_HZ, the same on every Linux).
	ticksPerSecond = 100
)

// proxy is what transfer: Proxy costs the server. proxy-cpu-ratio: its CPU time for
// 1 GiB up and down, against a relay that copies and hashes and does nothing else.
// proxy-16-streams-rss-mib: the most memory that it held during 16 uploads at once,
// then 16 downloads, by the kernel's count (VmHWM).
func proxy(ctx context.Context, r *rig) error {
	s, err := r.newServer(ctx, func(c *serverconfig.Config) { c.Transfer = serverconfig.TransferProxy })
	if err != nil {
		return err
	}
	defer s.stop()
	defer r.shared.drop(s.bucket)
	ratios, err := interleaved(rounds, func(int) (float64, error) {
		return r.proxyRound("the server", s.program, func(o *hfObject) error { return s.throughServer(ctx, o, proxySize) })
	}, func(int) (float64, error) { return r.throughRelay(ctx, s.bucket) })
	if err != nil {
		return err
	}
	bar("proxy-cpu-ratio", median(ratios))
	s.stop()
	if err := r.start(ctx, s); err != nil {
		return err
	}
	first := newHFObject(proxyStreamSize)
	err = each(ctx, proxyStreams, proxyStreams, func(ctx context.Context, i int) error {
		size := int64(proxyStreamSize - i) // another object of the same bytes
		return s.throughServer(ctx, first.shorter(size), size)
	})
	if err != nil {
		return err
	}
	peak, err := s.peakRSS()
	if err == nil {
		bar("proxy-16-streams-rss-mib", peak)
	}
	return err
}

// proxyRound is one object through a process; it returns the CPU seconds of that.
func (r *rig) proxyRound(name string, p *program, through func(*hfObject) error) (float64, error) {
	o := newHFObject(proxySize)
	before, err := p.cpu()
	if err != nil {
		return 0, err
	}
	took, err := seconds(func() error { return through(o) })
	if err != nil {
		return 0, err
	}
	after, err := p.cpu()
	r.say("1 GiB up and down through %s: %.2f s, %.2f s of CPU", name, took, after-before)
	return after - before, err
}

// throughServer uploads an object and downloads it.
func (s *lfsServer) throughServer(ctx context.Context, o *hfObject, size int64) error {
	for _, operation := range []string{"upload", "download"} {
		body, err := json.Marshal(map[string]any{
			"operation": operation, "transfers": []string{"basic"}, "hash_algo": "sha256", "objects": []object{{OID: o.oid, Size: size}},
		})
		if err != nil {
			return err
		}
		raw, err := s.post(ctx, http.DefaultClient, body)
		if err != nil {
			return err
		}
		var a answer
		if err := json.Unmarshal(raw, &a); err != nil {
			return err
		}
		if len(a.Objects) != 1 || a.Objects[0].Actions[operation].Href == "" {
			return fmt.Errorf("no link: %.300s", raw)
		}
		if err := moveOne(ctx, operation, a.Objects[0].Actions[operation].Href, o, size); err != nil {
			return err
		}
	}
	return nil
}

// moveOne sends an object to a link, or takes it from there.
func moveOne(ctx context.Context, operation, link string, o *hfObject, size int64) error {
	method, body := http.MethodGet, io.Reader(nil)
	if operation == "upload" {
		method, body = http.MethodPut, o.part(0, size)
	}
	req, err := http.NewRequestWithContext(ctx, method, link, body)
	if err != nil {
		return err
	}
	if body != nil {
		req.ContentLength = size
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	n, err := io.Copy(io.Discard, resp.Body)
	switch {
	case err != nil:
		return err
	case resp.StatusCode != http.StatusOK:
		return fmt.Errorf("%s: %s", operation, resp.Status)
	case body == nil && n != size:
		return fmt.Errorf("%s: %d bytes of %d", operation, n, size)
	}
	return nil
}

// throughRelay does the same with a relay of its own.
func (r *rig) throughRelay(ctx context.Context, bucket string) (float64, error) {
	c, err := r.shared.client()
	if err != nil {
		return 0, err
	}
	const key = "relayed"
	put, err := c.PresignedPutObject(ctx, bucket, key, time.Hour)
	if err != nil {
		return 0, err
	}
	get, err := c.PresignedGetObject(ctx, bucket, key, time.Hour, nil)
	if err != nil {
		return 0, err
	}
	addr, err := freePort()
	if err != nil {
		return 0, err
	}
	p, err := r.launch(ctx, "relay", nil, r.bin("bars"), "relay", addr, put.String(), get.String())
	if err != nil {
		return 0, err
	}
	defer p.stop()
	err = p.await(10*time.Second, "listening", func() bool {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
	if err != nil {
		return 0, err
	}
	return r.proxyRound("a bare relay", p, func(o *hfObject) error {
		if err := moveOne(ctx, "upload", "http://"+addr, o, proxySize); err != nil {
			return err
		}
		return moveOne(ctx, "download", "http://"+addr, o, proxySize)
	})
}

// cpu is the CPU time of a process so far, in seconds (proc_pid_stat(5), utime and
// stime).
func (p *program) cpu() (float64, error) {
	raw, err := os.ReadFile(p.proc("stat"))
	if err != nil {
		return 0, err
	}
	// The program's name, in brackets, may hold anything.
	_, after, _ := strings.Cut(string(raw), ") ")
	fields := strings.Fields(after)
	if len(fields) < 13 {
		return 0, errors.New("stat has too few fields")
	}
	var ticks float64
	for _, field := range fields[11:13] {
		n, err := strconv.ParseFloat(field, 64)
		if err != nil {
			return 0, err
		}
		ticks += n
	}
	return ticks / ticksPerSecond, nil
}

// peakRSS is the most memory that a process has held.
func (p *program) peakRSS() (mib float64, err error) {
	raw, err := os.ReadFile(p.proc("status"))
	if err != nil {
		return 0, err
	}
	_, after, _ := strings.Cut(string(raw), "VmHWM:")
	var kib float64
	if _, err := fmt.Sscan(after, &kib); err != nil {
		return 0, fmt.Errorf("VmHWM: %w", err)
	}
	return kib / 1024, nil
}

// proc is a file of the kernel's about a process.
func (p *program) proc(name string) string {
	return filepath.Join("/proc", strconv.Itoa(p.cmd.Process.Pid), name)
}
