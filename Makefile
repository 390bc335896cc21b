# What there is to do. `make` alone lists it.
.DEFAULT_GOAL := help
PYTHON ?= python3
.PHONY: help demo demo-train check test schemas docs site bench-stitch bench-download bench-digest bench-scale bench-serve bench-reformat
SHARED ?= ../shared
BENCH ?=
# The demo is small: it is built without optimization of recto and without PDF, in half the time of a release.
PROFILE ?= dev
FEATURES ?= --no-default-features --features recto/serve

# Many tests wait for servers and time limits more than they compute.
export RUST_TEST_THREADS ?= $(shell echo $$(( $$(nproc 2>/dev/null || echo 4) * 3 )))

help: ## list these
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' Makefile | expand -t 22

demo: ## build, then harvest an archive drawn on this machine into training sets; no network
	cargo build --locked --profile $(PROFILE) -p recto -p recto-demo --bins $(FEATURES)
	$(MAKE) --no-print-directory -C examples/scrolls BIN="$(CURDIR)/target/$(PROFILE:dev=debug)" OUT="$(CURDIR)/build/demo"

# What trains on the demo, from PyPI, in an environment of its own.
TRAINER := target/demo-train
TRAINER_NEEDS := jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6 pillow==13.0.0 pycocotools==2.0.11

demo-train: demo $(TRAINER)/ready ## train a small detector on the demo's letters until it finds those of an unseen manuscript; minutes, and PyPI
	target/$(PROFILE:dev=debug)/recto-reformat build/demo/localizations.json --image-map build/demo/image_map.json \
	    -f coco -o build/demo/train --split train=0.67,test=0.33
	$(TRAINER)/bin/python scripts/demo_train.py build/demo/train

$(TRAINER)/ready: Makefile
	$(PYTHON) -m venv --clear $(TRAINER)
	$(TRAINER)/bin/python -m pip install --quiet --disable-pip-version-check $(TRAINER_NEEDS)
	touch $@

check: ## formatting, lints, tests
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	cargo test --locked --workspace

test: ## all tests; no network
	cargo test --locked --workspace

schemas: ## write schemas/ again from the types
	RECTO_ACCEPT=1 cargo test --locked --test whole contracts::the_published_schemas
	cargo test --locked --test whole contracts::

docs: ## write docs/cli.md again from --help, then check all documents
	RECTO_ACCEPT=1 cargo test --locked --test docs
	RECTO_ACCEPT=1 cargo test --locked --test cli the_demo

site: ## the documentation as a site in build/site/html, by mkdocs from PyPI; fails where a link leads nowhere
	scripts/site.sh

bench-stitch: ## joining tiles against decoding and encoding them; PYTHON= one with numpy, Pillow, imagecodecs
	cargo build --locked --release -p recto-jpeg --example stitch
	$(PYTHON) scripts/bench_stitch.py target/release/examples/stitch

bench-download: ## recto-download beside other programs; PYTHON= as scripts/bench_download.py says, BENCH= its options
	cargo build --locked --release --bin recto-download
	$(PYTHON) scripts/bench_download.py target/release --shared $(SHARED) $(BENCH)

bench-digest: ## harvests of many manifests, time and memory; BENCH= options of scripts/bench_digest.py
	cargo build --locked --release --bin recto-digest
	$(PYTHON) scripts/bench_digest.py target/release $(BENCH)

bench-scale: ## each stage on sets of up to a million images, time and memory; BENCH= options of scripts/bench_scale.py
	cargo build --locked --release --bin recto-digest --bin recto-extract --bin recto-download --bin recto-shard --example read_set
	$(PYTHON) scripts/bench_scale.py target/release $(BENCH)

bench-serve: ## recto-serve beside other image servers; PYTHON= as scripts/bench_serve.py says, BENCH= its options
	cargo build --locked --release --bin recto-serve
	$(PYTHON) scripts/bench_serve.py target/release --shared $(SHARED) $(BENCH)

bench-reformat: ## recto-reformat beside other converters; PYTHON= as scripts/bench_reformat.py says, BENCH= its options
	cargo build --locked --release --bin recto-reformat
	$(PYTHON) scripts/bench_reformat.py target/release $(BENCH)
