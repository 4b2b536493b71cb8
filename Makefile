# Everything for a fresh machine with git, make, Python 3.11+ and pip.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
CACHE ?= .cache
LITELLM_VERSION := 1.106.2
LITELLM_VENV := $(CACHE)/litellm-$(LITELLM_VERSION)
LITELLM := $(abspath $(LITELLM_VENV))/bin/litellm
# Two cores or many: a worker each, but no more than four share one machine's clock well.
JOBS ?= $(shell n=$$(nproc 2>/dev/null || echo 2); [ $$n -gt 4 ] && echo 4 || echo $$n)
# Bytecode makes every start 2.5 times faster, so it is always written.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo test lint litellm test-litellm bench screenshots snapshots clean

help: ## What there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

demo: $(VENV)/run ## The console with a pretend proxy and made-up use
	$(BIN)/aitui --demo

test: $(VENV)/dev ## All tests (those on a real LiteLLM proxy where AITUI_LITELLM names it)
	$(BIN)/python -m pytest -n $(JOBS)

lint: $(VENV)/dev ## Style, types and the direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

litellm: $(LITELLM_VENV)/ready ## A LiteLLM proxy in an environment of its own, for its tests
	@echo AITUI_LITELLM=$(LITELLM)

test-litellm: $(VENV)/dev $(LITELLM_VENV)/ready ## The tests on a real LiteLLM proxy
	AITUI_LITELLM=$(LITELLM) $(BIN)/python -m pytest tests/litellm

bench: $(VENV)/dev ## Figures against a baseline in the same run; asserts nothing
	for file in tests/bench/bench_*.py; do $(BIN)/python $$file || exit 1; done

screenshots: $(VENV)/dev ## Make the README's pictures anew
	$(BIN)/python -m screenshots.make

snapshots: $(VENV)/dev ## Accept how the screens look now
	$(BIN)/python -m pytest -n $(JOBS) tests/tui --snapshot-update

clean: ## Remove what these commands made
	rm -rf $(VENV) $(CACHE) .pytest_cache .mypy_cache .ruff_cache .hypothesis

# Debian has a python3 without ensurepip: virtualenv then does what venv cannot.
$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV) && \
	  $(PYTHON) -m pip install --quiet --target $(CACHE)/virtualenv virtualenv && \
	  PYTHONPATH=$(CACHE)/virtualenv $(PYTHON) -m virtualenv $(VENV); }

$(VENV)/run: $(VENV)/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --editable .
	@touch $@

$(VENV)/dev: $(VENV)/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	@touch $@ $(VENV)/run

$(LITELLM_VENV)/ready:
	$(PYTHON) -m venv $(LITELLM_VENV)
	$(LITELLM_VENV)/bin/python -m pip install --quiet 'litellm[proxy]==$(LITELLM_VERSION)'
	@touch $@
