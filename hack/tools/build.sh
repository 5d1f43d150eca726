#!/usr/bin/env bash
# hack/tools/build.sh NAME...: builds code generators and linters as go.mod beside
# it pins them, and links each into bin/. As hack/build-tool.sh does, it keeps
# builds outside the tree under the hash of what goes into them, because
# golangci-lint takes minutes and every clone and branch needs the same one.
set -euo pipefail

TOOLS=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
BIN=$(cd "$TOOLS/../.." && pwd)/bin
CACHE=${LFS_OPERATOR_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/lfs-operator}
export CGO_ENABLED=0 GOFLAGS='' GOWORK=off

# package_of NAME: what to build.
package_of() {
	case $1 in
	controller-gen) echo sigs.k8s.io/controller-tools/cmd/controller-gen ;;
	golangci-lint) echo ./golangci-lint ;;
	*) echo "hack/tools/build.sh: no tool named $1; there are controller-gen and golangci-lint" >&2 && return 1 ;;
	esac
}

# fingerprint: 16 digits that change whenever the outcome of a build may.
fingerprint() {
	{
		go env GOVERSION GOOS GOARCH
		cat go.mod go.sum build.sh golangci-lint/*.go
	} | sha256sum | cut -c1-16
}

cd "$TOOLS"
mkdir -p "$BIN" "$CACHE"
for name in "$@"; do
	package=$(package_of "$name")
	stored=$CACHE/$name-$(fingerprint)
	if [ ! -x "$stored/$name" ]; then
		echo "hack/tools: building $name (a few minutes on two cores, the first time)" >&2
		# One build at a time; whoever waited finds it done. Moved into place when
		# whole, so that a build that was killed leaves nothing that looks finished.
		(
			flock 9
			[ -x "$stored/$name" ] && exit
			part=$(mktemp -d "$CACHE/.part-$name.XXXXXX")
			trap 'rm -rf "$part"' EXIT
			go build -trimpath -buildvcs=false -mod=readonly -ldflags '-s -w' -o "$part/$name" "$package"
			chmod 755 "$part"
			rm -rf "$stored"
			mv -T "$part" "$stored"
		) 9>"$CACHE/.lock-$name"
	fi
	touch "$stored"
	ln -sfn "$stored/$name" "$BIN/$name"
done
