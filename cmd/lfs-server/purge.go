package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/lfs-operator/lfs-operator/internal/layout"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/purge"
	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
)

// purgeData deletes everything that a deleted repository left in the store. Its
// configuration comes by an environment variable alone, so that nobody runs it
// by mistake beside a server.
func purgeData(ctx context.Context, args []string, stdout io.Writer) error {
	o := storeOptions{}
	fs := flag.NewFlagSet("lfs-server purge", flag.ContinueOnError)
	o.registerSecrets(fs)
	if err := parse(fs, args); err != nil {
		return err
	}
	raw := os.Getenv(serverconfig.EnvPurgeConfig)
	if raw == "" {
		return usageError{errors.New(serverconfig.EnvPurgeConfig + " must hold the configuration; the operator sets it")}
	}
	cfg, err := serverconfig.Parse([]byte(raw))
	if err != nil {
		return err
	}
	to, err := o.connectAs(ctx, cfg)
	if err != nil {
		return err
	}
	st := cfg.Storage
	report, err := purge.Run(ctx, to.bucket, layout.Prefix(st.Prefix), cfg.Repository.UID)
	if report.Nothing != "" {
		fmt.Fprintf(stdout, "nothing to delete: %s\n", report.Nothing)
		return nil
	}
	fmt.Fprintf(stdout, "deleted %d objects under %q of bucket %q\n", report.Deleted, st.Prefix, st.Bucket)
	if err != nil {
		return fmt.Errorf("the store at %s: %s", st.Endpoint, objectstore.Cause(err))
	}
	return nil
}
