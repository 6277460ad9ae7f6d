# Needs Python 3.11 or newer and make; everything else goes into .venv. Another Python: make demo PYTHON=python3.12
PYTHON ?= python3
SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

BIN := .venv/bin
PY := $(BIN)/python
READY := .venv/.ready
TYPED := $(wildcard rpa_lab tests docs benchmarks)
BENCHMARKS := $(filter-out benchmarks/study_%,$(wildcard benchmarks/*.py))

help:  ## what there is
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-7s %s\n", $$1, $$2}' Makefile

demo: $(READY)  ## real and simulated robots, imported, analysed, and reported on one page (under two minutes)
	@$(BIN)/rpa-lab demo

test: lint  ## everything that is checked, in under five minutes
	@RPA_LAB_PROFILE=$${RPA_LAB_PROFILE:-ci} $(PY) -m pytest -q -n auto --maxprocesses 4 --dist worksteal

lint: $(READY)  ## style, types, and which part may import which
	@$(BIN)/ruff check --quiet --output-format concise
	@$(BIN)/ruff format --quiet --check
	@$(PY) -m mypy --no-error-summary $(TYPED)
	@out=$$($(BIN)/lint-imports --no-logo 2>&1) || { printf '%s\n' "$$out"; exit 1; }

format: $(READY)  ## puts the code into its style
	@$(BIN)/ruff check --quiet --fix --exit-zero
	@$(BIN)/ruff format --quiet

faults: $(READY)  ## long: kills, full disks and damaged files, many rounds at random
	@test -n "$(wildcard tests/faults/test_*.py)" || { echo "There are no fault tests yet (tests/faults)." >&2; exit 1; }
	@RPA_LAB_PROFILE=campaign $(PY) -m pytest -q tests/faults

study: $(READY)  ## long: how often the statistics are right on fleets whose truth is known
	@test -n "$(wildcard benchmarks/study_*.py)" || { echo "There is no study yet (benchmarks/study_*.py)." >&2; exit 1; }
	@set -e; for each in $(wildcard benchmarks/study_*.py); do echo "$$each"; $(PY) "$$each"; done

bench: $(READY)  ## long: the figures in the README, each against its peer
	@test -n "$(BENCHMARKS)" || { echo "There is no benchmark yet (benchmarks/*.py)." >&2; exit 1; }
	@set -e; for each in $(BENCHMARKS); do echo "$$each"; $(PY) "$$each"; done

docs: $(READY)  ## writes the pages that are made from code
	@$(PY) docs/make_schema.py

clean:  ## removes the environment and caches; stores and reports stay
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .coverage dist build
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: help demo test lint format faults study bench docs clean

# uv is taken from PyPI, in the version that uv.lock names, and installs exactly what is locked there.
$(READY): uv.lock pyproject.toml
	@if ! $(PY) -m pip --version >/dev/null 2>&1; then \
	  command -v "$(PYTHON)" >/dev/null 2>&1 || \
	    { echo "There is no $(PYTHON) here; install Python 3.11 or newer, or name one: make PYTHON=python3.12" >&2; exit 1; }; \
	  "$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo "$(PYTHON) is $$("$(PYTHON)" -V 2>&1), but 3.11 or newer is needed; name another: make PYTHON=python3.12" >&2; exit 1; }; \
	  "$(PYTHON)" -c 'import venv, ensurepip' 2>/dev/null || \
	    { echo "$(PYTHON) has no venv module; install it (Debian, Ubuntu: apt install python3-venv) and run make again." >&2; exit 1; }; \
	  "$(PYTHON)" -m venv --clear .venv; \
	fi
	@echo "Installing into .venv (a minute or two, once) ..."
	@want=$$(awk '/^name = "uv"$$/ {getline; gsub(/[^0-9.]/, ""); print; exit}' uv.lock); \
	  $(PY) -m pip install --quiet --disable-pip-version-check "uv==$$want"
	@env -u VIRTUAL_ENV -u CONDA_PREFIX UV_PROJECT_ENVIRONMENT=.venv \
	  $(BIN)/uv sync --quiet --locked --inexact
	@touch $@
