# The local cluster, and the programs that tests run against.
# Included by the Makefile at the top; paths are relative to there.

# Command of "make cluster-isolated".
CMD ?= kubectl get pods -A

##@ Local cluster and test tools

.PHONY: test-tools
test-tools: ## Install and build what tests run against: S3 store, Git server, git-lfs, kube-apiserver, etcd.
	hack/apt.sh test
	hack/build-tool.sh teststore gitserver git-lfs kube
