# Isthmus: every target that a person needs. `make help` lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SEED ?= 1
SEEDS ?= 1 2 3 4 5 6 7 8 9 10

.DEFAULT_GOAL := help

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

$(VENV)/.ready: requirements/base.txt requirements/dev.txt
	@command -v $(PYTHON) >/dev/null || { echo "setup: $(PYTHON) is not on PATH: install Python 3.11 to 3.13 (Debian 12: sudo apt-get install python3 python3-venv)" >&2; exit 1; }
	@$(PYTHON) deploy/dev/check_python.py
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/base.txt -r requirements/dev.txt
	touch $@

.PHONY: setup
setup: $(VENV)/.ready ## make the virtual environment

.PHONY: lint
lint: $(VENV)/.ready ## style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

.PHONY: test
test: $(VENV)/.ready ## every test that fits in twenty minutes; two files at a time, since most of them wait
	$(BIN)/python -m pytest -n 2 --dist loadfile

.PHONY: bench
bench: $(VENV)/.ready ## numbers: throughput, CPU and memory at 100,000 findings, in under ten minutes
	$(BIN)/python -m tests.bench $(BENCH)

.PHONY: chaos
chaos: $(VENV)/.ready ## every order of the interleavings, then faults mixed by a seed (SEED=1); ends with an accounting
	ISTHMUS_CHAOS=full $(BIN)/python -m pytest tests/orders
	$(BIN)/python -m tests.chaos --seed $(SEED)

.PHONY: chaos-seeds
chaos-seeds: $(VENV)/.ready ## the seeds alone, one after the other (SEEDS="1 2 3"), ten by default: over an hour
	$(BIN)/python -m tests.chaos --seed $(SEEDS)

.PHONY: chaos-each
chaos-each: $(VENV)/.ready ## every point and fault by itself, with the product's own leases: an hour
	ISTHMUS_CHAOS=full $(BIN)/python -m pytest tests/e2e/test_chaos.py

.PHONY: demo
demo: $(VENV)/.ready ## plan, approve, sync, change the world, sync again: all on this machine
	$(BIN)/python -m deploy.dev.demo

.PHONY: up
up: $(VENV)/.ready ## keep the demo's stack running (STACK="--findings 5000" and more)
	$(BIN)/python -m deploy.dev.background up $(STACK)

.PHONY: down
down: $(VENV)/.ready ## stop it
	$(BIN)/python -m deploy.dev.background down

.PHONY: compose-test
compose-test: ## the stack in containers: build, plan, approve, sync, check, take down
	tests/compose/run.sh

.PHONY: lock
lock: ## pin what requirements/*.in ask for, with hashes (needs uv)
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --custom-compile-command 'make lock' requirements/base.in -o requirements/base.txt
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --custom-compile-command 'make lock' requirements/dev.in -o requirements/dev.txt
