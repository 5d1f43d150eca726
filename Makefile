# lfs-operator. "make help" lists every target.
#
# What belongs to a folder lives in that folder's own .mk file; this one holds
# what a developer types daily.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
export CGO_ENABLED := 0
# The flags of hack/build-tool.sh: what Kubernetes, the product and its tests
# share is then compiled once.
export GOFLAGS := $(GOFLAGS) -trimpath

ROOT := $(patsubst %/,%,$(dir $(abspath $(lastword $(MAKEFILE_LIST)))))

include hack/hack.mk        # local cluster, test tools, images
include hack/tools/tools.mk # code generation, linters
include config/config.mk    # install manifest, deploy
include test/test.mk        # make test, e2e, demo, bars

##@ General

.PHONY: help
help: ## List every target.
	@awk 'BEGIN {FS = ":.*##"} /^[a-zA-Z0-9_.-]+:.*##/ {printf "  \033[36m%-22s\033[0m %s\n", $$1, $$2} /^##@/ {printf "\n\033[1m%s\033[0m\n", substr($$0, 5)}' $(MAKEFILE_LIST)

##@ Build

.PHONY: build
build: ## Build the manager and the LFS server into bin/.
	go build -trimpath -ldflags "-s -w" -o bin/manager ./cmd/manager
	go build -trimpath -ldflags "-s -w" -o bin/lfs-server ./cmd/lfs-server
