package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/lfs-operator/lfs-operator/internal/layout"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/adopt"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
	"github.com/lfs-operator/lfs-operator/internal/serverstatus"
)

const (
	adoptObjects = 1000
	adoptBytes   = 256 << 10
	adoptTurns   = 5
	adoptPrefix  = layout.Prefix("left/")
	adoptMany    = 100_000
)

// adoption prints adopt-1000-ratio: adopting 1,000 objects of 256 KiB in place,
// against a bare loop that lists, reads and hashes the same objects, as many at a
// time, in turns; medians. Beside it adopt-1000-copy-ratio, where each object is
// also written, and adopt-100000-failed: how many of 100,000 small objects, one of
// them damaged, a run of the program that was killed and run again left out.
func adoption(ctx context.Context, r *rig) error {
	st, err := r.store(ctx)
	if err != nil {
		return err
	}
	bucket, err := st.newBucket(ctx)
	if err != nil {
		return err
	}
	defer st.drop(bucket)
	content := make([]byte, adoptBytes)
	all := make([]object, adoptObjects)
	for i := range all {
		_, _ = rand.Read(content[:64])
		sum := sha256.Sum256(content)
		all[i] = object{OID: hex.EncodeToString(sum[:]), Size: adoptBytes, content: bytes.Clone(content)}
	}
	if err := putObjects(ctx, st, bucket, adoptPrefix, all); err != nil {
		return err
	}
	var place, moved []float64
	for turn := range adoptTurns + 1 {
		bare, err := timed(func() error { return readAndHash(ctx, st, bucket) })
		if err != nil {
			return err
		}
		in, err := timed(func() error { return adoptOnce(ctx, st, bucket, bucket, adoptPrefix) })
		if err != nil {
			return err
		}
		other, err := st.newBucket(ctx)
		if err != nil {
			return err
		}
		out, err := timed(func() error { return adoptOnce(ctx, st, other, bucket, "new/") })
		st.drop(other)
		if err != nil {
			return err
		}
		r.say("turn %d: bare %.2fs, in place %.2fs, copied %.2fs", turn, bare, in, out)
		if turn > 0 { // the first one warms up
			place, moved = append(place, in/bare), append(moved, out/bare)
		}
	}
	bar("adopt-1000-ratio", median(place))
	bar("adopt-1000-copy-ratio", median(moved))
	return adoptKilled(ctx, r, st)
}

func timed(f func() error) (float64, error) {
	start := time.Now()
	err := f()
	return time.Since(start).Seconds(), err
}

// readAndHash is the bare loop.
func readAndHash(ctx context.Context, st *store, bucket string) error {
	c, err := st.client()
	if err != nil {
		return err
	}
	var keys []string
	for o := range c.Client.ListObjects(ctx, bucket, minio.ListObjectsOptions{Prefix: adoptPrefix.Objects(), Recursive: true}) {
		if o.Err != nil {
			return o.Err
		}
		keys = append(keys, o.Key)
	}
	if len(keys) != adoptObjects {
		return fmt.Errorf("%d objects are listed", len(keys))
	}
	return each(ctx, adopt.Workers, len(keys), func(ctx context.Context, i int) error {
		body, _, _, err := c.GetObject(ctx, bucket, keys[i], minio.GetObjectOptions{})
		if err != nil {
			return err
		}
		defer body.Close()
		h := sha256.New()
		if _, err := io.CopyBuffer(h, body, make([]byte, 256<<10)); err != nil {
			return err
		}
		if sum := hex.EncodeToString(h.Sum(nil)); !strings.HasSuffix(keys[i], sum) {
			return fmt.Errorf("%s has the SHA-256 %s", keys[i], sum)
		}
		return nil
	})
}

// adoptOnce adopts from a bucket; in place where it is the same one and prefix.
func adoptOnce(ctx context.Context, st *store, to, from string, prefix layout.Prefix) error {
	o, err := adoptOptions(st, to, from, prefix)
	if err != nil {
		return err
	}
	if to == from {
		raw := `{"uid":"another","namespace":"bars","name":"models"}`
		if _, err := o.Bucket.Put(ctx, prefix.Owner(), strings.NewReader(raw), int64(len(raw)), objectstore.Condition{}); err != nil {
			return err
		}
		if err := o.Bucket.Delete(ctx, prefix.AdoptionReport(), ""); err != nil {
			return err
		}
	}
	report, err := adopt.Run(ctx, o)
	if err == nil && (report.Objects != adoptObjects || report.Wrong != 0 || report.Present != 0) {
		err = fmt.Errorf("the report is %+v", report)
	}
	return err
}

func adoptOptions(st *store, to, from string, prefix layout.Prefix) (adopt.Options, error) {
	o := adopt.Options{Config: &serverconfig.Config{}, Guard: noGC{}, Log: func(string, ...any) {}}
	o.Config.Repository = serverconfig.Repository{Namespace: "bars", Name: "models", UID: rand.Text()}
	o.Config.Storage = serverconfig.Storage{Endpoint: st.endpoint, Region: st.region, Bucket: to, Prefix: string(prefix)}
	o.Config.AdoptFrom = &serverconfig.AdoptFrom{Bucket: from, Prefix: string(adoptPrefix)}
	creds := objectstore.Credentials{AccessKeyID: st.access, SecretAccessKey: st.secret}
	for name, into := range map[string]**objectstore.S3{to: &o.Bucket, from: &o.Source} {
		e, err := objectstore.ParseEndpoint(st.endpoint, st.region, name, false)
		if err != nil {
			return o, err
		}
		if *into, err = objectstore.NewS3(e, creds, objectstore.NewTransport(nil), nil); err != nil {
			return o, err
		}
		if name == to {
			o.Signer = objectstore.NewURLSigner(e, creds, time.Now)
		}
	}
	if to == from {
		if o.Bucket == nil {
			o.Bucket = o.Source
		}
		o.Source = o.Bucket
	}
	return o, nil
}

// adoptKilled runs the program over many objects, kills it midway, and runs it
// again.
func adoptKilled(ctx context.Context, r *rig, st *store) error {
	bucket, err := st.newBucket(ctx)
	if err != nil {
		return err
	}
	defer st.drop(bucket)
	r.say("planting %d objects", adoptMany)
	all := makeObjects("adopted", adoptMany)
	all[adoptMany/2].content = []byte("damaged")
	if err := plantObjects(st, bucket, all); err != nil {
		return err
	}
	r.say("%d objects lie there", len(all))
	defer r.sayStill("the adoption")()
	dir := filepath.Join(r.dir, "adopt")
	s := &lfsServer{dir: dir}
	s.config = barsConfig(st, "127.0.0.1:1", bucket)
	s.config.AdoptFrom = &serverconfig.AdoptFrom{Bucket: bucket, Prefix: "old/"}
	if err := s.writeFiles(st); err != nil {
		return err
	}
	run := func() *exec.Cmd {
		cmd := exec.CommandContext(ctx, r.bin("lfs-server"), "adopt", "--config", filepath.Join(dir, "config.yaml"), "--credentials-dir", filepath.Join(dir, "credentials"))
		cmd.Stderr = os.Stderr
		return cmd
	}
	first := run()
	if err := first.Start(); err != nil {
		return err
	}
	time.AfterFunc(5*time.Second, func() { _ = first.Process.Kill() })
	if err := first.Wait(); err == nil {
		return fmt.Errorf("the run was over before it was killed")
	}
	start := time.Now()
	if out, err := run().Output(); err != nil {
		return fmt.Errorf("the second run: %w\n%s", err, out)
	}
	report, err := adoptReport(ctx, st, bucket, layout.Prefix(s.config.Storage.Prefix))
	if err != nil {
		return err
	}
	r.say("the run after the one that was killed took %.0fs: %d objects, %d were there, %d wrong", time.Since(start).Seconds(), report.Objects, report.Present, report.Wrong)
	if report.Wrong != 1 || report.FinishedAt.IsZero() {
		return fmt.Errorf("the report is %+v", report)
	}
	bar("adopt-100000-failed", adoptMany-1-report.Objects)
	return nil
}

func adoptReport(ctx context.Context, st *store, bucket string, prefix layout.Prefix) (report serverstatus.AdoptionReport, err error) {
	c, err := st.client()
	if err != nil {
		return report, err
	}
	body, _, _, err := c.GetObject(ctx, bucket, prefix.AdoptionReport(), minio.GetObjectOptions{})
	if err != nil {
		return report, err
	}
	defer body.Close()
	return report, decode(body, &report)
}

// plantObjects puts files into the store's folder, under old/, behind its back: to
// send so many would take longer than to adopt them.
func plantObjects(st *store, bucket string, all []object) error {
	for i := range all {
		oid := all[i].OID
		path := filepath.Join(st.dir, bucket, "old", oid[:2], oid[2:4], oid)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, all[i].content, 0o600); err != nil {
			return err
		}
	}
	return nil
}
