#!/usr/bin/env bash
# bars-gc.sh [PART…]: the figures of garbage collection, one "bar NAME VALUE" line
# each on standard output, everything else on standard error. Takes about 10
# minutes; without PART it measures all.
#
#   GC_SHARES="10 50 100"   at how many percent of the full history
#
# A part that cannot be measured prints no bar. The others are measured all the
# same, and this ends with an error that says why.
set -euo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$ROOT"

make --no-print-directory test-tools build >&2
go build -o bin/bars ./test/bars
PATH=$ROOT/bin:$PATH exec bin/bars gc "$@"
