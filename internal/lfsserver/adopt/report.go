package adopt

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
	"github.com/lfs-operator/lfs-operator/internal/serverstatus"
)

// snapshot of the report.
func (r *run) snapshot() serverstatus.AdoptionReport {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := r.report
	out.WrongObjects = append([]serverstatus.WrongObject(nil), out.WrongObjects...)
	return out
}

// wrong logs an object that is not what its name says, and makes it an outcome.
func (r *run) wrong(key, oid string, size int64, sum string) outcome {
	r.Log("%s has the SHA-256 %s, which its name does not say (%d bytes): not adopted", key, sum, size)
	return outcome{wrong: &serverstatus.WrongObject{Key: key, OID: oid, Size: size, SHA256: sum}}
}

// write puts the report where the servers look for it.
func (r *run) write(ctx context.Context) error {
	report := r.snapshot()
	report.UpdatedAt = time.Now().UTC().Truncate(time.Second)
	raw, err := json.Marshal(report)
	if err != nil {
		return err
	}
	_, err = r.Bucket.Put(ctx, r.prefix.AdoptionReport(), bytes.NewReader(raw), int64(len(raw)), objectstore.Condition{})
	return err
}

// writeNow is not cut off when the work ends: a store may carry out a write that
// its client gave up, and carry it out after the last one.
func (r *run) writeNow(ctx context.Context) error {
	const patience = 30 * time.Second
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	return r.write(ctx)
}

// finish writes that all is done.
func (r *run) finish(ctx context.Context) error {
	r.mu.Lock()
	r.report.FinishedAt = time.Now().UTC().Truncate(time.Second)
	r.mu.Unlock()
	if err := r.write(ctx); err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	return nil
}

// maxReport in bytes; it holds serverstatus.MaxWrongObjects keys at the most.
const maxReport = 1 << 20

// last is the report that lies there; nil for none of this repository's.
func (r *run) last(ctx context.Context) (*serverstatus.AdoptionReport, error) {
	raw, _, err := objectstore.ReadSmall(ctx, r.Bucket, r.prefix.AdoptionReport(), "", maxReport)
	if errors.Is(err, objectstore.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	report := &serverstatus.AdoptionReport{}
	if json.Unmarshal(raw, report) == nil && report.UID == r.Config.Repository.UID {
		return report, nil
	}
	return nil, nil // another's, or nobody's: begun anew
}

// while writes the report, and does what else is to be done now and then, until
// work ends. An error of often ends the work.
func (r *run) while(ctx context.Context, often func(context.Context) error, work func(context.Context) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(r.Every)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			if err := often(ctx); err != nil && ctx.Err() == nil {
				cancel(err)
				return
			}
			if err := r.writeNow(ctx); err != nil {
				r.Log("the report could not be written: %v", err)
			}
		}
	}()
	err := work(ctx)
	if cause := context.Cause(ctx); cause != nil && err != nil {
		err = cause
	}
	cancel(nil)
	<-done
	return err
}
