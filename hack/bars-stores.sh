#!/usr/bin/env bash
# bars-stores.sh [PART…]: the figures of what keeps tenants apart (who may do what,
# credentials, adoption, deletion), one "bar NAME VALUE" line each on standard
# output, everything else on standard error. Without PART it measures all:
#
#   breaches   tenant-breaches: attempts in every dialect, on versitygw and MinIO, and
#              at the API server
#   rbac       rbac-secret-verbs
#   cluster    secret-leaks, pss-violations, tenant-breaches-e2e; needs root
#   sts        sts-failed-commands, on MinIO
#   adopt      adopt-1000-ratio, adopt-1000-copy-ratio, adopt-100000-failed
#   deletion   deletion-stuck, a purge of 100,000 objects among its cases
#
#   LFS_TEST_SESSION_PUSHES=5m   how long sts pushes
#
# Each part ends within half an hour at the latest, and tells how far it is.
# A part that cannot be measured prints no bar. The others are measured all the
# same, and this ends with an error that says why.
set -euo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$ROOT"

# Parts that look at real pods; they bring up a cluster of their own.
in_cluster=" cluster "

needs="test-tools minio build"
[ $# -gt 0 ] || needs+=" cluster-tools image install-manifest"
for part in "$@"; do
	if [[ $in_cluster == *" $part "* ]]; then needs+=" cluster-tools image install-manifest"; fi
done
# shellcheck disable=SC2086 # several targets
make --no-print-directory $needs >&2
go build -o bin/bars ./test/bars
PATH=$ROOT/bin:$PATH exec bin/bars stores "$@"
