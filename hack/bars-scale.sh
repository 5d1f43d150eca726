#!/usr/bin/env bash
# bars-scale.sh [PART…]: the figures of an operator with many repositories, one "bar
# NAME VALUE" line each on standard output, everything else on standard error. Without
# PART (quota, availability, gateway, operator) it measures all, which takes about an hour.
#
#   SCALE_SIZES="100 1000 5000"  numbers of repositories that the operator is measured
#                            with. Each is given up after 3 minutes and 0.3 s per
#                            repository; without 5000 it takes half the time
#   AVAILABILITY_SECONDS=120 how long each disturbance lasts (needs root, as every local cluster)
#   SCALE_IDLE=10m           how long writes are counted while nothing happens
#   GATEWAY_SIZE=1Gi         what is pushed and pulled through a Gateway (root; builds Traefik first)
#
# A part that cannot be measured prints no bar. The others are measured all the
# same, and this ends with an error that says why.
set -euo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$ROOT"

make --no-print-directory test-tools build >&2
go build -o bin/bars ./test/bars
PATH=$ROOT/bin:$PATH exec bin/bars scale "$@"
