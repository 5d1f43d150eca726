#!/usr/bin/env bash
# build-tool.sh NAME...: builds tools that tests, the local cluster, code
# generation and linting need, and links each into bin/. build-tool.sh --list names them.
#
# A build is kept outside the tree under the hash of everything that goes into
# it (sources, go.mod, go.sum, Go version, flags), so that a fresh clone, another
# branch or "git clean" does not pay for it again. Kubernetes alone takes minutes.
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
CACHE=${LFS_OPERATOR_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/lfs-operator}
BIN=$ROOT/bin
KUBE_COMPONENTS=(etcd kube-apiserver kube-controller-manager kube-scheduler kube-proxy kubelet kubectl)

# Identical flags for every tool: a package that two of them share is compiled once.
BUILD_FLAGS=(-trimpath -buildvcs=false -mod=readonly)
export CGO_ENABLED=0 GOFLAGS='' GOWORK=off

# describe NAME: sets dir (the module), pkg, ldflags and takes (what to expect).
describe() {
	ldflags="-s -w" takes="a few seconds"
	case $1 in
	kube)
		dir=hack/kube pkg=. takes="about 10 minutes on two cores, the first time"
		# Without a stamp the server calls itself v0.0.0 and kubectl and envtest
		# refuse to talk to it. The version is read from go.mod, its one home.
		local v minor p
		v=$(sed -n 's|^\tk8s.io/kubernetes ||p' "$ROOT/$dir/go.mod")
		minor=${v#v1.} minor=${minor%%.*}
		for p in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
			ldflags+=" -X $p.gitVersion=$v -X $p.gitMajor=1 -X $p.gitMinor=$minor"
			ldflags+=" -X $p.gitTreeState=clean -X $p.gitCommit=module -X $p.buildDate=1970-01-01T00:00:00Z"
		done
		;;
	coredns) dir=hack/coredns pkg=. takes="about 2 minutes, the first time" ;;
	teststore) dir=hack/store pkg=. takes="about a minute, the first time" ;;
	minio) dir=hack/minio pkg=github.com/minio/minio takes="about 5 minutes on two cores, the first time" ;;
	traefik) dir=hack/gateway pkg=github.com/traefik/traefik/v3/cmd/traefik takes="about 10 minutes on two cores, the first time" ;;
	git-lfs) dir=hack/gitlfs pkg=github.com/git-lfs/git-lfs/v3 takes="about half a minute, the first time" ;;
	git-lfs-test-server-api) dir=hack/gitlfs pkg=github.com/git-lfs/git-lfs/v3/t/$1 ;;
	gitserver | pause | mkimage) dir=hack/images pkg=./$1 ;;
	cluster) dir=hack/cluster pkg=. ;;
	pagecheck) dir=hack/browser pkg=. ;;
	controller-gen) dir=hack/tools pkg=sigs.k8s.io/controller-tools/cmd/controller-gen takes="about a minute, the first time" ;;
	golangci-lint) dir=hack/tools pkg=./golangci-lint takes="about 5 minutes, the first time" ;;
	*) die "no tool named $1; there are: ${TOOLS[*]}" ;;
	esac
}
TOOLS=(kube coredns teststore minio traefik git-lfs git-lfs-test-server-api gitserver pause mkimage cluster controller-gen golangci-lint)

die() { echo "build-tool: $*" >&2; exit 1; }
say() { echo "build-tool: $*" >&2; }

# fingerprint: 16 digits that change whenever the outcome of the build may.
fingerprint() {
	{
		go env GOVERSION GOOS GOARCH
		echo "$pkg ${BUILD_FLAGS[*]} $ldflags"
		cd "$ROOT/$dir"
		find . -type f ! -name '*_test.go' ! -name '*.md' -print0 | sort -z | xargs -0 sha256sum
	} | sha256sum | cut -c1-16
}

# progress NAME: a line every 30 s, for as long as this script lives.
progress() {
	local start=$SECONDS
	while sleep 30 && kill -0 $$ 2>/dev/null; do
		say "$1: still building after $((SECONDS - start)) s"
	done
}

# compile NAME DIR: builds into DIR.
compile() {
	local name=$1 out=$2 ticker rc=0 start=$SECONDS
	say "$name: building ($takes)"
	# The ticker must not keep the lock (9) when this script is killed.
	progress "$name" 9>&- & ticker=$!
	(cd "$ROOT/$dir" && go build "${BUILD_FLAGS[@]}" -ldflags "$ldflags" -o "$out/$name" "$pkg") \
		>"$out/build.log" 2>&1 || rc=$?
	kill "$ticker" 2>/dev/null || true
	wait "$ticker" 2>/dev/null || true
	if [ $rc -ne 0 ]; then
		cat "$out/build.log" >&2
		die "$name: go build failed in $dir (output above)"
	fi
	rm "$out/build.log"
	if [ "$name" = kube ]; then
		for c in "${KUBE_COMPONENTS[@]}"; do ln -s kube "$out/$c"; done
	fi
	say "$name: built in $((SECONDS - start)) s"
}

# link NAME STORED: bin/NAME points to the build; bin/kube is a folder of links.
link() {
	local target=$2/$1
	[ "$1" = kube ] && target=$2
	mkdir -p "$BIN"
	[ "$(readlink "$BIN/$1" 2>/dev/null)" = "$target" ] && return
	# Made aside and renamed: somebody may be starting the old one right now.
	ln -s "$target" "$BIN/.$1.$$"
	mv -T "$BIN/.$1.$$" "$BIN/$1"
}

build() {
	local name=$1 stored tmp
	describe "$name"
	stored=$CACHE/$name-$(fingerprint)
	if [ ! -d "$stored" ]; then
		mkdir -p "$CACHE"
		exec 9>"$CACHE/.lock-$name"
		if ! flock -n 9; then
			say "$name: waiting for another build of it to end"
			flock 9
		fi
		if [ ! -d "$stored" ]; then
			# Only killed builds leave these, and we hold the lock.
			rm -rf "$CACHE/.tmp-$name".*
			tmp=$(mktemp -d "$CACHE/.tmp-$name.XXXXXX")
			chmod 755 "$tmp"
			compile "$name" "$tmp"
			mv -T "$tmp" "$stored"
			# Builds of older sources that nobody has used for a month.
			find "$CACHE" -maxdepth 1 -type d -name "$name-????????????????" -mtime +30 -exec rm -rf {} +
		fi
		exec 9>&-
	fi
	touch "$stored"
	link "$name" "$stored"
}

[ $# -gt 0 ] || die "usage: hack/build-tool.sh NAME... | --list"
command -v go >/dev/null || die "needs Go $(sed -n 's/^go //p' "$ROOT/hack/kube/go.mod") or newer on the PATH"
if [ "$1" = --list ]; then
	printf '%s\n' "${TOOLS[@]}"
	exit
fi
for name in "$@"; do build "$name"; done
