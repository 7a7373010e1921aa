# Two commands matter: `make run` and `make test`. Each sets up what it needs and starts in seconds when it is all there.

# The first Python on the path that is new enough; PYTHON=/path/to/python3.12 chooses another.
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
VENV_PYTHON := .venv/bin/python
PORT ?= 9090
ROOT ?= var
ONCE ?=
TORCH ?=

.DEFAULT_GOAL := help
.PHONY: help run test lint format docs serve-docs bench soak constraints changelog clean install-run install-test python

help: ## This list
	@echo "Invoke Host. Variables: PORT=9090 ROOT=var ONCE=1 TORCH=cpu|gpu PYTHON=python3.12"
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: install-run ## Install, start the host on http://127.0.0.1:9090, make a first picture (ONCE=1: then stop)
	@$(VENV_PYTHON) -m scripts.run --root "$(ROOT)" --port "$(PORT)" $(if $(ONCE),--once)

test: install-test ## Install what tests need, then ruff, mypy, import-linter and pytest
	@$(VENV_PYTHON) -m scripts.check

lint: install-test ## Only the fast checks: ruff, mypy, import-linter
	@$(VENV_PYTHON) -m scripts.check --fast

format: install-test ## Format the code and fix what ruff can fix
	@$(VENV_PYTHON) -m ruff check --fix-only --quiet . ; $(VENV_PYTHON) -m ruff format .

docs: install-test ## Build the documentation into site/
	@$(VENV_PYTHON) -m mkdocs build --strict

serve-docs: install-test ## Serve the documentation on http://127.0.0.1:8000 while you write it
	@$(VENV_PYTHON) -m mkdocs serve

bench: install-test ## All benchmarks, each against a peer in the same run
	@$(VENV_PYTHON) -m bench

soak: install-test ## Long fault and load runs
	@$(VENV_PYTHON) -m pytest -m soak --timeout 3600

constraints: install-test ## Write constraints.txt from this environment, after an upgrade was tested
	@$(VENV_PYTHON) -m scripts.constraints

changelog: install-test ## Show what the next release's CHANGELOG entry will say
	@$(VENV_PYTHON) -m towncrier build --draft --version next

clean: ## Remove everything made here except ./var: environment, caches, built documentation
	@rm -rf .venv site dist build .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

install-run: python
	@$(PYTHON) scripts/environment.py run --torch "$(TORCH)"

install-test: python
	@$(PYTHON) scripts/environment.py test --torch "$(TORCH)"

python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer was not found. Install it (Debian: apt-get install python3 python3-venv)" \
		"or name it: make run PYTHON=/path/to/python3.11"; exit 1; } >&2
