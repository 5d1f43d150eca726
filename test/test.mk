# Tests, the demo, and the bars that are measured.

GO_TEST_FLAGS ?=

# Of one package: Go's own ten minutes are few for a machine that is busy.
GO_TEST_TIMEOUT ?= 30m

##@ Test and show

.PHONY: demo
demo: ## Show the main job end to end in a real cluster (CLUSTER=existing: in the one that kubectl points at).
	@hack/demo/demo.sh

.PHONY: test
test: test-tools ## Unit tests, envtest on a real kube-apiserver, the LFS server on a real S3 store.
	go test -timeout $(GO_TEST_TIMEOUT) $(GO_TEST_FLAGS) ./...

.PHONY: test-minio
test-minio: test-tools minio ## What meets the store once more, on MinIO instead of versitygw.
	TEST_STORE=minio go test -timeout $(GO_TEST_TIMEOUT) $(GO_TEST_FLAGS) ./test/assets ./internal/lfsserver/... ./cmd/lfs-server

.PHONY: test-clients
test-clients: test-clients-tools ## Tests with real clients, none of which may be missing: two git-lfs, Node.js libraries, Python, curl.
	TEST_CLIENTS=required go test -timeout $(GO_TEST_TIMEOUT) $(GO_TEST_FLAGS) -run 'Git|NPM|KohakuHub|Clients' ./internal/lfsserver

FUZZTIME ?= 10m

.PHONY: fuzz
fuzz: ## Fuzz every parser that a client can reach, each for FUZZTIME (FUZZ=PATTERN: only those).
	FUZZTIME=$(FUZZTIME) hack/fuzz.sh $(FUZZ)

.PHONY: e2e
e2e: cluster-tools image install-manifest ## End-to-end tests with real pods in an isolated cluster of their own.
	-hack/clients.sh git-lfs # only Debian has it; elsewhere its test is skipped
	hack/isolated.sh go test -tags e2e -count=1 -timeout 40m -v $(GO_TEST_FLAGS) ./test/e2e/...

.PHONY: bars-slice
bars-slice: ## Measure the vertical slice: "bar NAME VALUE" lines on standard output.
	@hack/bars-slice.sh

.PHONY: bars-slice-cluster
bars-slice-cluster: ## The same without the times of make demo and make test.
	@hack/bars-slice.sh cluster

.PHONY: bars-slice-cold
bars-slice-cold: ## Measure make demo and make test on a bare Debian with empty caches (about 50 minutes).
	@hack/bars-slice-cold.sh

.PHONY: bars-transfers
bars-transfers: ## Measure the transfers against a reference server, without a cluster (about 15 minutes).
	@hack/bars-transfers.sh

.PHONY: bars-access
bars-access: ## Measure locks, identities, load and the page for people, without a cluster (about 10 minutes).
	@hack/bars-access.sh

.PHONY: bars-gc
bars-gc: ## Measure garbage collection: model, mutants, schedules, scale, chaos (about an hour; PARTS="plan scan", GC_SHARES=10).
	@hack/bars-gc.sh $(PARTS)

.PHONY: bars-stores
bars-stores: ## Measure what keeps tenants apart: permissions, credentials, adoption, deletion (about 20 minutes; PARTS="breaches adopt").
	@hack/bars-stores.sh $(PARTS)

.PHONY: bars-scale
bars-scale: ## Measure quota, availability, a Gateway and the operator with 100, 1,000 and 5,000 repositories (over an hour; PARTS="gateway", SCALE_SIZES, SCALE_IDLE for less).
	@hack/bars-scale.sh $(PARTS)
