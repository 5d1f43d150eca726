package adopt

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver/batch"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/stream"
)

// client is the name that uploads of adoptions are registered under.
const client = "adoption"

// copyAll adopts from another prefix or bucket.
func (r *run) copyAll(ctx context.Context) error {
	if _, err := objectstore.Claim(ctx, r.Bucket, r.prefix, r.me(), ""); err != nil {
		return fmt.Errorf("claiming prefix %q: %w", r.prefix, err)
	}
	caps, err := objectstore.Probe(ctx, r.Bucket, r.Signer, r.prefix)
	if err != nil {
		return fmt.Errorf("trying the store: %w", err)
	}
	if lacks := objectstore.Lacks(caps); len(lacks) > 0 {
		return fmt.Errorf("the store cannot hold this repository: %s", strings.Join(lacks, "; and "))
	}
	to := &stream.Service{
		Store: r.Bucket, Receiver: objectstore.NewReceiver(r.Bucket, r.prefix, caps),
		Prefix: r.prefix, Guard: r.Guard, Now: time.Now,
	}
	err = r.while(ctx, func(context.Context) error { return nil }, func(ctx context.Context) error {
		return r.each(ctx, r.sourceKeys(ctx), func(ctx context.Context, info objectstore.Info) (outcome, error) {
			return r.copyOne(ctx, to, info)
		})
	})
	if err != nil {
		return err
	}
	return r.finish(ctx)
}

// sourceKeys are all keys of the source, but for what lies in the repository
// itself where that is a part of it.
func (r *run) sourceKeys(ctx context.Context) iter.Seq2[objectstore.Info, error] {
	within := r.Config.AdoptFrom.Bucket == r.Config.Storage.Bucket
	return func(yield func(objectstore.Info, error) bool) {
		for info, err := range r.Source.List(ctx, string(r.from), "") {
			if err == nil && within && strings.HasPrefix(info.Key, string(r.prefix)) {
				continue
			}
			if !yield(info, err) || err != nil {
				return
			}
		}
	}
}

// copyOne adopts one object. One that vanished since it was listed is none.
func (r *run) copyOne(ctx context.Context, to *stream.Service, info objectstore.Info) (outcome, error) {
	oid, ok := oidOf(r.under(info.Key))
	if !ok {
		return outcome{ignored: true}, nil
	}
	target := stream.Target{OID: oid, Size: info.Size, Client: client}
	w, err := to.Open(ctx, target, 0)
	var offset *stream.OffsetError
	if errors.As(err, &offset) && offset.Want < info.Size { // one that was cut off
		w, err = to.Open(ctx, target, offset.Want)
	}
	switch {
	case errors.As(err, &offset), err == nil && w.Ready():
		return outcome{size: info.Size, present: true}, nil
	case errors.Is(err, batch.ErrSize): // what is there is proven, so this is not
		return r.wrongSource(ctx, info, oid)
	case err == nil:
		err = r.send(ctx, w, info)
	}
	switch {
	case errors.Is(err, objectstore.ErrWrongContent):
		return r.wrongSource(ctx, info, oid)
	case errors.Is(err, errVanished):
		return outcome{ignored: true}, nil
	}
	return outcome{size: info.Size}, err
}

// errVanished: the object was deleted since it was listed.
var errVanished = errors.New("it is no longer there")

// send reads what the writer still needs, and makes the object appear.
func (r *run) send(ctx context.Context, w *stream.Writer, info objectstore.Info) error {
	left := info.Size - w.Offset()
	body, err := r.open(ctx, info, w.Offset())
	if errors.Is(err, objectstore.ErrNotFound) {
		return errVanished
	}
	if err != nil {
		return err
	}
	defer body.Close()
	if err := w.Receive(ctx, body, left); err != nil {
		return err
	}
	if !w.Ready() {
		return nil // it was one PUT
	}
	_, err = w.Finish(ctx)
	return err
}

func (r *run) open(ctx context.Context, info objectstore.Info, offset int64) (io.ReadCloser, error) {
	if offset > 0 {
		return r.Source.GetRange(ctx, info.Key, offset, info.Size-offset)
	}
	body, got, err := r.Source.Get(ctx, info.Key, "")
	if err == nil && got.Size != info.Size {
		body.Close()
		return nil, fmt.Errorf("%w: it changed since it was listed", objectstore.ErrUnavailable)
	}
	return body, err
}

// wrongSource finds out what an object is that is not what its name says.
func (r *run) wrongSource(ctx context.Context, info objectstore.Info, oid string) (outcome, error) {
	sum, err := objectstore.ContentSHA256(ctx, r.Source, info)
	if err != nil {
		return outcome{}, err
	}
	if sum == oid {
		return outcome{}, fmt.Errorf("%w: it was damaged on its way", objectstore.ErrUnavailable)
	}
	return r.wrong(info.Key, oid, info.Size, sum), nil
}
