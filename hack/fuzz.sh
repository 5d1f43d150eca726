#!/usr/bin/env bash
# fuzz.sh [PATTERN]: runs every fuzz target whose "package Name" matches PATTERN (all
# without one) for FUZZTIME each (default 10m), one after the other, and says at the
# end how each went. Inputs that break a target are kept by Go in testdata/fuzz
# beside it: fix the parser and commit them.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
FUZZTIME=${FUZZTIME:-10m}

# targets: a line "package Name" for each.
targets() {
	grep -rEo --include='*_test.go' '^func Fuzz[A-Za-z0-9_]+' internal api cmd controllers |
		sed -E 's|^(.*)/[^/]*:func (Fuzz.*)|./\1 \2|' | sort
}

mapfile -t chosen < <(targets | grep -E -- "${1:-.}")
[ ${#chosen[@]} -gt 0 ] || { echo "fuzz: no target matches ${1-}" >&2; exit 2; }
echo "fuzz: ${#chosen[@]} targets, $FUZZTIME each"
summary='' failed=0 number=0
for target in "${chosen[@]}"; do
	read -r package name <<<"$target"
	number=$((number + 1))
	printf '\n==== %d of %d: %s %s (%s s so far)\n' "$number" "${#chosen[@]}" "$package" "$name" "$SECONDS"
	result=passed
	go test -run '^$' -fuzz "^$name\$" -fuzztime "$FUZZTIME" -fuzzminimizetime 10s "$package" || { result=FAILED failed=$((failed + 1)); }
	summary+=$(printf '%-7s %s %s' "$result" "$package" "$name")$'\n'
done
printf '\n==== %d targets in %d s, %d failed\n%s' "${#chosen[@]}" "$SECONDS" "$failed" "$summary"
[ "$failed" -eq 0 ]
