# The targets that people use; `make` alone lists them.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules

# A shell without HOME (cron, env -i) still has a home folder.
ifeq ($(strip $(HOME)),)
export HOME := $(shell getent passwd "$$(id -u)" | cut -d: -f6)
endif

MODES   ?= root,rootless,kwok
LINE    := 0.1.0
VERSION ?= $(LINE)-build.$(shell git rev-list --count HEAD 2>/dev/null || echo 0)
# What programs say that BOSH compiles: without a given version the line alone, so
# that a commit which does not touch them compiles nothing anew.
STAGED  := $(if $(filter file,$(origin VERSION)),$(LINE)-dev,$(VERSION))
COMMIT  ?= $(shell git rev-parse --short=12 HEAD 2>/dev/null || echo unknown)
LDFLAGS := -s -w -X main.version=$(VERSION) -X main.commit=$(COMMIT)
GOFLAGS_BUILD := -trimpath -buildvcs=false

# Tools that tests and lint need are built here, once per version.
CACHE := $(CURDIR)/.cache

.PHONY: help
help: ## List the targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## Build every program into bin/
	@mkdir -p bin
	@echo "Building $(VERSION) ($(COMMIT)) into bin/ …"
	@go build $(GOFLAGS_BUILD) -ldflags '$(LDFLAGS)' -o bin/ ./src/cmd/... ./errands/...
	@ln -sf pks bin/tkgi

.PHONY: demo
demo: build ## Start the embedded stack and walk through a cluster's life
	@tools/demo

.PHONY: test
test: build ## Install what the tests need and run them all
	@tools/setup-tests
	@tools/run-tests

.PHONY: kubernetes
kubernetes: build ## Build Kubernetes and what it runs on, for real clusters (20 minutes, once per version)
	@tools/setup-kubernetes
	@bin/pks-local kubernetes build

.PHONY: test-kubernetes
test-kubernetes: kubernetes ## Run real clusters through their lives; MODES=root,rootless,kwok for some
	@tools/test-kubernetes '$(MODES)'

.PHONY: test-release
test-release: build ## Make the BOSH release, compile it as a Director does, and run what comes out
	@tools/setup-tests
	@VERSION='$(STAGED)' tools/test-release

.PHONY: lint
lint: ## Check formatting, vet, staticcheck and shell scripts
	@tools/run-lint

.PHONY: vuln
vuln: ## Check the dependencies against the Go vulnerability database (needs internet)
	@go build $(GOFLAGS_BUILD) -C tools/lint -o $(CACHE)/bin/govulncheck golang.org/x/vuln/cmd/govulncheck
	@$(CACHE)/bin/govulncheck ./...

.PHONY: bench
bench: build ## Run the benchmarks and hold them to their thresholds; BENCH=Adapter for some
	@PKS_BENCH=1 PKS_TEST_BIN=$(CURDIR)/bin go test -count=1 -timeout 30m -run '^TestThreshold$(BENCH)' -v ./bench/...

.PHONY: generate
generate: ## Make the golden files again, from what the code does now
	@go test ./src/adapter -run Golden -update
	@UPDATE_SCRIPTS=1 go test ./src/cli

.PHONY: stage
stage: ## Put under src/ what bosh create-release needs there
	@VERSION='$(STAGED)' tools/stage-release

.PHONY: release
release: ## Build the BOSH release, and the command line for all platforms, into dist/; VERSION=1.2.3
	@VERSION='$(VERSION)' STAGED='$(STAGED)' LDFLAGS='$(LDFLAGS)' tools/build-release

.PHONY: clean
clean: ## Remove what was built; data of the embedded stack stays (bin/pks-local reset)
	@rm -rf bin dist .cache
