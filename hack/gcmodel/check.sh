#!/usr/bin/env bash
# check.sh [unversioned|versioned|guards]…: explores the model of garbage collection
# with spin, in full, and then once more without each guard, which must show a loss.
# Prints "bar model-violations N" and what goes with it; everything else, and the
# shortest words about each counterexample, goes to standard error. Without an
# argument all three: some minutes, and less than 1 GiB of memory.
#
#   MODEL_MACROS="R=2 P=2"   other times, as gc.pml names them: larger ones take
#                            memory and time by the factor, and are as exhaustive
set -euo pipefail
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
"$HERE/../apt.sh" model

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# explore NAME MACRO…: sets errors, states, and cost; whole is 1 when all was explored.
explore() {
	local dir=$work/$1 macro
	shift
	mkdir "$dir"
	cp "$HERE/gc.pml" "$dir"
	for macro in ${MODEL_MACROS-}; do set -- "$@" "-D$macro"; done
	(
		cd "$dir"
		spin -a "$@" gc.pml
		gcc -w -O2 -DSAFETY -DCOLLAPSE -DMEMLIM=20000 -o pan pan.c
		./pan -m2000000
	) >"$dir/out" 2>&1 || true
	errors=$(sed -n 's/.*errors: \([0-9]*\).*/\1/p' "$dir/out")
	states=$(sed -n 's/ *\([0-9]*\) states, stored.*/\1/p' "$dir/out")
	mib=$(sed -n 's/ *\([0-9]*\)\.[0-9]*.*total actual memory usage.*/\1/p' "$dir/out")
	seconds=$(sed -n 's/.*elapsed time \([0-9.]*\) seconds.*/\1/p' "$dir/out")
	if [ -z "$errors" ]; then
		cat "$dir/out" >&2
		exit 1
	fi
	cost="$states states, ${mib:-?} MiB, ${seconds:-?} s"
	whole=1
	if grep -Eq 'max search depth too small|Search not completed|memory limit' "$dir/out"; then whole=0; fi
	if [ "$whole" = 0 ] && [ "$errors" = 0 ]; then
		echo "model: it was not explored in full ($*)" >&2
		exit 1
	fi
}

# protocol NAME MACRO…: a bar for the protocol as it is.
violations=0
protocol() {
	local name=$1
	shift
	explore "$name" "$@"
	echo "model: $name: $errors violations in all of $cost" >&2
	echo "bar model-states-$name $states"
	echo "bar model-mib-$name $mib"
	echo "bar model-s-$name $seconds"
	violations=$((violations + errors))
}

# What must fail: the macros that take a guard away, and its name.
GUARDS='
 Q=0                  quarantine
 S2EARLY=1,F=3        second scan after the quarantine
 NOS2=1               second scan
 FRESH=0              age of the second scan
 MISS=1               completeness of scans
 NORESC=1             marker
 NORESC=2             marker before the answer
 MKFAIL=1             429 when the marker cannot be written
 NOREVAL=1            the index is read for every batch
 HEADFIRST=1          the index before the object
 CACHE=1              memory ends with the generation
 MARK=1               generation of markers
 NODELST=1            429 while deleting
 W=0                  wait before the markers are listed
 NOLIST2=1            markers are listed after the wait
 NOCAS=1              conditional writes
 ABA=1                nonce
 NOLEASE=1            lease
 FENCE=0              expiry of a DELETE
 FENCE=0,VER=1        expiry of a DELETE, versioned bucket
 SIGNLATE=1           signed before the look at the index
 UNKCLOSE=1           closing only when every DELETE is answered or over
'

# What is redundant: without it no state is a loss either. It is kept as a second line.
REDUNDANT='
 NOCHECK=1            look at the index before a DELETE
 NOCHECK=1,VER=1      look at the index before a DELETE, versioned bucket
'

guards() {
	local macro text lost=0 without=0 proven=0
	while read -r macro text; do
		[ -n "$macro" ] || continue
		# shellcheck disable=SC2086 # several macros, between commas
		explore "guard-$macro" -D${macro//,/ -D}
		if [ "$errors" = 0 ]; then
			echo "model: without $text ($macro): no violation in $cost" >&2
			without=$((without + 1))
		else
			echo "model: without $text ($macro): an object is lost" >&2
			lost=$((lost + 1))
		fi
	done <<<"$GUARDS"
	while read -r macro text; do
		[ -n "$macro" ] || continue
		# shellcheck disable=SC2086
		explore "guard-$macro" -D${macro//,/ -D}
		echo "model: without $text ($macro): $errors violations in all of $cost; held to be redundant" >&2
		if [ "$errors" = 0 ]; then proven=$((proven + 1)); else violations=$((violations + errors)); fi
	done <<<"$REDUNDANT"
	echo "bar model-guards-with-counterexample $lost"
	echo "bar model-guards-without-counterexample $without"
	echo "bar model-guards-proven-redundant $proven"
}

[ $# -gt 0 ] || set -- unversioned versioned guards
for what in "$@"; do
	case $what in
	unversioned) protocol unversioned ;;
	versioned) protocol versioned -DVER=1 ;;
	guards) guards ;;
	*) echo "usage: check.sh [unversioned|versioned|guards]…" >&2; exit 2 ;;
	esac
done
echo "bar model-violations $violations"
