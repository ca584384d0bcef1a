# Needs nothing but Python 3.11+ and make: each command makes .venv and installs what it needs the
# first time, and again when pyproject.toml changes.

PYTHON ?= python3
BIN := .venv/bin
# What the tests need from npm; two seconds each.
PACKAGES := $(addsuffix /node_modules/.package-lock.json,tests/interop examples/notes benchmarks)

.PHONY: demo notes test lint format bench clean

demo: .venv/ready
	$(BIN)/python -m examples.todo.demo

notes: .venv/ready examples/notes/node_modules/.package-lock.json
	$(BIN)/python -m examples.notes $(ARGS)

test: .venv/ready $(PACKAGES)
	$(BIN)/python -m pytest $(ARGS)

lint: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: .venv/ready
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: .venv/ready benchmarks/node_modules/.package-lock.json
	$(BIN)/python -m benchmarks $(ARGS)

clean:
	rm -rf .venv

# Packages from npm, wherever a folder has a lock file for them.
%/node_modules/.package-lock.json: %/package-lock.json %/package.json .venv/ready
	$(BIN)/npm ci --silent --prefix $*
	@touch $@

.venv/ready: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; choose one with: make PYTHON=…")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[testing]" --group dev
	@touch $@
