# Aliases only: whatever needs an `if` lives in xtask (`cargo xtask help`).
export CARGO_TARGET_DIR ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/circle/target

.PHONY: help setup demo test test-real check fmt audit bench examples images web clean

help: ; @xtask/bootstrap.sh help
setup: ; @xtask/bootstrap.sh setup
demo: ; @xtask/bootstrap.sh demo $(ARGS)
test: ; @xtask/bootstrap.sh test $(ARGS)
test-real: ; @xtask/bootstrap.sh test-real $(ARGS)
check: ; @xtask/bootstrap.sh check $(ARGS)
fmt: ; @cargo fmt --all
audit: ; @xtask/bootstrap.sh audit $(ARGS)
bench: ; @xtask/bootstrap.sh bench $(ARGS)
examples: ; @xtask/bootstrap.sh examples $(ARGS)
images: ; @xtask/bootstrap.sh images build $(ARGS)
web: ; @xtask/bootstrap.sh web $(ARGS)
clean: ; @xtask/bootstrap.sh clean
