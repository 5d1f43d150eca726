package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// rigPart is a figure that is measured on the rig, or several that are measured
// together. Each part has a file of its own and a line in its table.
type rigPart struct {
	name    string
	measure func(context.Context, *rig) error
}

// transferParts in the order in which they are measured.
var transferParts = []rigPart{
	{"footprint", footprint},
	{"batch", batchRates},
	{"presign", presignParts},
	{"push", pushTimes},
	{"hf", hfMultipart},
	{"proxy", proxy},
	{"conformance", conformance},
	{"content", content},
}

// transfers measures those parts that are named, or all.
func transfers(ctx context.Context, only []string) error {
	return measureOnRig(ctx, transferParts, only)
}

// measureOnRig measures those parts that are named, or all. A part that fails keeps
// no other from being measured; what failed is said at the end.
func measureOnRig(ctx context.Context, parts []rigPart, only []string) error {
	var names []string
	for _, p := range parts {
		names = append(names, p.name)
	}
	for _, name := range only {
		if !slices.Contains(names, name) {
			return fmt.Errorf("no part %q; there are: %s", name, strings.Join(names, " "))
		}
	}
	r, err := newRig()
	if err != nil {
		return err
	}
	defer r.close()
	var failed []error
	for _, p := range parts {
		if len(only) > 0 && !slices.Contains(only, p.name) {
			continue
		}
		r.say("%s", p.name)
		if err := p.measure(ctx, r); err != nil {
			r.say("%s: %v", p.name, err)
			failed = append(failed, fmt.Errorf("%s: %w", p.name, err))
		}
		if ctx.Err() != nil {
			break
		}
	}
	return errors.Join(failed...)
}

// interleaved measures two things in turns, one warm-up round each and then as
// many as counted, and returns a/b of each round. Which goes first alternates, so
// that neither always finds the machine as the other left it.
func interleaved(counted int, a, b func(round int) (float64, error)) (ratios []float64, err error) {
	for i := range counted + 1 {
		var x, y float64
		if i%2 == 0 {
			x, err = a(i)
		}
		if err == nil {
			y, err = b(i)
		}
		if err == nil && i%2 == 1 {
			x, err = a(i)
		}
		if err != nil {
			return nil, err
		}
		if i > 0 {
			ratios = append(ratios, x/y)
		}
	}
	return ratios, nil
}
