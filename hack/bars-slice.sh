#!/usr/bin/env bash
# bars-slice.sh: the figures of the vertical slice, one "bar NAME VALUE" line each
# on standard output, everything else on standard error. Takes about 20 minutes;
# the cold figures, which take longer, have a script of their own.
#
#   bars-slice.sh                    all
#   bars-slice.sh cluster [PART…]    without the times of make demo and make test
#                                    (PART: image start ready idle push steady)
set -euo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$ROOT"

make --no-print-directory cluster-tools build image install-manifest >&2
go build -o bin/bars ./test/bars

if [ "${1:-all}" != cluster ]; then
	# Once to fill the caches, once for the figure.
	{ make --no-print-directory cluster-down; make --no-print-directory demo; make --no-print-directory cluster-down; } >&2
	bin/bars time demo-warm-s make --no-print-directory demo
	make --no-print-directory cluster-down >&2
	make --no-print-directory test >&2
	bin/bars time test-warm-s make --no-print-directory test GO_TEST_FLAGS=-count=1
fi

export IMAGE_TAR=$ROOT/bin/images/lfs-operator.tar
# shellcheck disable=SC2016 # expanded inside, where the variable has its value
hack/isolated.sh bash -c 'AUDIT_LOG=$LFS_OPERATOR_CLUSTER_DIR/log/audit.log exec bin/bars slice "$@"' bars "${@:2}"
