# The demo of recto: an archive drawn on this machine, harvested into training sets. No network.
.PHONY: demo
demo:
	cargo build --release --bins --example draw-scrolls
	$(MAKE) --no-print-directory -C examples/scrolls BIN="$(CURDIR)/target/release" OUT="$(CURDIR)/build/demo"
