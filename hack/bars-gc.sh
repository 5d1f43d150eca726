#!/usr/bin/env bash
# bars-gc.sh [PART…]: the figures of garbage collection, one "bar NAME VALUE" line
# each on standard output, everything else on standard error. Without PART it measures
# all: model small plan scan sweep mutants schedules chaos. Takes about an hour on two
# cores, of which the mutants and the schedules are the larger part; chaos needs root.
#
#   GC_SHARES="10 50 100"   at how many percent of the full history
#   GC_SCHEDULES=100000     random schedules, and at most so many for each mutant
#   GC_MUTANT=PATTERN       only the mutants whose names match
#   GC_SEED=1               the first schedule
#   GC_CHAOS_FOR=5m         how long the chaos lasts
#   MODEL_MACROS="R=2"      other times of the model
#
# Histories are made once and kept in the build cache (LFS_OPERATOR_CACHE).
#
# A part that cannot be measured prints no bar. The others are measured all the
# same, and this ends with an error that says why.
set -euo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$ROOT"

make --no-print-directory test-tools build >&2
go build -o bin/bars ./test/bars
PATH=$ROOT/bin:$PATH exec bin/bars gc "$@"
