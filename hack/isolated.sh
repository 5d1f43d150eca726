#!/usr/bin/env bash
# isolated.sh CMD...: runs a command beside a cluster of its own, in namespaces
# that the kernel removes when the command ends. "make cluster-tools" has built
# what it takes. KUBECONFIG and NODE_IP are set, and kubectl is on the PATH.
#
#   LFS_OPERATOR_KEEP_LOGS=DIR   keep the cluster's logs there if the command fails
set -euo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
"$ROOT/hack/build-tool.sh" cluster
exec "$ROOT/bin/cluster" isolated -- "$@"
