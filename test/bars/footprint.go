package main

import (
	"archive/tar"
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/derive"
	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
	"github.com/lfs-operator/lfs-operator/test/harness"
)

// imageSize adds up the files in the image and refuses one that holds a shell.
func imageSize(context.Context, *harness.Env, string) error {
	archive := os.Getenv("IMAGE_TAR")
	if archive == "" {
		return errors.New("IMAGE_TAR is not set: run this through make bars-slice")
	}
	f, err := os.Open(archive)
	if err != nil {
		return err
	}
	defer f.Close()
	var size int64
	for outer := tar.NewReader(f); ; {
		h, err := outer.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if !strings.HasSuffix(h.Name, ".tar") {
			continue // the manifest and the configuration
		}
		for layer := tar.NewReader(outer); ; {
			h, err := layer.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return err
			}
			switch path.Base(h.Name) {
			case "sh", "bash", "busybox", "dash":
				return fmt.Errorf("the image holds a shell: %s", h.Name)
			}
			size += h.Size
		}
	}
	if size == 0 {
		return fmt.Errorf("%s has no layer with files in it", archive)
	}
	bar("image-mb", float64(size)/1e6)
	return nil
}

// serverStart measures from the start of the process to its first 200.
func serverStart(ctx context.Context, env *harness.Env, dir string) error {
	conf, keys, err := serverFiles(dir)
	if err != nil {
		return err
	}
	var ms []float64
	for range rounds {
		const admin = "127.0.0.1:18081"
		cmd := exec.CommandContext(ctx, filepath.Join(env.Root, "bin/lfs-server"), "serve", "--config", conf, "--keys-dir", keys,
			"--credentials-dir", filepath.Join(dir, "none"), "--listen", "127.0.0.1:18080", "--admin-listen", admin)
		start := time.Now()
		if err := cmd.Start(); err != nil {
			return err
		}
		err := harness.Until(ctx, 10*time.Second, "server's first 200", func(context.Context) (bool, string) { return poll(admin, 2*time.Second) })
		took := time.Since(start)
		cmd.Process.Kill()
		cmd.Wait()
		if err != nil {
			return err
		}
		ms = append(ms, float64(took.Microseconds())/1e3)
	}
	bar("server-start-ms", median(ms))
	return nil
}

// poll asks without a pause for so long, since a millisecond counts here.
func poll(addr string, limit time.Duration) (bool, string) {
	client := http.Client{Timeout: time.Second}
	for end := time.Now().Add(limit); time.Now().Before(end); time.Sleep(200 * time.Microsecond) {
		resp, err := client.Get("http://" + addr + "/healthz")
		if err != nil {
			continue
		}
		resp.Body.Close()
		if resp.StatusCode == http.StatusOK {
			return true, ""
		}
	}
	return false, "no answer from " + addr
}

// serverFiles writes what the operator would mount.
func serverFiles(dir string) (conf, keys string, err error) {
	master, err := derive.NewMaster(make([]byte, derive.MasterKeySize))
	if err != nil {
		return "", "", err
	}
	id, key := master.SigningKey("bars", 1)
	keys = filepath.Join(dir, "keys")
	if err := os.MkdirAll(keys, 0o755); err != nil {
		return "", "", err
	}
	if err := os.WriteFile(filepath.Join(keys, id), key, 0o600); err != nil {
		return "", "", err
	}
	b, err := serverconfig.Marshal(&serverconfig.Config{
		Repository:  serverconfig.Repository{Namespace: "bars", Name: "start", UID: "bars", Generation: 1},
		Storage:     serverconfig.Storage{Endpoint: "http://127.0.0.1:9", Region: "us-east-1", Bucket: "bars", Prefix: "bars/"},
		Endpoints:   []serverconfig.Endpoint{{Scheme: "http", Host: "127.0.0.1:18080"}},
		SigningKeys: []serverconfig.SigningKey{{ID: id, Fingerprint: derive.Fingerprint(key), Signs: true}},
		GC:          serverconfig.GC{Mode: serverconfig.GCDryRun, GracePeriod: "168h", Quarantine: "168h", DeleteLimitPercent: 50},
		Policy:      serverconfig.Policy{ThresholdBytes: 5e6, KeepVersions: 5},
		Multipart:   serverconfig.Multipart{ThresholdBytes: 100e6, PartSizeBytes: 50e6, Dialect: "Auto"},
	})
	if err != nil {
		return "", "", err
	}
	conf = filepath.Join(dir, "config.yaml")
	return conf, keys, os.WriteFile(conf, b, 0o644)
}

// serverIdleRSS reads the memory of the servers that nobody has used for a while.
func serverIdleRSS(_ context.Context, env *harness.Env, _ string) error {
	const idle = 30 * time.Second
	env.Say("letting the servers idle for %s", idle)
	time.Sleep(idle)
	pids, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		return err
	}
	var mib []float64
	for _, p := range pids {
		cmdline, err := os.ReadFile(p)
		if err != nil || !strings.HasPrefix(string(cmdline), "/lfs-server\x00serve") {
			continue
		}
		kib, err := vmRSS(filepath.Join(filepath.Dir(p), "status"))
		if err != nil {
			return err
		}
		mib = append(mib, kib/1024)
	}
	if len(mib) == 0 {
		return errors.New("no LFS server is running")
	}
	bar("server-idle-rss-mib", median(mib))
	return nil
}

func vmRSS(status string) (kib float64, err error) {
	f, err := os.Open(status)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if v, ok := strings.CutPrefix(s.Text(), "VmRSS:"); ok {
			return strconv.ParseFloat(strings.Fields(v)[0], 64)
		}
	}
	return 0, fmt.Errorf("no VmRSS in %s", status)
}

// auditEvent is the part of an API server's audit event that counting needs.
type auditEvent struct {
	Stage     string
	Verb      string
	User      struct{ Username string }
	ObjectRef struct{ Resource, Namespace, Name, Subresource string }
	// RequestReceivedTimestamp by the API server's clock, which is this machine's.
	RequestReceivedTimestamp time.Time
}

// isRepositoryWrite is true for writes of the operator and of servers and GC.
// Leader election's lease is the operator's own and no repository's.
func (e *auditEvent) isRepositoryWrite() bool {
	account := strings.Split(e.User.Username, ":")
	if len(account) != 4 || account[1] != "serviceaccount" || e.ObjectRef.Resource == "leases" {
		return false
	}
	switch e.Verb {
	case "create", "update", "patch", "delete", "deletecollection":
		return account[2] == harness.OperatorNamespace || account[2] == "bars"
	}
	return false
}

// writesSince reads the API server's audit log.
func writesSince(from time.Time) ([]auditEvent, error) {
	f, err := os.Open(os.Getenv("AUDIT_LOG"))
	if err != nil {
		return nil, fmt.Errorf("the API server's audit log (AUDIT_LOG): %w", err)
	}
	defer f.Close()
	var writes []auditEvent
	seen := 0
	lines := bufio.NewScanner(f)
	for lines.Buffer(nil, 1<<20); lines.Scan(); seen++ {
		var e auditEvent
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			return nil, err
		}
		if e.isRepositoryWrite() && e.RequestReceivedTimestamp.After(from) {
			writes = append(writes, e)
		}
	}
	if seen == 0 {
		return nil, errors.New("the audit log is empty: nothing was counted")
	}
	return writes, lines.Err()
}

// steadyWrites counts what the operator and the servers write while nothing
// changes. What the pushes before it have caused is waited for.
func steadyWrites(ctx context.Context, env *harness.Env, _ string) error {
	const window, quiet = 5 * time.Minute, time.Minute
	env.Say("waiting for a minute without writes, then counting for %s", window)
	err := harness.Until(ctx, 5*time.Minute, "a minute without writes", func(context.Context) (bool, string) {
		writes, err := writesSince(time.Now().Add(-quiet))
		return err == nil && len(writes) == 0, fmt.Sprint(len(writes), " writes ", err)
	})
	if err != nil {
		env.Say("counting all the same: %v", err)
	}
	from := time.Now()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(window):
	}
	writes, err := writesSince(from)
	if err != nil {
		return err
	}
	for _, e := range writes {
		env.Say("write: %s %s %s/%s", e.Verb, e.ObjectRef.Resource, e.ObjectRef.Namespace, e.ObjectRef.Name)
	}
	bar("steady-writes", len(writes))
	return nil
}
