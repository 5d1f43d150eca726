package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/gc/explain"
	"github.com/lfs-operator/lfs-operator/internal/gc/index"
	gcreport "github.com/lfs-operator/lfs-operator/internal/gc/report"
	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
)

// askGC are the questions about garbage collection that a person asks, by
// kubectl exec in a server's pod: it has all that they need.
func askGC(ctx context.Context, args []string, stdout io.Writer) error {
	verbs := map[string]func(context.Context, *flag.FlagSet, []string, io.Writer) error{
		"explain": explainObjects, "undelete": undelete, "report": printReport,
	}
	names := strings.Join(slices.Sorted(maps.Keys(verbs)), ", ")
	if len(args) == 0 {
		return usageError{fmt.Errorf("gc needs one of: %s", names)}
	}
	verb := verbs[args[0]]
	if verb == nil {
		return usageError{fmt.Errorf("gc knows no %q, only: %s", args[0], names)}
	}
	return verb(ctx, flag.NewFlagSet("lfs-server gc "+args[0], flag.ContinueOnError), args[1:], stdout)
}

// open parses the flags and connects. What is left are OIDs.
func (o *storeOptions) open(ctx context.Context, fs *flag.FlagSet, args []string) (*serverconfig.Config, connection, error) {
	o.register(fs)
	if err := parseFlags(fs, args); err != nil {
		return nil, connection{}, err
	}
	for _, oid := range fs.Args() {
		if len(oid) != 64 || strings.Trim(oid, "0123456789abcdef") != "" {
			return nil, connection{}, usageError{fmt.Errorf("%q is not an OID: 64 lower-case hexadecimal digits", oid)}
		}
	}
	cfg, _, err := serverconfig.Load(o.config)
	if err != nil {
		return nil, connection{}, err
	}
	conn, err := o.connectAs(ctx, cfg)
	return cfg, conn, err
}

var errNoOID = usageError{errors.New("name at least one OID")}

// explainObjects says what the next run would do with objects, and why.
func explainObjects(ctx context.Context, fs *flag.FlagSet, args []string, stdout io.Writer) error {
	asJSON := fs.Bool("json", false, "print JSON")
	cfg, conn, err := new(storeOptions).open(ctx, fs, args)
	if err != nil {
		return err
	}
	if fs.NArg() == 0 {
		return errNoOID
	}
	answers, scanned, err := explain.Objects(ctx, explain.Source{Bucket: conn.bucket, Config: cfg}, fs.Args())
	if len(answers) > 0 {
		if err := explain.Write(stdout, answers, *asJSON); err != nil {
			return err
		}
	}
	if err == nil && !*asJSON {
		fmt.Fprintf(stdout, "(as of the scan that began %s)\n", scanned.UTC().Format(time.RFC3339))
	}
	return err
}

// undelete brings objects back from quarantine.
func undelete(ctx context.Context, fs *flag.FlagSet, args []string, stdout io.Writer) error {
	all := fs.Bool("all", false, "bring back everything that is in quarantine")
	_, conn, err := new(storeOptions).open(ctx, fs, args)
	if err != nil {
		return err
	}
	if *all == (fs.NArg() > 0) {
		return usageError{errors.New("name the OIDs, or --all")}
	}
	done, err := index.Undelete(ctx, conn.bucket, conn.prefix, fs.Args(), *all)
	for _, oid := range slices.Sorted(maps.Keys(done)) {
		fmt.Fprintf(stdout, "%s %s\n", oid, done[oid])
	}
	return err
}

// printReport prints the report of the last run.
func printReport(ctx context.Context, fs *flag.FlagSet, args []string, stdout io.Writer) error {
	format := fs.String("format", "text", "text, markdown or json")
	cfg, conn, err := new(storeOptions).open(ctx, fs, args)
	if err != nil {
		return err
	}
	write := gcreport.Formats[*format]
	if write == nil {
		return usageError{fmt.Errorf("--format is text, markdown or json, not %q", *format)}
	}
	rep, err := gcreport.Load(ctx, conn.bucket, conn.prefix)
	if err != nil {
		return err
	}
	if rep.ID == "" {
		return fmt.Errorf("no run of garbage collection of %s/%s has reported yet", cfg.Repository.Namespace, cfg.Repository.Name)
	}
	return write(rep, stdout)
}
