#!/usr/bin/env bash
# apt.sh SET: makes sure that the programs of a set are on this machine.
#
#   test     what "make test" runs beside what we build ourselves
#   clients  that, and other people's clients, for "make test-clients"
#   cluster  that, and what a Kubernetes node is made of
#   model    what explores the model of garbage collection
#   browser  what looks at the page for people
#
# A program that is there is left alone, whoever installed it, so this works on
# any Linux that has them all. What is missing is installed from Debian packages
# where that can be done; elsewhere the script says what to install and fails,
# before anything has been started.
set -euo pipefail

# One line per program: what proves that it is there, and its Debian package.
TEST_SET='
git                                       git
ssl-certificates                          ca-certificates
'
CLIENTS_SET=$TEST_SET'
python3                                   python3
curl                                      curl
node                                      nodejs
npm                                       npm
'
MODEL_SET='
spin                                      spin
gcc                                       gcc
'
CLUSTER_SET=$TEST_SET'
containerd                                containerd
ctr                                       containerd
runc                                      runc
cni-bridge                                containernetworking-plugins
nft                                       nftables
ip                                        iproute2
mount                                     mount
curl                                      curl
jq                                        jq
'
BROWSER_SET='
chromium                                  chromium
'

# present NAME: is this program (or file) here? sbin is not on everybody's PATH.
present() {
	case $1 in
	ssl-certificates) [ -s /etc/ssl/certs/ca-certificates.crt ] || [ -s /etc/pki/tls/certs/ca-bundle.crt ] ;;
	cni-bridge) [ -x /usr/lib/cni/bridge ] || [ -x /opt/cni/bin/bridge ] ;;
	*) PATH=$PATH:/usr/sbin:/sbin command -v "$1" >/dev/null ;;
	esac
}

# missing_packages SET: the packages, each once, of what is not present.
missing_packages() {
	local name package
	while read -r name package; do
		[ -z "$name" ] || present "$name" || echo "$package"
	done <<<"$1" | sort -u
}

# known: has apt a version of every package to offer? Not before its first update.
known() {
	local package
	for package in "$@"; do
		apt-cache policy "$package" 2>/dev/null | grep -q 'Candidate: [^(]' || return 1
	done
}

apt() {
	# A second apt waits for the first instead of failing.
	DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 "$@"
}

install() {
	echo "apt: installing $*" >&2
	if ! known "$@"; then
		apt update
	fi
	# Lists may be older than what the mirrors still hold: once more with new ones.
	apt install -y --no-install-recommends "$@" >/dev/null 2>&1 || {
		apt update
		apt install -y --no-install-recommends "$@" >/dev/null
	}
}

case ${1-} in
test) set_=$TEST_SET ;;
clients) set_=$CLIENTS_SET ;;
cluster) set_=$CLUSTER_SET ;;
model) set_=$MODEL_SET ;;
browser) set_=$BROWSER_SET ;;
*) echo "usage: hack/apt.sh test|clients|cluster|model|browser" >&2; exit 2 ;;
esac

mapfile -t packages < <(missing_packages "$set_")
if [ "$1" = cluster ] && [ "$(id -u)" -ne 0 ]; then
	echo "apt: a local cluster needs root (namespaces, mounts, containerd); nothing was started" >&2
	[ ${#packages[@]} -eq 0 ] || echo "apt: missing besides, by the names of their Debian packages: ${packages[*]}" >&2
	exit 1
fi
[ ${#packages[@]} -gt 0 ] || exit 0
if ! command -v apt-get >/dev/null || [ "$(id -u)" -ne 0 ]; then
	echo "apt: this machine lacks, by the names of their Debian packages: ${packages[*]}" >&2
	echo "apt: install them, or run this as root on Debian; nothing was started" >&2
	exit 1
fi

# Two make targets side by side must not both update the lists.
exec 9>"${TMPDIR:-/tmp}/lfs-operator-apt.lock"
flock 9
mapfile -t packages < <(missing_packages "$set_")
[ ${#packages[@]} -eq 0 ] || install "${packages[@]}"
mapfile -t packages < <(missing_packages "$set_")
if [ ${#packages[@]} -gt 0 ]; then
	echo "apt: still missing after the installation: ${packages[*]}" >&2
	exit 1
fi
