#!/usr/bin/env bash
# bars-scale.sh [PART…]: the figures of an operator with many repositories, one "bar
# NAME VALUE" line each on standard output, everything else on standard error. Takes
# about half an hour; without PART it measures all.
#
#   SCALE_SIZES="100 1000"   numbers of repositories; 5000 takes a quarter of an hour more
#   AVAILABILITY_SECONDS=120 how long each disturbance lasts (needs root, as every local cluster)
#   SCALE_IDLE=10m           how long writes are counted while nothing happens
#
# A part that cannot be measured prints no bar. The others are measured all the
# same, and this ends with an error that says why.
set -euo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$ROOT"

make --no-print-directory test-tools build >&2
go build -o bin/bars ./test/bars
PATH=$ROOT/bin:$PATH exec bin/bars scale "$@"
