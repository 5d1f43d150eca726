#!/usr/bin/env bash
# demo.sh: brings up a cluster and runs the demo in it (hack/demo/main.go).
#
#   CLUSTER=local      (built in) a single-node Kubernetes on this machine
#   CLUSTER=existing   the current kubectl context; its nodes must be able to get
#                      the images (IMG, STORE_IMG, GIT_IMG) and be reachable from here
set -euo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$ROOT"

export IMG=${IMG:-localhost/lfs-operator:dev}

say() { printf '[demo]    %s\n' "$*"; }
die() { echo "demo: $*" >&2; exit 1; }

# What is missing is said before anything is started.
missing=()
for program in go make; do
	command -v "$program" >/dev/null || missing+=("$program")
done
[ ${#missing[@]} -eq 0 ] || die "missing: ${missing[*]}; install them first, nothing was started"

case ${CLUSTER:-local} in
local)
	hack/apt.sh cluster
	say "building what the cluster is made of (the first time about 20 minutes on two cores)"
	make --no-print-directory cluster-tools
	say "building the operator's image"
	make --no-print-directory image install-manifest
	say "starting Kubernetes"
	bin/cluster up
	# An image of an earlier demo under the same name would win otherwise.
	bin/cluster load-image bin/images/lfs-operator.tar
	eval "$(bin/cluster env)"
	# The tag is always the same, so a manager that still runs keeps its old image.
	kubectl -n lfs-operator-system delete deployment lfs-operator-manager --ignore-not-found >/dev/null
	;;
existing)
	command -v kubectl >/dev/null || die "CLUSTER=existing needs kubectl on the PATH; nothing was started"
	context=$(kubectl config current-context) || die "kubectl has no current context: kubectl config use-context NAME"
	kubectl version >/dev/null || die "the cluster of context $context does not answer; nothing was started"
	hack/apt.sh test
	say "using the cluster of context $context, operator image $IMG"
	hack/build-tool.sh git-lfs
	make --no-print-directory install-manifest
	NODE_IP=${NODE_IP:-$(kubectl get nodes -o jsonpath='{.items[0].status.addresses[?(@.type=="InternalIP")].address}')}
	export NODE_IP
	;;
*) die "CLUSTER is local or existing, not $CLUSTER" ;;
esac
export NODE_IP

go build -o bin/demo ./hack/demo
exec bin/demo
