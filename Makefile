# Node comes with the dependencies (node_modules/.bin/node), so that any machine with npm will do.
SHELL := /bin/bash
export PATH := $(CURDIR)/node_modules/.bin:$(PATH)
.DEFAULT_GOAL := help
CHECKOV := 3.3.30

.PHONY: help
help: ## Show what can be made
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "  %-14s %s\n", $$1, $$2}'

node_modules/.package-lock.json: package.json package-lock.json
	npm ci --loglevel=error
	@touch $@

.PHONY: install
install: node_modules/.package-lock.json ## Install the dependencies, Node included

.PHONY: run
run: install ## Start a CA with sample profiles and say what to do next
	@npm run -s certctl -- serve --manifests crds/samples --data .cache/run --sample

.PHONY: test
test: check ## Check format, lint and types, then run all tests that need no network
	node tests/run.ts

.PHONY: test-unit
test-unit: install ## Run the tests of one folder: make test-unit FOLDER=ca
	node tests/run.ts $(FOLDER)

.PHONY: chart-generate
chart-generate: install ## Write what the Helm chart holds that is made from its values, the dashboard and the CRDs
	node charts/generator/generate.ts

.PHONY: chart-tools
chart-tools: install ## Fetch Helm 3 and 4 and Prometheus for the tests of the chart
	node charts/testing/install-tools.ts

.PHONY: chart-test
chart-test: chart-tools ## Render the Helm chart in many ways with Helm 3 and 4, judge it, and scrape a server as it says
	node --test 'charts/*.test.ts'

.PHONY: chart-scan
chart-scan: chart-tools ## Scan the rendered chart with checkov (fetched from PyPI for the first run)
	test -x .cache/checkov/bin/checkov || { python3 -m venv .cache/checkov && .cache/checkov/bin/pip install -q checkov==$(CHECKOV); }
	charts/scan.sh

.PHONY: check
check: install ## Check format, lint and types
	prettier --check --log-level warn .
	oxlint --type-aware --deny-warnings --quiet
	tsc --noEmit

.PHONY: fmt
fmt: install ## Format everything
	prettier --write --log-level warn .

.PHONY: e2e-clients
e2e-clients: install ## Run certbot, lego, uacme, dehydrated, acme-tiny, Caddy, Apache and acme-client against the server (root)
	e2e/install-clients.sh
	node e2e/clients/run.ts

.PHONY: e2e-cluster
e2e-cluster: install ## Run the operator against a real Kubernetes API server and cert-manager (root; Go for the first run)
	node e2e/cluster/run.ts $(CASES)

.PHONY: e2e-oldest
e2e-oldest: install ## Run the cases of e2e-cluster with the oldest Kubernetes that the chart is for (root; Go for the first run)
	node e2e/cluster/run.ts --oldest $(CASES)

.PHONY: e2e-image
e2e-image: install ## Build the container image without Docker, look at it and run it (root; a network for the first run)
	e2e/install-image-tools.sh
	node e2e/image/run.ts $(CASES)

.PHONY: e2e-install
e2e-install: install ## Install the chart in a real cluster with pods, without Docker, and use it (root; Go and a network for the first run)
	e2e/install-image-tools.sh
	e2e/install-node-tools.sh
	node e2e/install/run.ts $(CASES)

.PHONY: e2e-kind
e2e-kind: install ## The same in a cluster of kind (root, Docker, kind; Go for the first run)
	node e2e/install/run.ts --kind $(CASES)

.PHONY: crash
crash: install ## Kill the server at every step of issuance and validation and audit what is left
	node e2e/crash/run.ts

.PHONY: bench
bench: install ## Measure beside Pebble and step-ca (a quarter of an hour; BENCH_ARGS=--help)
	node bench/run.ts $(BENCH_ARGS)

.PHONY: image
image: ## Build the container image with docker, podman or buildah (IMAGE=name)
	image/build.sh

.PHONY: release
release: install ## Make the files of a release in dist/: chart, CRDs, sources, SBOM, changelog, checksums
	node release/run.ts $(RELEASE_ARGS)

.PHONY: clean
clean: ## Remove what builds, runs and tests left
	rm -rf .cache dist node_modules
