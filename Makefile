# `make demo` shows the main job; `make test` is what a change must pass. Both set up what they need.
.DEFAULT_GOAL := help
.PHONY: help demo demo-k8s rollback test fmt lint doc figures cluster-figures outage engine-kills clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

demo: ## a bad release and the way back, on a real engine where one can be had
	@scripts/demo.sh

demo-k8s: ## the same on a Kubernetes control plane, built from Go modules
	@scripts/demo-k8s.sh

# What is given on the command line reaches the script as it was given: unexpanded by make (`value`),
# not exported (which expands), and in quotes for the shell. A line break ends in an open quote there.
quoted = '$(subst ','\'',$(value $(1)))'
unexport TAG SERVICE NAMESPACE URL

rollback: ## TAG=v1.2.3 [SERVICE=...] [URL=...] takes a service back
	@scripts/rollback.sh --tag $(call quoted,TAG) \
		$(if $(value SERVICE),--service $(call quoted,SERVICE)) \
		$(if $(value NAMESPACE),--namespace $(call quoted,NAMESPACE)) \
		$(if $(value URL),--url $(call quoted,URL))

test: ## format, scripts, dependencies, lints, documentation, doctests, tests
	@scripts/test.sh

fmt: ## formats the code
	cargo fmt --all

lint: ## the lints alone
	cargo clippy --workspace --all-targets --all-features -- -D warnings

doc: ## the documentation of all crates
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --all-features --no-deps

figures: ## the table of figures
	cargo run --quiet --release -p stillme-rollback-benches --bin figures

cluster-figures: ## how long rollbacks take on Kubernetes, beside bare requests and kubectl
	@folder=$$(testbed/cluster/build.sh) && \
		cargo run --quiet --release -p stillme-rollback-benches --bin cluster -- "$$folder"

outage: ## how long users wait while a container is replaced, on both engines
	@scripts/outage.sh

engine-kills: ## kills the engine of the tests with SIGKILL in the middle of rollbacks
	@scripts/engine-kills.sh

clean: ## removes what was built; engines and their images stay
	cargo clean
