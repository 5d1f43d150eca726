#!/usr/bin/env bash
# bars-transfers.sh [PART…]: the figures of the transfers, one "bar NAME VALUE" line
# each on standard output, everything else on standard error. Takes about 15
# minutes; without PART it measures all.
#
# Ratios are against a reference server that looks nothing up and proves nothing,
# on the same store. Its source is a folder beside this repository
# (../shared/bench); BENCH_DIR names another place.
#
# A part that cannot be measured prints no bar. The others are measured all the
# same, and this ends with an error that says why.
set -euo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$ROOT"

BENCH_DIR=${BENCH_DIR:-$ROOT/../shared/bench}
[ -f "$BENCH_DIR/main.go" ] || {
	echo "bars-transfers: no reference server in $BENCH_DIR: set BENCH_DIR to the folder with its main.go" >&2
	exit 1
}
make --no-print-directory test-tools minio build >&2
mkdir -p bin
(cd "$BENCH_DIR" && GOFLAGS=-trimpath GOWORK=off go build -o "$ROOT/bin/benchtool" .) >&2
go build -o bin/bars ./test/bars
PATH=$ROOT/bin:$PATH exec bin/bars transfers "$@"
