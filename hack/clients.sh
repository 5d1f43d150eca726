#!/usr/bin/env bash
# clients.sh NAME...: puts into bin/clients what "make test-clients" runs against the
# server beside what other tests do:
#
#   npm       node_modules/: the libraries of hack/npm/package.json, as its lock file
#             pins them
#   git-lfs   as Debian packages it, unpacked beside the machine's own
#
# Both are kept outside the tree, as hack/build-tool.sh keeps its builds.
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
CACHE=${LFS_OPERATOR_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/lfs-operator}
BIN=$ROOT/bin/clients

say() { echo "clients: $*" >&2; }

# keep NAME COMMAND…: runs COMMAND in a folder of its own, unless that has been done.
# The folder appears when it is whole. Prints its path.
keep() {
	local stored=$CACHE/$1 part
	shift
	if [ ! -d "$stored" ]; then
		mkdir -p "$CACHE"
		exec 9>"$CACHE/.lock-clients"
		flock 9
		if [ ! -d "$stored" ]; then
			part=$(mktemp -d "$CACHE/.tmp-clients.XXXXXX")
			chmod 755 "$part"
			(cd "$part" && "$@") >&2 || { rm -rf "$part"; return 1; }
			mv -T "$part" "$stored"
		fi
		exec 9>&-
	fi
	touch "$stored"
	echo "$stored"
}

install_npm() {
	say "installing $(grep -c '"node_modules/' "$ROOT/hack/npm/package-lock.json") npm packages"
	cp "$ROOT"/hack/npm/{package.json,package-lock.json,.npmrc} .
	npm ci --ignore-scripts --loglevel=error
}

# unpack_git_lfs needs no root, and leaves the machine's Git configuration alone,
# which installing the package would not.
unpack_git_lfs() {
	say "unpacking Debian's git-lfs"
	apt-get -qq -o APT::Sandbox::User=root download git-lfs
	dpkg-deb -x git-lfs_*.deb .
	rm git-lfs_*.deb
	ln -s usr/bin/git-lfs git-lfs
}

# put PATH NAME: bin/clients/NAME is a link to PATH.
put() {
	mkdir -p "$BIN"
	ln -sfn "$1" "$BIN/$2"
}

# candidate: the version that Debian offers, nothing before the first update.
candidate() { apt-cache policy git-lfs | sed -n 's/^ *Candidate: \([^(].*\)/\1/p' | tr -c 'A-Za-z0-9.\n' -; }

for name in "$@"; do
	case $name in
	npm)
		stored=$(keep "npm-$(cat "$ROOT"/hack/npm/package*.json | sha256sum | cut -c1-16)" install_npm)
		put "$stored/node_modules" node_modules
		;;
	git-lfs)
		command -v apt-get >/dev/null || { say "Debian's git-lfs needs Debian"; exit 1; }
		[ -n "$(candidate)" ] || apt-get -qq update >&2
		stored=$(keep "debian-git-lfs-$(candidate)" unpack_git_lfs)
		put "$stored/usr/bin/git-lfs" git-lfs
		;;
	*) say "no client named $name; there are npm and git-lfs"; exit 2 ;;
	esac
done
