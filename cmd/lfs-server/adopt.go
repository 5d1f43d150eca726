package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/adopt"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
	"github.com/lfs-operator/lfs-operator/internal/serverstatus"
)

// adoptObjects takes over what lies in the bucket already. It can be run again at
// any time, and goes on where it was cut off.
func adoptObjects(ctx context.Context, args []string, stdout io.Writer) error {
	var o storeOptions
	var request string
	fs := flag.NewFlagSet("lfs-server adopt", flag.ContinueOnError)
	o.register(fs)
	fs.StringVar(&request, "request", env("LFS_ADOPT_REQUEST", ""), "`name` of the request that this run answers")
	if err := parse(fs, args); err != nil {
		return err
	}
	boundMemory()
	cfg, _, err := serverconfig.Load(o.config)
	if err != nil {
		return err
	}
	if cfg.AdoptFrom == nil {
		return errors.New("the configuration names nothing to adopt: spec.adoptFrom is not set")
	}
	o.adopts = cfg.AdoptFrom
	to, err := o.connectAs(ctx, cfg)
	if err != nil {
		return err
	}
	from := *cfg
	from.Storage.Bucket = cfg.AdoptFrom.Bucket
	source, err := o.connectWith(&from, to.keys)
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(stdout, nil))
	report, err := adopt.Run(ctx, adopt.Options{
		Config: cfg, Request: request, Bucket: to.bucket, Source: source.bucket, Signer: to.signer,
		Guard: lfsserver.NewGCGuard(to.bucket, to.prefix),
		Log:   func(format string, args ...any) { log.Info(fmt.Sprintf(format, args...)) },
	})
	printAdoption(stdout, report)
	if err != nil {
		return fmt.Errorf("adopting from %s: %w", report.Source, withCause(err))
	}
	return nil
}

// withCause leaves out which call of many it was, where the store said what is wrong.
func withCause(err error) error {
	var f *objectstore.Fault
	if errors.As(err, &f) && errors.Is(err, objectstore.ErrDenied) {
		return fmt.Errorf("the store refuses it (%s): its key must be allowed to list and read there", f.Cause)
	}
	return err
}

func printAdoption(stdout io.Writer, r serverstatus.AdoptionReport) {
	fmt.Fprintf(stdout, "%s: %d objects with %d bytes are proven and in their place, %d of them were before; %d are not what their name says; %d keys name no object\n",
		r.Source, r.Objects, r.Bytes, r.Present, r.Wrong, r.Ignored)
}
