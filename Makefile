# Everything that is done with this project, on a machine that has Python 3.11+, make and git.
SHELL := /bin/sh
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV_VERSION := 0.13.9
AUDIT_VERSION := 2.10.1
ARGS ?=
AUDIT ?=
YES ?=
ENGINE ?=
ALL ?=
BUILDER ?= $(firstword $(foreach tool,podman docker buildah,$(if $(shell command -v $(tool)),$(tool))))
# One more than the two cores that CI has: tests of triggers and faults wait for most of their time.
WORKERS ?= 3
SERVER_TESTS := bench cli/test_changing.py defs embedded end_to_end engines services
# Without compiled files every start of a program would compile Dagster again, which takes ten seconds.
unexport PYTHONDONTWRITEBYTECODE
# Tests that go through every step or many drawn cases are for `make check`; both options of the rest are for speed.
CHOSEN = $(if $(ALL),$(ENGINE),$(if $(ENGINE),$(ENGINE) and )not exhaustive)
DRAWN = $(if $(ALL),thorough,quick)
# Percent of lines and branches; a part of the tests need not reach as much.
ENOUGH = $(if $(ALL),$(if $(ENGINE)$(ARGS),,--cov-fail-under=95))
.DEFAULT_GOAL := help
.PHONY: help demo up test unit coverage mutation hooks architecture docs image bench audit check format lint types imports lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(VENV)/runtime ## sync real PostgreSQL servers and open the Dagster UI (ARGS=--once: end by itself)
	@$(BIN)/whalefall demo $(ARGS)

up: $(VENV)/runtime ## start webserver, daemon and embedded PostgreSQL, for real use
	@$(BIN)/whalefall up $(ARGS)

test: $(VENV)/dev ## run the tests, on real servers that they start themselves (ENGINE=mysql: of one; ALL=1: all cases)
	@$(BIN)/python -m pytest -n $(WORKERS) $(if $(CHOSEN),-m "$(CHOSEN)") --hypothesis-profile=$(DRAWN) $(ARGS)

unit: $(VENV)/dev ## run the tests that need no server, in seconds
	@$(BIN)/python -m pytest -n 2 --dist=load -p no:anyio --randomly-dont-reset-seed -m unit --hypothesis-profile=brief $(SERVER_TESTS:%=--ignore=tests/%) $(ARGS)

coverage: $(VENV)/dev ## run the tests and show which lines and branches of the package none of them reaches (ALL=1: all cases)
	@$(BIN)/python -m pytest -n $(WORKERS) $(if $(CHOSEN),-m "$(CHOSEN)") --hypothesis-profile=$(DRAWN) --cov --cov-report=term-missing:skip-covered $(ENOUGH) $(ARGS)

mutation: $(VENV)/dev ## change core in small ways and count which its unit tests notice (ARGS="--sample 200 --only findings")
	@$(BIN)/python -m tests.mutation $(ARGS)

bench: $(VENV)/dev ## measure everything, on servers that it starts, as Markdown (ARGS=--quick: two minutes; ARGS=--help)
	@$(BIN)/python -m tests.bench $(ARGS)

check: format lint types imports audit ## all that CI runs
	@$(MAKE) --no-print-directory test ALL=1

# A machine that reaches nothing but package registries gets no answer: then a line says so, and it does not fail.
audit: $(VENV)/uv ## ask PyPI for known vulnerabilities of what is pinned (AUDIT="-s osv": ask osv.dev)
	@$(BIN)/python -m tests.project.audit $(BIN)/uv $(AUDIT_VERSION) $(AUDIT)

format: $(VENV)/dev
	@$(BIN)/ruff format --check .

lint: $(VENV)/dev
	@$(BIN)/ruff check .

types: $(VENV)/dev
	@$(BIN)/pyright --warnings

imports: $(VENV)/dev
	@$(BIN)/lint-imports

architecture: $(VENV)/dev ## draw the picture of the modules in docs/architecture.md again
	@$(BIN)/python -m tests.project.architecture

docs: $(VENV)/dev ## build the pages as a site in the folder site, with a search; a broken link is an error
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet $(ARGS) && echo "open site/index.html"

image: ## build the container image with podman, docker or buildah (BUILDER=buildah: with that one)
	@[ -n "$(BUILDER)" ] || { echo "podman, docker or buildah is needed"; exit 1; }
	@$(BUILDER) build -f deploy/Containerfile -t whalefall-pipeline $(ARGS) .

hooks: $(VENV)/dev ## have git format and lint what is committed
	@$(BIN)/uv tool run --quiet pre-commit install

lock: $(VENV)/uv ## resolve pyproject.toml again into the two lock files
	@$(BIN)/uv pip compile -q --upgrade --universal --generate-hashes --no-annotate --no-header --python-version 3.11 pyproject.toml -o requirements.lock
	@$(BIN)/uv pip compile -q --universal --generate-hashes --no-annotate --no-header --python-version 3.11 --extra dev -c requirements.lock pyproject.toml -o requirements-dev.lock

clean: ## remove the virtual environment, all caches and the demo; asks before a ledger in use goes (YES=1)
	@if [ -d .whalefall/postgres/data -o -f .whalefall/secret.key ] && [ "$(YES)" != 1 ]; then \
	  printf '%s' ".whalefall has a ledger, and the key of its credentials. Delete all of it? (YES=1 does not ask) [y/N] "; \
	  answer=; if [ -t 0 ]; then read -r answer; else echo; fi; \
	  [ "$$answer" = y ] || { echo "nothing was removed"; exit 1; }; fi
	@if [ -x $(BIN)/whalefall ]; then $(BIN)/whalefall stop; fi
	@rm -rf $(VENV) .whalefall .hypothesis .pytest_cache .ruff_cache .import_linter_cache .coverage* *.egg-info site dist
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/uv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or later is needed; name one with: make PYTHON=python3.12 ..."; exit 1; }
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@touch $@

$(VENV)/runtime: requirements.lock pyproject.toml | $(VENV)/uv
	@if [ ! -e $(VENV)/dev ]; then $(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements.lock; fi
	@$(BIN)/python -c 'import sysconfig, pathlib' && $(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps -e .
	@touch $@

$(VENV)/dev: requirements-dev.lock pyproject.toml | $(VENV)/uv
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements-dev.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps -e .
	@touch $@ $(VENV)/runtime
