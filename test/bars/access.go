package main

import "context"

// accessParts in the order in which they are measured.
var accessParts = []rigPart{
	{"locks", lockRaces},
	{"list", lockList},
	{"auth", authBars},
	{"load", overload},
}

// access measures those parts that are named, or all.
func access(ctx context.Context, only []string) error {
	return measureOnRig(ctx, accessParts, only)
}
