# The doors of the project. `make help` lists them; README explains them.
SHELL := /usr/bin/env bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
CARGO ?= cargo
ARGS ?= --help

.PHONY: help demo run dev-cluster test lint gen bench swarm audit release-dry-run

help: ## List the doors, this one too
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

demo: ## Lose a zone and heal, on a simulated AWS: no account, no Kubernetes, under 90 s after the build
	@hack/prerequisites rust
	@hack/first-build "the demo" 5
	$(CARGO) run --locked --package evenkeel-demo

run: ## Run evenkeel from the source tree: make run ARGS="plan -f examples/nextgen-commerce.yaml"
	@hack/prerequisites rust
	@hack/first-build evenkeel 5
	$(CARGO) run --locked -- $(ARGS)

dev-cluster: ## A real Kubernetes API server, a simulated AWS and the controller, in the foreground; prints how to reach them
	@hack/prerequisites rust
	@hack/dev-cluster

test: ## Set up what the tests need, then run all of them
	@hack/prerequisites rust python go image
	hack/test

lint: ## Formatting, clippy, rustdoc, dependency rules, Dockerfiles
	@hack/prerequisites rust lint python
	hack/lint

gen: ## Regenerate what is generated: crds/, deploy/, docs/schemas/, tables and examples of docs/, parts of charts/
	@hack/prerequisites rust go
	hack/gen

bench: ## Measure judging and planning (criterion), and the controller with 1,000 HAStacks
	@hack/prerequisites rust go
	$(CARGO) bench -p evenkeel-core
	KUBEBUILDER_ASSETS=$$(hack/kube-assets) $(CARGO) bench -p evenkeel --bench scale

swarm: ## Live through random worlds: make swarm SEEDS=10000, or one of them, told in full: make swarm SEED=4711
	@hack/prerequisites rust
	EVENKEEL_SWARM="$(if $(SEED),$(SEED),1..$(or $(SEEDS),1000))" $(CARGO) test --release --test swarm -- --nocapture

audit: ## Check dependencies against the advisory database (needs access to it)
	@hack/prerequisites rust
	"$$(hack/cargo-tool cargo-deny 0.20.2 --debug)" --all-features check advisories

release-dry-run: ## Build everything that a release ships into target/release-dry-run, then install from there
	@hack/prerequisites rust python go image
	KUBEBUILDER_ASSETS=$$(hack/kube-assets) $(CARGO) test --workspace --test release
