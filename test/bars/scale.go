package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// scaleParts in the order in which they are measured.
var scaleParts = []rigPart{
	{"quota", quotaOvershoot},
	{"small", smallFootprint},
	{"availability", availabilityApart},
	{"gateway", gatewayApart},
	{"operator", operatorScale},
}

// scale measures those parts that are named, or all.
func scale(ctx context.Context, only []string) error { return measureOnRig(ctx, scaleParts, only) }

// usualSize is the number of LFSRepositories of an installation that is not small.
const usualSize = 1000

// scaleSizes are the numbers of LFSRepositories, from SCALE_SIZES.
func scaleSizes() (sizes []int, err error) {
	for _, word := range strings.Fields(cmp.Or(os.Getenv("SCALE_SIZES"), "100 1000 5000")) {
		n, err := strconv.Atoi(word)
		if err != nil || n < 1 || n > mostRepositories {
			return nil, fmt.Errorf("SCALE_SIZES: %q is not a number of repositories from 1 to %d", word, mostRepositories)
		}
		sizes = append(sizes, n)
	}
	return sizes, nil
}

// idleWindow is how long writes are counted while nothing happens, from SCALE_IDLE;
// 0: they are not.
func idleWindow() (time.Duration, error) {
	d, err := time.ParseDuration(cmp.Or(os.Getenv("SCALE_IDLE"), "10m"))
	if err == nil && d != 0 && d < time.Minute {
		err = fmt.Errorf("%s is neither 0 nor a minute or more", d)
	}
	if err != nil {
		return 0, fmt.Errorf("SCALE_IDLE: %w", err)
	}
	return d, nil
}
