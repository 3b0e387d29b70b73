# `make demo` shows the main job; `make test` is what a change must pass. Both set up what they need.
.DEFAULT_GOAL := help
.PHONY: help demo test fmt lint doc figures clean

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 10

demo: ## a bad release and the way back, on a real engine where one can be had
	@scripts/demo.sh

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

clean: ## removes what was built; engines and their images stay
	cargo clean
