#!/usr/bin/env bash
# bars-access.sh [PART…]: the figures of what stands before the transfers (locks,
# identities, load, the page for people), one "bar NAME VALUE" line each on standard
# output, everything else on standard error. Takes about 10 minutes, of which "load"
# takes 6: the machine has to serve what came in one minute at four times its pace.
# Without PART it measures all.
#
# The race for locks runs on versitygw and on MinIO.
# The part "page" looks at the page in Chromium, which it installs.
# A part that cannot be measured prints no bar. The others are measured all the
# same, and this ends with an error that says why.
set -euo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$ROOT"

# page: a server that was used for a while, and Chromium before it.
page() {
	hack/apt.sh browser && hack/build-tool.sh pagecheck &&
		LFS_TEST_PAGECHECK=$ROOT/bin/pagecheck go test -count=1 -run '^TestPageInBrowser$' -v ./internal/lfsserver |
		tee /dev/stderr | grep '^bar '
}

rest=() page=$(($# == 0)) status=0
for part in "$@"; do
	if [ "$part" = page ]; then page=1; else rest+=("$part"); fi
done

make --no-print-directory test-tools minio build >&2
if [ $page -eq 1 ]; then page || status=1; fi
if [ $# -eq 0 ] || [ ${#rest[@]} -gt 0 ]; then
	go build -o bin/bars ./test/bars
	PATH=$ROOT/bin:$PATH bin/bars access "${rest[@]}" || status=1
fi
exit $status
