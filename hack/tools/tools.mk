# Code generation and linters. Included by the Makefile at the top; paths are
# relative to there. The versions are those of hack/tools/go.mod.

# What "make generate" writes, and nobody else.
GENERATED := api/v1alpha1/zz_generated.deepcopy.go api/v1alpha1/applyconfiguration config/crd/bases config/rbac/role.yaml

##@ Code generation and linters

.PHONY: generate
generate: bin/controller-gen ## Generate deepcopy, apply configurations, CRDs and the manager's RBAC from markers.
	bin/controller-gen object crd:maxDescLen=500 applyconfiguration \
		paths=./api/v1alpha1 output:crd:dir=config/crd/bases
	bin/controller-gen rbac:roleName=lfs-operator paths=./controllers/... output:rbac:dir=config/rbac

.PHONY: lint
lint: bin/golangci-lint ## Run go vet and golangci-lint (with the linters for Kubernetes APIs and logging).
	go vet -tags e2e ./...
	bin/golangci-lint run --config .golangci.yml ./...

.PHONY: verify
verify: verify-generated verify-format verify-modules ## Fail if generated code, formatting or go.mod is not as it should be.

.PHONY: verify-generated
verify-generated: generate
	@changed=$$(git status --porcelain -- $(GENERATED)); \
	if [ -n "$$changed" ]; then \
		echo "verify: generated files differ from what is committed; commit what \"make generate\" wrote:" >&2; \
		echo "$$changed" >&2; git diff --stat -- $(GENERATED) >&2; exit 1; \
	fi

.PHONY: verify-format
verify-format:
	@files=$$(git ls-files -co --exclude-standard '*.go' | xargs gofmt -l); \
	if [ -n "$$files" ]; then \
		echo "verify: not formatted; run gofmt -w on:" >&2; echo "$$files" >&2; exit 1; \
	fi

.PHONY: verify-modules
verify-modules:
	@go mod tidy -diff || { echo "verify: run go mod tidy" >&2; exit 1; }

# Phony: the script knows whether there is anything to do, and a link's time
# says nothing about it.
.PHONY: bin/controller-gen bin/golangci-lint
bin/controller-gen bin/golangci-lint:
	@hack/build-tool.sh $(@F)
