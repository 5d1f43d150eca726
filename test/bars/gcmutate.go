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
	"regexp"
	"strings"
)

// gcMutants builds each mutant and plays random schedules with it until one loses
// an object, or leaves garbage behind. GC_SCHEDULES says how many at most,
// GC_MUTANT of which mutants, as a regular expression.
func gcMutants(ctx context.Context, r *rig) error {
	wanted, err := regexp.Compile(os.Getenv("GC_MUTANT"))
	if err != nil {
		return fmt.Errorf("GC_MUTANT: %w", err)
	}
	survived, held := 0, 0
	for _, m := range mutants {
		if !wanted.MatchString(m.name) {
			continue
		}
		found, err := r.mutate(ctx, m)
		switch {
		case err != nil:
			return fmt.Errorf("%s: %w", m.name, err)
		case found != "" && m.redundant != "":
			found += "; it was held to be redundant: " + m.redundant
		case m.redundant != "":
			held++
			found = "nothing lost; redundant: " + m.redundant
		case found == "":
			survived++
			found = "SURVIVED"
		}
		r.say("without a guard (%s): %s", m.name, found)
	}
	bar("mutants-survived", survived)
	bar("mutants-redundant", held)
	return nil
}

// mutate returns what found the mutant, and nothing when it survived: first the
// random schedules, then the tests of the packages that it changes.
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
	out, err := r.schedules(ctx, program, envNumber("GC_SCHEDULES", mutantSchedules), nil)
	if _, found, ok := strings.Cut(out, "seed "); ok {
		found, _, _ = strings.Cut(found, "\n")
		return "seed " + found, nil
	}
	if err != nil || m.redundant != "" {
		return "", err
	}
	return r.tested(ctx, m, overlay)
}

// mutantSchedules are played with a mutant before it counts as one that they do
// not find.
const mutantSchedules = 6000

// tested returns the first test that a mutant fails.
func (r *rig) tested(ctx context.Context, m mutant, overlay string) (string, error) {
	args := []string{"test", "-overlay", overlay, "-count=1", "-failfast", "-timeout=2m", "./internal/gc/sweep"}
	for _, e := range m.edits {
		args = append(args, "./"+filepath.Dir(e.file))
	}
	cmd := exec.CommandContext(ctx, "go", args...)
	// Schedules have been played; here the tests play as few as they do alone.
	cmd.Env = append(os.Environ(), "GC_SCHEDULES=")
	out, err := cmd.CombinedOutput()
	var failed *exec.ExitError
	if err == nil || !errors.As(err, &failed) {
		return "", err
	}
	if _, name, ok := strings.Cut(string(out), "--- FAIL: "); ok {
		name, _, _ = strings.Cut(name, " ")
		return "no schedule, but " + name, nil
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
