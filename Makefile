# Needs Python 3.11 with pip and venv, and node; everything else goes into .venv and node_modules.
PYTHON ?= python3.11
UV_VERSION := 0.13.8
BIN := .venv/bin
STAMP := .venv/.stamp
WEB := edge_app/web
WEB_MODULES := $(WEB)/node_modules/.stamp
EXAMPLE := examples/localizer
EXAMPLE_MODULES := $(EXAMPLE)/node_modules/.stamp
WEB_PAGES := $(WEB)/dist/index.html
WEB_SOURCES := $(shell find $(WEB) -type d \( -name node_modules -o -name dist -o -name test \) -prune \
  -o -type f -print)

export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run serve web apk test check-slow lint format bench screenshots lock clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' Makefile

$(STAMP): requirements/all.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || \
	  { echo "$(PYTHON) is not Python 3.11: install it, or say make PYTHON=/path/to/python3.11" >&2; exit 2; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements/all.txt
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@

$(WEB_MODULES): $(WEB)/package.json $(WEB)/package-lock.json
	@node -e 'const [a, b] = process.versions.node.split("."); process.exit(a * 100 + +b < 2019 ? 1 : 0)' || \
	  { echo "the app is built with node 20.19 or newer and npm: install them" >&2; exit 2; }
	cd $(WEB) && npm ci --include=dev --loglevel=error
	@touch $@

$(EXAMPLE_MODULES): $(EXAMPLE)/package.json $(EXAMPLE)/package-lock.json
	cd $(EXAMPLE) && npm ci --loglevel=error
	@touch $@

$(WEB_PAGES): $(WEB_MODULES) $(WEB_SOURCES)
	cd $(WEB) && npm run --silent build
	@touch $@

run: $(STAMP) $(WEB_PAGES) ## Name the flower in a sample photo, or in PHOTO=file; more options in ARGS=
	$(BIN)/bombus demo $(if $(PHOTO),--photo "$(PHOTO)") $(ARGS)

serve: $(STAMP) $(WEB_PAGES) ## Serve the app; for phones ARGS="--host 0.0.0.0 --https"
	$(BIN)/bombus app serve $(ARGS)

web: $(WEB_PAGES) ## Build the app's pages

apk: $(STAMP) $(WEB_PAGES) ## Build dist/bombus.apk for Android; site options in ARGS="--bundle NAME"
	$(BIN)/bombus app site --force --out build/site $(ARGS)
	$(BIN)/python -m edge_app.android.build --site build/site --out dist/bombus.apk

test: $(STAMP) $(WEB_PAGES) $(EXAMPLE_MODULES) ## Run the tests; more pytest options in ARGS=
	cd $(WEB) && npm test --silent
	$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder $(ARGS)

check-slow: $(STAMP) $(WEB_PAGES) $(EXAMPLE_MODULES) ## Run the tests that take minutes
	$(BIN)/python -m pytest -m slow $(ARGS)

lint: $(STAMP) $(WEB_MODULES) ## Check format, lint, types and spelling
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/codespell
	cd $(WEB) && npm run --silent typecheck

format: $(STAMP) ## Format the code and apply the safe fixes
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

bench: $(STAMP) $(WEB_PAGES) ## Measure the models, natively and in a browser, the localizer, the map, the converters
	$(BIN)/python -m benchmarks.flowers $(ARGS)
	$(BIN)/python -m benchmarks.app $(ARGS)
	$(BIN)/python -m benchmarks.robot $(ARGS)
	$(BIN)/python -m benchmarks.inertial $(ARGS)
	$(BIN)/python -m benchmarks.spectral $(ARGS)
	$(BIN)/python -m benchmarks.converters $(ARGS)

screenshots: $(STAMP) $(WEB_PAGES) ## Take the pictures of the app in docs/app
	$(BIN)/python -m benchmarks.screenshots $(ARGS)

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
	rm -rf $(WEB)/dist $(WEB)/node_modules $(EXAMPLE)/node_modules
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
