#!/usr/bin/env bash
# bars-access.sh [PART…]: the figures of what stands before the transfers (locks,
# identities, load), one "bar NAME VALUE" line each on standard output, everything
# else on standard error. Takes about 5 minutes; without PART it measures all.
#
# The race for locks runs on versitygw and on MinIO.
# A part that cannot be measured prints no bar. The others are measured all the
# same, and this ends with an error that says why.
set -euo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$ROOT"

make --no-print-directory test-tools minio build >&2
go build -o bin/bars ./test/bars
PATH=$ROOT/bin:$PATH exec bin/bars access "$@"
