# Needs Python 3.11 with pip and venv, and node; everything else goes into .venv.
PYTHON ?= python3.11
UV_VERSION := 0.13.8
BIN := .venv/bin
STAMP := .venv/.stamp

export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help run test check-slow lint format bench lock clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' Makefile

$(STAMP): requirements/all.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || \
	  { echo "$(PYTHON) is not Python 3.11: install it, or say make PYTHON=/path/to/python3.11" >&2; exit 2; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements/all.txt
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@

run: $(STAMP) ## Name the flower in a sample photo, or in PHOTO=file; more options in ARGS=
	$(BIN)/bombus demo $(if $(PHOTO),--photo "$(PHOTO)") $(ARGS)

test: $(STAMP) ## Run the tests; more pytest options in ARGS=
	$(BIN)/python -m pytest $(ARGS)

check-slow: $(STAMP) ## Run the tests that take minutes
	$(BIN)/python -m pytest -m slow $(ARGS)

lint: $(STAMP) ## Check format, lint, types and spelling
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/codespell

format: $(STAMP) ## Format the code and apply the safe fixes
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

bench: $(STAMP) ## Measure the shipped flower models
	$(BIN)/python -m benchmarks.flowers $(ARGS)

COMPILE = UV_CUSTOM_COMPILE_COMMAND="make lock" .venv-lock/bin/uv pip compile pyproject.toml \
  --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
  --no-emit-index-url --no-emit-find-links -c requirements/pins.in $(ARGS)

lock: ## Write requirements/*.txt anew from pyproject.toml and pins.in; ARGS=--upgrade
	$(PYTHON) -m venv .venv-lock
	.venv-lock/bin/python -m pip install --quiet uv==$(UV_VERSION)
	$(COMPILE) --all-extras -o requirements/all.txt >/dev/null
	$(COMPILE) -o requirements/runtime.txt >/dev/null

clean: ## Remove everything that the other targets made
	rm -rf .venv .venv-lock .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
