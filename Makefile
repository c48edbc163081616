# The commands of a working copy. `make` alone lists them.

PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/installed.stamp

.DEFAULT_GOAL := help
.PHONY: help setup test lint format testnet lock wheel dist man clean

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(INSTALLED) ## make .venv from requirements.lock and install the project into it, in place

$(INSTALLED): requirements.lock pyproject.toml
	@command -v $(PYTHON) >/dev/null || { \
	  echo "make: no '$(PYTHON)' found; wanted Python 3.11 or newer. Install it, or name another: make setup PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "make: found $$($(PYTHON) --version); wanted Python 3.11 or newer. Name another: make setup PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
	  echo "make: $$($(PYTHON) --version) cannot make virtual environments (no ensurepip)." \
	       "Install its venv package, on Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

# Four workers keep two cores busy while tests wait for sockets and disks; tests that start real processes follow alone, so that they have
# the machine.
test: lint ## lint, then every test
	$(BIN)/pytest -n 4 -m "not e2e and not long"
	$(BIN)/pytest -m "e2e and not long"

lint: setup ## style, types and the walls between the packages
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy --strict p2pchain tests
	$(BIN)/lint-imports

format: setup ## put the code into form
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

# exec: no shell stands between, so Ctrl-C and SIGTERM reach the testnet, which stops its nodes before it ends.
testnet: setup ## a local network of four delegates with traffic, until Ctrl-C
	@exec $(BIN)/p2pchain testnet up --dir .testnet --sample-transfers

# Options that name this machine's package index stay out of the lock.
lock: setup ## pin the newest versions that pyproject.toml allows
	CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/pip-compile --quiet --upgrade --extra dev --allow-unsafe --generate-hashes \
	  --strip-extras --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --no-emit-options \
	  --output-file requirements.lock pyproject.toml

# A rebuild of the same commit gives the same bytes.
export SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null || date -r CHANGELOG.md +%s)

wheel: setup ## dist/: wheel and source distribution
	rm -rf dist
	$(BIN)/python -m build --no-isolation --outdir dist

dist: wheel man ## dist/: wheel, source distribution, Debian package
	cp build/p2pchain.1 dist/
	$(BIN)/python config/packages/deb.py --out dist

man: setup ## build/p2pchain.1, from the same source as --help
	@mkdir -p build
	$(BIN)/python -m p2pchain.cli.manual > build/p2pchain.1

clean: ## remove everything that can be made again; a testnet's data stays
	rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .stamps
	find p2pchain tests -name __pycache__ -type d -prune -exec rm -rf {} +
