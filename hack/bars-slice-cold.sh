#!/usr/bin/env bash
# bars-slice-cold.sh [demo|test]: how long "make demo" and "make test" take on a
# machine that has nothing: a fresh Debian in a folder (debootstrap), a clean
# clone, Go and no cache of any kind. Prints "bar demo-cold-s N" and
# "bar test-cold-s N"; everything else goes to standard error.
#
# The folder becomes the root of a mount and PID namespace of its own
# (pivot_root, since runc cannot start containers from within a plain chroot).
# The network is this machine's, because packages must come from somewhere, so
# no other local cluster may run meanwhile.
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

die() { echo "bars-slice-cold: $*" >&2; exit 1; }

# inside ROOTFS COMMAND…: COMMAND with ROOTFS as its root; called in fresh namespaces.
inside() {
	local root=$1; shift
	mount --bind "$root" "$root"
	mount -t proc proc "$root/proc"
	mount --rbind /dev "$root/dev"
	mount --rbind /sys "$root/sys"
	mount -t tmpfs tmpfs "$root/run"
	mkdir -p "$root/usr/local/go" "$root/old"
	mount --bind -o ro "$GOROOT" "$root/usr/local/go"
	cd "$root"
	pivot_root . old
	umount -l /old
	# Nothing of this shell's environment but how packages are reached.
	exec env -i HOME=/root PATH=/usr/local/go/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
		LANG=C.UTF-8 GOPROXY="$GOPROXY" GOTOOLCHAIN=local SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt \
		bash -euo pipefail -c "cd /src && $*"
}

if [ "${1:-}" = inside ]; then
	shift
	inside "$@"
fi

[ "$(id -u)" = 0 ] || die "needs root, to make a root file system and mount it"
command -v go >/dev/null || die "needs Go on the PATH"
command -v debootstrap >/dev/null || { apt-get update -q >&2; apt-get install -qy --no-install-recommends debootstrap >&2; }
GOROOT=$(go env GOROOT) GOPROXY=$(go env GOPROXY)
export GOROOT GOPROXY

work=$(mktemp -d /var/tmp/lfs-operator-cold.XXXXXX)
trap 'rm -rf --one-file-system "$work"' EXIT

echo "bars-slice-cold: making a bare Debian" >&2
debootstrap --variant=minbase --include=make,git,ca-certificates bookworm "$work/bare" >&2
git clone -q "$ROOT" "$work/bare/src"
cp -L /etc/resolv.conf "$work/bare/etc/resolv.conf"
# An installed Debian has this line; debootstrap leaves it to the installer.
echo "127.0.0.1 localhost" >"$work/bare/etc/hosts"
cp -L /etc/ssl/certs/ca-certificates.crt "$work/bare/etc/ssl/certs/ca-certificates.crt"

# measure NAME TARGET: a bar for "make TARGET".
measure() {
	local start
	cp -a "$work/bare" "$work/$1"
	echo "bars-slice-cold: make $2" >&2
	start=$SECONDS
	if ! unshare --mount --pid --fork --kill-child --propagation private "${BASH_SOURCE[0]}" inside "$work/$1" "make $2" >&2; then
		die "make $2 failed on a bare Debian (output above)"
	fi
	echo "bar $1 $((SECONDS - start))"
	rm -rf --one-file-system "${work:?}/$1"
}

what=${1:-all}
case $what in demo | test | all) ;; *) die "usage: bars-slice-cold.sh [demo|test]" ;; esac
# The demo leaves its cluster up; taking it down again is not part of the figure
# a person waits for, but the next measurement must not meet it. The namespaces'
# end does that for the processes; what is left in the kernel, cluster-down does.
if [ "$what" != test ]; then
	measure demo-cold-s demo
	make -C "$ROOT" --no-print-directory cluster-down >&2
fi
if [ "$what" != demo ]; then
	measure test-cold-s test
fi
