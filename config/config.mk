# The operator's manifests. Included by the Makefile at the top; paths are
# relative to there.

# Image of the operator, of which all roles are run.
IMG ?= localhost/lfs-operator:dev
# What is installed: config/default, or config/namespaced for named namespaces.
OVERLAY ?= config/default
# kubectl is the one that the local cluster was built with, where there is one.
KUBECTL = $(if $(wildcard bin/kube/kubectl),bin/kube/kubectl,kubectl)
CONFIG := $(shell find config -type f -not -path 'config/samples/*')

##@ Install

.PHONY: install-manifest
install-manifest: dist/install.yaml ## Render everything that the operator needs into one file, dist/install.yaml (IMG=..., OVERLAY=config/namespaced).

# Rendered again when a manifest or the image has changed.
dist/install.yaml: $(CONFIG) dist/.image
	@command -v $(KUBECTL) >/dev/null || { echo "needs kubectl on the PATH, or: hack/build-tool.sh kube" >&2; exit 1; }
	$(KUBECTL) kustomize $(OVERLAY) | sed -E 's|^( *-? *)(image\|value): lfs-operator$$|\1\2: $(IMG)|' >$@.tmp
	@test "$$(grep -cF ': $(IMG)' $@.tmp)" = 2 || { echo "the image does not stand in both its places" >&2; exit 1; }
	@mv $@.tmp $@

.PHONY: FORCE
dist/.image: FORCE
	@mkdir -p dist; [ "$$(cat $@ 2>/dev/null)" = "$(IMG) $(OVERLAY)" ] || echo "$(IMG) $(OVERLAY)" >$@

.PHONY: deploy
deploy: install-manifest ## Install the operator into the current kubectl context (IMG=...).
	$(KUBECTL) apply --server-side -f dist/install.yaml
	$(KUBECTL) -n lfs-operator-system rollout status deployment/lfs-operator-manager --timeout=180s

.PHONY: undeploy
undeploy: install-manifest ## Remove all LFSRepositories (each by its deletionPolicy), then the operator, its CRDs and with them all LFSStores.
	$(KUBECTL) delete lfsrepositories.lfs-operator.dev --all --all-namespaces --ignore-not-found --timeout=10m
	$(KUBECTL) delete --ignore-not-found -f dist/install.yaml
