# `make demo` and `make test` set everything up by themselves in .venv, once.
#
# PYTHON=python3.12 chooses the interpreter. pip's own configuration decides where packages come
# from: to save the CUDA build of torch, let it find a CPU build of the pinned version, e.g. with
# PIP_FIND_LINKS, or have that torch in the interpreter already.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
TORCH := $(shell sed -n 's/^torch==//p' constraints.txt)

.PHONY: demo test test-all formal lint format clean help

help:
	@echo "make demo   train, build, simulate and report the digits cascade"
	@echo "make test   run the tests, but for those that take minutes each"
	@echo "make test-all  run every test: every network of builds/ too (about an hour)"
	@echo "make formal  prove the controller's RTL, and show that each proof fails on a planted mistake"
	@echo "make lint   ruff, mypy, import layers"
	@echo "make clean  remove .venv and out/"

demo: $(READY)
	$(BIN)/hwflow demo

test: $(READY)
	$(BIN)/pytest -m "not slow"

test-all: $(READY)
	$(BIN)/pytest

# Proofs first, then the mistakes that must break them; each prints a table.
formal: $(READY)
	$(BIN)/python sim/formal/prove.py
	$(BIN)/python sim/formal/prove.py --mutations

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) out

# constraints.txt is a whole lock, so --no-deps; only torch brings what its build needs (CUDA or not).
$(READY): constraints.txt pyproject.toml | check-system
	@echo "Setting up $(VENV) (once; a few minutes, mostly downloads)"
	test -x $(BIN)/python || { $(PYTHON) -m venv $(SYSTEM_TORCH) $(VENV) || { rm -rf $(VENV); exit 1; }; }
	$(BIN)/python -c 'import torch; assert torch.__version__.split("+")[0] == "$(TORCH)"' 2>/dev/null \
	  || $(BIN)/pip install --quiet --disable-pip-version-check "torch==$(TORCH)"
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --requirement constraints.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

# A torch of the pinned version in the base interpreter is used instead of a second copy.
SYSTEM_TORCH = $(shell $(PYTHON) -c 'import torch; assert torch.__version__.split("+")[0] == "$(TORCH)"' \
  2>/dev/null && echo --system-site-packages)

.PHONY: check-system
check-system:
	@missing=; \
	command -v $(PYTHON) >/dev/null || missing="$$missing python3"; \
	command -v g++ >/dev/null || missing="$$missing g++"; \
	command -v perl >/dev/null || missing="$$missing perl"; \
	if command -v $(PYTHON) >/dev/null; then \
	  $(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || missing="$$missing python3-venv"; \
	fi; \
	if [ -n "$$missing" ]; then \
	  echo "Missing:$$missing. Install with: sudo apt-get install$$missing" >&2; exit 3; \
	fi; \
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "$(PYTHON) is $$($(PYTHON) --version); hwflow needs Python 3.11 or newer." \
	    "Choose one with: make PYTHON=python3.11 $(MAKECMDGOALS)" >&2; exit 3; }
