# Two commands: `make run` and `make test`. Each target is a few lines that work typed by hand; what needs more than
# that is a script in scripts/.

# Where rustup has the pinned Rust under another name only, that one (scripts/toolchain.sh says why).
TOOLCHAIN := $(shell scripts/toolchain.sh)
ifneq ($(TOOLCHAIN),)
export RUSTUP_TOOLCHAIN := $(TOOLCHAIN)
endif

# What RUSTFLAGS says of a processor is not meant for components.
CARGO_WASM := env -u RUSTFLAGS -u CARGO_ENCODED_RUSTFLAGS cargo
WASM := --profile component --target wasm32-wasip2
COMPONENTS := $(WASM) -p corral-gateway -p corral-chat
EXAMPLES := -p starter -p quotes
SPIN := -p corral-spin-adapter
FIXTURES := --manifest-path tests/spin/Cargo.toml --target-dir target/spin-fixtures --profile component
GUESTS := -p caller -p hostile -p parrot -p plain

# Two that install packages at once would be in each other's way.
.NOTPARALLEL:
# runtime.toml and the scripts name target/.
unexport CARGO_TARGET_DIR CARGO_BUILD_TARGET_DIR

.PHONY: help setup services browser components examples guests spin-app spin-fixtures build run test test-vulkan check-cuda check bench clean
.DEFAULT_GOAL := help

help: ## lists the targets
	@sed -n 's/^\([a-z-]*\):.*## /make \1\t/p' Makefile

run: build ## sets up what is missing, builds, and serves as runtime.toml says
	target/release/corral serve --config runtime.toml

test: build guests services examples browser spin-app spin-fixtures check ## every test: format, lints, units, components, and the real binary with the small models, Redis and ChromaDB
	cargo test --release --workspace

test-vulkan: setup ## the offload to a graphics processor, on Mesa's software Vulkan: by hand, a quarter of an hour
	scripts/vulkan.sh

check-cuda: setup ## that the feature cuda compiles, links and starts, without such a processor: by hand, half an hour
	scripts/cuda.sh

check: setup ## format and lints, warnings being errors
	cargo fmt --all --check
	cargo fmt --all --check --manifest-path tests/spin/Cargo.toml
	cargo clippy --release --workspace --all-targets -- -D warnings
	$(CARGO_WASM) clippy $(COMPONENTS) $(EXAMPLES) $(SPIN) $(GUESTS) -- -D warnings

bench: build guests spin-fixtures services ## what the host costs: routes, turns, stores, and text generation (beside llama-server if LLAMA_SERVER names it)
	cargo bench --workspace --bench corral --bench instances

# The whole workspace is named, as the tests name it, so that each dependency has one set of features and is compiled once.
build: components ## the host, target/release/corral
	cargo build --release --workspace --bins $(if $(FEATURES),--features $(FEATURES))

components: setup ## the Wasm components, target/wasm32-wasip2/component/*.wasm
	$(CARGO_WASM) build $(COMPONENTS)

guests: setup ## the components that the tests turn against the host
	$(CARGO_WASM) build $(WASM) $(GUESTS)

spin-fixtures: setup ## the Spin applications that the tests serve, with spin-sdk 5 and 7, for WASI 0.1, 0.2 and 0.3
	scripts/wasm-target.sh wasm32-wasip1
	$(CARGO_WASM) build $(FIXTURES) --target wasm32-wasip2
	$(CARGO_WASM) build $(FIXTURES) --target wasm32-wasip1 -p kitchen

examples: build services ## the example logics, in Rust and in JavaScript
	$(CARGO_WASM) build $(WASM) $(EXAMPLES)
	scripts/javascript.sh

spin-app: build ## the chat application for stock Spin (spin.toml), target/spin/*.wasm
	$(CARGO_WASM) build $(WASM) $(SPIN)
	target/release/spin-app $(addprefix target/wasm32-wasip2/component/corral_,gateway.wasm chat.wasm spin_adapter.wasm) target/spin

setup: ## Rust, packages, the Wasm target, the default models: what is missing of them
	scripts/setup.sh

services: ## Redis and ChromaDB for the tests and benches: what is missing of them; nothing stays running
	scripts/services.sh

browser: services ## Chromium and what drives it for the tests of the page: what is missing of them
	scripts/browser.sh

clean: ## what was built; the models and the data in .corral stay
	cargo clean
