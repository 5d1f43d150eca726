#!/usr/bin/env bash
# images.sh SET...: makes container images, without a container engine or a
# registry, as archives in bin/images/, from where the cluster loads them.
#
#   dev      what the cluster itself needs (pause, CoreDNS), and the S3 store and
#            the Git server of tests and demo
#   product  the operator's own, built from cmd/ as it is now
#   gateway  a Gateway API implementation and its kinds, in a folder of their own:
#            clusters load all of the others when they start, and few need this one
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
CACHE=${LFS_OPERATOR_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/lfs-operator}
BIN=$ROOT/bin
OUT=$BIN/images

die() { echo "images: $*" >&2; exit 1; }

# certificates: the bundle of this machine, under the name it has in the image.
certificates() {
	local f
	for f in /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt; do
		[ -s "$f" ] && { echo "/etc/ssl/certs/ca-certificates.crt=$f"; return; }
	done
	die "this machine has no CA certificates: run hack/apt.sh test"
}

# cached NAME ARGS...: makes bin/images/NAME.tar by "mkimage ARGS", unless the
# same arguments with files of the same content were packed before.
cached() {
	local name=$1 hash stored
	shift
	hash=$({
		readlink "$BIN/mkimage"
		for arg in "$@"; do
			echo "$arg"
			# Of PATH=FILE, the content.
			case $arg in /*=/*) sha256sum <"${arg#*=}" ;; esac
		done
	} | sha256sum | cut -c1-16)
	stored=$CACHE/image-$name-$hash.tar
	if [ ! -e "$stored" ]; then
		"$BIN/mkimage" -o "$stored" "$@"
		find "$CACHE" -maxdepth 1 -name "image-$name-*.tar" -mtime +30 -delete
	fi
	touch "$stored"
	mkdir -p "$OUT"
	ln -sfn "$stored" "$OUT/$name.tar"
}

# git_files: git, its HTTP backend and the libraries that they load, each under
# the path that it has on this machine; git-lfs and a shell, so that a pod can push.
git_files() {
	local git core
	git=$(readlink -f "$(command -v git)")
	core=$(git --exec-path)
	printf '%s\n' "/usr/bin/git=$git" "$core/git-http-backend=$core/git-http-backend"
	printf '%s\n' "/usr/bin/git-lfs=$BIN/git-lfs" "/bin/sh=$(readlink -f /bin/sh)"
	ldd "$git" "$core/git-http-backend" "$(readlink -f /bin/sh)" | grep -o '/[^ ]*' | grep '\.so' | sort -u | sed 's|.*|&=&|'
}

dev() {
	"$ROOT/hack/build-tool.sh" mkimage pause coredns teststore gitserver git-lfs
	cached pause -name localhost/lfs-operator-pause:dev -entrypoint /pause "/pause=$BIN/pause"
	cached coredns -name localhost/lfs-operator-coredns:dev -entrypoint /coredns "/coredns=$BIN/coredns"
	cached teststore -name localhost/lfs-operator-teststore:dev -entrypoint /teststore \
		"/teststore=$BIN/teststore" "$(certificates)"
	local files
	mapfile -t files < <(git_files)
	[ ${#files[@]} -gt 2 ] || die "git's libraries were not found"
	# http-backend looks for git in git's own folder first.
	local core
	core=$(git --exec-path)
	cached gitserver -name localhost/lfs-operator-gitserver:dev -entrypoint /gitserver \
		-link "$core/git=/usr/bin/git" -dir /usr/share/git-core/templates "/gitserver=$BIN/gitserver" "${files[@]}"
}

gateway() {
	"$ROOT/hack/build-tool.sh" mkimage traefik
	OUT=$OUT/gateway cached gateway -name localhost/lfs-operator-gateway:dev -entrypoint /traefik \
		"/traefik=$BIN/traefik" "$(certificates)"
	local api kind
	api=$(cd "$ROOT/hack/gateway" && go list -m -f '{{.Dir}}' sigs.k8s.io/gateway-api)
	for kind in "$api"/config/crd/standard/*.yaml; do
		echo ---
		cat "$kind"
	done >"$OUT/gateway/crds.yaml"
}

product() {
	"$ROOT/hack/build-tool.sh" mkimage
	local work name
	work=$(mktemp -d)
	# shellcheck disable=SC2064 # now, while it has a value
	trap "rm -rf '$work'" EXIT
	for name in manager lfs-server; do
		(cd "$ROOT" && CGO_ENABLED=0 go build -trimpath -ldflags "-s -w" -o "$work/$name" "./cmd/$name")
	done
	mkdir -p "$OUT"
	# No entrypoint of one role is better than another's: a pod names its own.
	"$BIN/mkimage" -o "$OUT/lfs-operator.tar" -name "${IMG:-localhost/lfs-operator:dev}" \
		"/manager=$work/manager" "/lfs-server=$work/lfs-server" "$(certificates)"
}

[ $# -gt 0 ] || die "usage: hack/images.sh dev|product|gateway..."
for set_ in "$@"; do
	case $set_ in
	dev | product | gateway) "$set_" ;;
	*) die "no set $set_; there are: dev product gateway" ;;
	esac
done
