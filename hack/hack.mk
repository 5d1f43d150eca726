# The local cluster, and the programs that tests run against.
# Included by the Makefile at the top; paths are relative to there.

# Command of "make cluster-isolated".
CMD ?= kubectl get pods -A

##@ Local cluster and test tools

.PHONY: test-tools
test-tools: ## Install and build what tests run against: S3 store, Git server, git-lfs, kube-apiserver, etcd.
	hack/apt.sh test
	hack/build-tool.sh teststore gitserver git-lfs git-lfs-test-server-api kube

.PHONY: test-clients-tools
test-clients-tools: test-tools ## Install other people's clients that tests run: Node.js libraries, Python, curl, Debian's git-lfs.
	hack/apt.sh clients
	hack/clients.sh npm git-lfs

.PHONY: minio
minio: ## Build MinIO, the second S3 store of the tests (about 5 minutes, the first time).
	hack/build-tool.sh minio

.PHONY: cluster-tools
cluster-tools: ## Install and build all that the local cluster is made of, and its images.
	hack/apt.sh cluster
	hack/build-tool.sh cluster kube git-lfs
	hack/images.sh dev

.PHONY: cluster-up
cluster-up: cluster-tools ## Start a single-node Kubernetes on this machine (root; nothing to do if it is up).
	bin/cluster up

.PHONY: cluster-down
cluster-down: ## Stop it and remove everything it left.
	hack/build-tool.sh cluster
	bin/cluster down

.PHONY: cluster-status
cluster-status: ## Say what of the cluster runs, and where its logs are.
	hack/build-tool.sh cluster
	bin/cluster status

.PHONY: cluster-isolated
cluster-isolated: cluster-tools ## Run CMD beside a cluster of its own, which the kernel removes when CMD ends.
	bin/cluster isolated -- bash -c '$(CMD)'

.PHONY: images
images: ## Build the operator's image and those of the local cluster into bin/images/.
	hack/images.sh dev product

.PHONY: image
image: ## Build the operator's image (IMG names it) into bin/images/lfs-operator.tar.
	hack/images.sh product

.PHONY: hack-test
hack-test: ## Test the tools of hack/ themselves.
	cd hack/cluster && go vet ./... && go test $(GO_TEST_FLAGS) ./...
	cd hack/images && go vet ./... && go test $(GO_TEST_FLAGS) ./...
	cd hack/store && go vet ./...
	cd hack/browser && go vet ./...
