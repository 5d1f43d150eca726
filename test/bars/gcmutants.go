package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
)

// edit replaces a text that occurs exactly once in a file.
type edit struct{ file, old, new string }

// mutant is the real code of garbage collection and of the server with one guard
// switched off. The compiler gets the changed files instead of the real ones
// (go build -overlay), so the product holds no switches.
type mutant struct {
	name  string
	edits []edit
}

const (
	planFile     = "internal/gc/plan/decide.go"
	guardsFile   = "internal/gc/sweep/guards.go"
	deleteFile   = "internal/gc/sweep/delete.go"
	cleanupFile  = "internal/gc/sweep/cleanup.go"
	storeFile    = "internal/gc/index/store.go"
	guardFile    = "internal/gc/index/guard.go"
	batchGuard   = "internal/lfsserver/batch/guard.go"
	batchService = "internal/lfsserver/batch/service.go"
	memoryFile   = "internal/lfsserver/presence/memory.go"
)

// mutants: a line for each guard of docs/concepts/gc.md, "What each guard is for".
var mutants = []mutant{
	{"no quarantine", []edit{{planFile,
		"d.ScanStarted.Before(e.CondemnedAt.Add(d.Policy.Quarantine+second)) ||", ""}}},
	{"what history says now counts only before condemning", []edit{{planFile,
		"case s.verdict != nil && s.verdict.keeps():\n\t\treturn set(Keep", "case s.entry == nil && s.verdict != nil && s.verdict.keeps():\n\t\treturn set(Keep"}}},
	{"a scan of any age will do", []edit{{guardsFile, "age > r.Limits.ScanAge {", "age > 1000*r.Limits.ScanAge {"}}},
	{"no marker", []edit{{batchGuard, "err := view.Rescue(ctx, oid); err != nil", "err := error(nil); err != nil"}}},
	{"a marker that could not be written is as good as one", []edit{{batchGuard,
		"return Busy(\"an object could not be kept from garbage collection\", err)", "_ = err"}}},
	{"the index is not read for every batch", []edit{{guardFile,
		"\tbody, info, err := g.bucket.Get(ctx, g.prefix.GCIndex(), known.etag)\n",
		"\tif known.etag != \"\" {\n\t\treturn known, nil\n\t}\n\tbody, info, err := g.bucket.Get(ctx, g.prefix.GCIndex(), known.etag)\n"}}},
	{"objects are looked for before the index is read", []edit{
		{batchService, "\tanswers, err := begin(ctx, dialect, len(req.Objects))\n",
			"\tearly := map[string]error{}\n\tfor _, o := range req.Objects {\n\t\t_, early[o.OID] = s.Bucket.Head(ctx, s.Prefix.Object(o.OID))\n\t}\n" +
				"\tctx = context.WithValue(ctx, Service{}.Prefix, early)\n\tanswers, err := begin(ctx, dialect, len(req.Objects))\n"},
		{batchService, "\tinfo, err := s.Bucket.Head(ctx, s.Prefix.Object(o.OID))\n\tswitch {\n\tcase errors.Is(err, objectstore.ErrNotFound):\n\t\treturn s.wanted(",
			"\tinfo := objectstore.Info{Size: o.Size.Bytes}\n\terr := ctx.Value(Service{}.Prefix).(map[string]error)[o.OID]\n" +
				"\tswitch {\n\tcase errors.Is(err, objectstore.ErrNotFound):\n\t\treturn s.wanted("}}},
	{"what is being deleted is treated like what is condemned", []edit{
		{batchGuard, "\tcase Deleting:\n\t\treturn", "\tcase -1:\n\t\treturn"},
		{batchGuard, "\tcase Condemned:\n\t\tif err", "\tcase Condemned, Deleting:\n\t\tif err"}}},
	{"a sweep does not wait for servers", []edit{{deleteFile,
		"wait := r.Limits.AnswerWithin + second", "wait := time.Duration(0)"}}},
	{"markers are not listed after the wait", []edit{{deleteFile,
		"\t\t\tfates[e.OID] = rescued\n", "\t\t\t_ = e\n"}}},
	{"writes of the index are unconditional", []edit{{storeFile,
		"cond := objectstore.Condition{IfMatch: r.ETag, IfAbsent: r.ETag == \"\"}", "var cond objectstore.Condition"}}},
	{"a lease keeps nobody away", []edit{{guardsFile, "!now.After(over) {", "false {"}}},
	{"a delete never expires", []edit{{deleteFile,
		"e.Version, at, r.Limits.Expiry)", "e.Version, at, 1000*r.Limits.Expiry)"}}},
	{"the index is closed while a delete is unanswered", []edit{{deleteFile,
		"return fates[e.OID] == unanswered })", "return false })"}}},
	{"markers are removed at once", []edit{{cleanupFile, "if !m.Closed(r.index.Index) {", "if false {"}}},
	{"what is remembered outlives its generation", []edit{{memoryFile,
		"if e == nil || e.generation != generation {", "if e == nil {"}}},
}

// gcMutants builds each mutant and plays random schedules with it until one loses
// an object, or leaves garbage behind. GC_SCHEDULES says how many at most,
// GC_MUTANT of which mutants, by a part of their names.
func gcMutants(ctx context.Context, r *rig) error {
	survived := 0
	for _, m := range mutants {
		if !strings.Contains(m.name, os.Getenv("GC_MUTANT")) {
			continue
		}
		found, err := r.mutate(ctx, m)
		if err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
		if found == "" {
			survived++
			found = "SURVIVED"
		}
		r.say("without a guard (%s): %s", m.name, found)
	}
	bar("mutants-survived", survived)
	return nil
}

// mutate returns what the schedules found, and nothing when the mutant survived.
func (r *rig) mutate(ctx context.Context, m mutant) (string, error) {
	overlay, err := m.overlay(r.root, r.dir)
	if err != nil {
		return "", err
	}
	program := filepath.Join(r.dir, "mutant.test")
	build := exec.CommandContext(ctx, "go", "test", "-overlay", overlay, "-c", "-o", program, "./internal/gc/sweep")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	out, err := r.schedules(ctx, program, envNumber("GC_SCHEDULES", 3000), 1)
	var failed *exec.ExitError
	if err == nil || !errors.As(err, &failed) {
		return "", err
	}
	for line := range strings.Lines(out) {
		if _, found, ok := strings.Cut(line, "seed "); ok {
			return "seed " + strings.TrimSpace(found), nil
		}
	}
	return "", fmt.Errorf("it failed otherwise:\n%s", out)
}

// overlay writes the changed files and the list of them that the compiler reads.
func (m mutant) overlay(root, dir string) (string, error) {
	changed := map[string][]byte{}
	for _, e := range m.edits {
		src, ok := changed[e.file]
		if !ok {
			var err error
			if src, err = os.ReadFile(filepath.Join(root, e.file)); err != nil {
				return "", err
			}
		}
		if n := bytes.Count(src, []byte(e.old)); n != 1 {
			return "", fmt.Errorf("%s holds %q %d times, not once", e.file, e.old, n)
		}
		changed[e.file] = bytes.Replace(src, []byte(e.old), []byte(e.new), 1)
	}
	list := struct{ Replace map[string]string }{map[string]string{}}
	for file, src := range changed {
		path := filepath.Join(dir, "mutant-"+strings.ReplaceAll(file, "/", "-"))
		if err := os.WriteFile(path, src, 0o600); err != nil {
			return "", err
		}
		list.Replace[filepath.Join(root, file)] = path
	}
	raw, err := json.Marshal(list)
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "overlay.json")
	return path, os.WriteFile(path, raw, 0o600)
}

// schedules plays so many random schedules, from a seed on, and returns the output.
func (r *rig) schedules(ctx context.Context, program string, n, seed int) (string, error) {
	cmd := exec.CommandContext(ctx, program, "-test.run", "^TestSchedules$", "-test.timeout", "0", "-test.v")
	cmd.Env = append(os.Environ(), "GC_SCHEDULES="+strconv.Itoa(n), "GC_SEED="+strconv.Itoa(seed))
	cmd.Dir = filepath.Join(r.root, "internal/gc/sweep")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// gcSchedules plays random schedules with the code as it is, on every core.
func gcSchedules(ctx context.Context, r *rig) error {
	program := filepath.Join(r.dir, "schedules.test")
	if out, err := exec.CommandContext(ctx, "go", "test", "-c", "-o", program, "./internal/gc/sweep").CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	cores := runtime.NumCPU()
	each := (envNumber("GC_SCHEDULES", 100_000) + cores - 1) / cores
	r.say("playing %d random schedules", each*cores)
	outs, errs := make([]string, cores), make([]error, cores)
	var group sync.WaitGroup
	for i := range cores {
		group.Go(func() { outs[i], errs[i] = r.schedules(ctx, program, each, envNumber("GC_SEED", 1)+i*each) })
	}
	group.Wait()
	out := strings.Join(outs, "")
	lost, left := strings.Count(out, ": lost: "), strings.Count(out, ": garbage left: ")
	if err := errors.Join(errs...); err != nil && lost+left == 0 {
		return fmt.Errorf("%w\n%s", err, out)
	}
	r.say("%s", out)
	bar("schedules-lost", lost)
	bar("schedules-garbage-left", left)
	return nil
}

func envNumber(name string, fallback int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
		return n
	}
	return fallback
}
