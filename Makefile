# `make demo` and `make test` are all a newcomer needs; both set everything up first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
FRAMES ?=
# Processes that test side by side, a file each; 0: one after another, in this one.
TESTERS ?= 2
SHELL := /bin/bash
# Of pip's several hundred lines: every twentieth package that is fetched, and the long steps.
PROGRESS := /^ *(Collecting|Obtaining)/ && ++n % 20 == 0 { print "  " n " packages fetched, now " $$2 } \
	/^ *Building/ { print } \
	/^Installing collected/ { print "  installing " NF - 3 " packages" } \
	/^Successfully installed/ { print "  done" } \
	{ fflush() }

.PHONY: install prometheus demo test check up clean

install: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing Echocast and what it needs into $(VENV)/: some 130 packages, in two to five minutes."
	@set -o pipefail; $(BIN)/python -m pip install --disable-pip-version-check --progress-bar off \
		-c constraints.txt -e '.[test]' | awk '$(PROGRESS)'
	touch $@

demo: install
	$(BIN)/echocast demo $(FRAMES)

up: install
	$(BIN)/echocast up

# Tests of dashboards and alerts need it. As root on Debian its package is installed; elsewhere those
# tests are skipped, and the last line of the run says so.
prometheus:
	@command -v prometheus > /dev/null || .ci/install-prometheus

# Bytecode is kept, whatever the environment says: hundreds of processes import the same.
test: install prometheus
	env -u PYTHONDONTWRITEBYTECODE $(BIN)/python -m pytest -n $(TESTERS) --dist loadfile --no-loadscope-reorder

check: install
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

clean:
	rm -rf demo-output echocast-data .pytest_cache .mypy_cache .ruff_cache
