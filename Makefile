# `make demo` and `make test` are all a newcomer needs; both set everything up first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Tools that look at what is installed, and so are not among it.
TOOLS := .venv-tools
FRAMES ?=
# Processes that test side by side, a file each; 0: one after another, in this one. Tests of services
# mostly wait, so four keep two cores busy. Each takes up to 2 GB.
TESTERS ?= 4
SHELL := /bin/bash
# Of pip's several hundred lines: every twentieth package that is fetched, and the long steps.
PROGRESS := /^ *(Collecting|Obtaining)/ && ++n % 20 == 0 { print "  " n " packages fetched, now " $$2 } \
	/^ *Building/ { print } \
	/^Installing collected/ { print "  installing " NF - 3 " packages" } \
	/^Successfully installed/ { print "  done" } \
	{ fflush() }

.PHONY: install prometheus chromium firefox mosquitto peers demo test check docs up clean dist sbom audit

install: $(VENV)/.installed $(VENV)/.kernels

$(VENV)/.installed: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing Echocast and what it needs into $(VENV)/: some 130 packages, in two to five minutes."
	@set -o pipefail; $(BIN)/python -m pip install --disable-pip-version-check --progress-bar off \
		-c constraints.txt -e '.[service,test]' | awk '$(PROGRESS)'
	touch $@

# Once for all processes; else each that starts meanwhile compiles them, in the time of its tests.
$(VENV)/.kernels: $(VENV)/.installed $(wildcard model/inference/winograd/*.py)
	@echo "Compiling the network's steps: half a minute."
	@$(BIN)/python -m echocast.model phases --repeats 1 > /dev/null
	touch $@

demo: install
	$(BIN)/echocast demo $(FRAMES)

up: install
	$(BIN)/echocast up

# Tests of dashboards and alerts need them. As root on Debian they are installed; elsewhere those
# tests are skipped, and the last line of the run says so.
prometheus:
	@{ command -v prometheus && command -v amtool; } > /dev/null || .ci/install-debian "dashboards and alerts" prometheus prometheus-alertmanager

# Tests of the page need it, in the same way.
chromium:
	@command -v chromium > /dev/null || .ci/install-debian "the page" chromium fonts-dejavu-core

# One test of the page needs it, in the same way.
firefox:
	@command -v firefox-esr > /dev/null || .ci/install-debian "the page in Firefox" firefox-esr fonts-dejavu-core

# Tests of Home Assistant need a broker, in the same way.
mosquitto:
	@PATH=$$PATH:/usr/sbin command -v mosquitto > /dev/null || .ci/install-debian "Home Assistant" mosquitto

# Packages that work with ours and are no dependency: tests of them run where they could be had. pysteps
# has no wheels, and is compiled in half a minute. Elsewhere those tests are skipped, in the same way.
PEERS := pysteps==1.21.5 jsmin==3.0.1 mlcast==0.1.0
peers: install
	@test -f build/peers/.installed || { rm -rf build/peers; for one in $(PEERS); do \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check --retries 1 --timeout 20 --no-deps --target build/peers $$one \
		|| echo "$$one could not be had: its tests are skipped."; done; touch build/peers/.installed; }

# Bytecode is kept, whatever the environment says: hundreds of processes import the same.
test: install prometheus chromium firefox mosquitto peers
	env -u PYTHONDONTWRITEBYTECODE $(BIN)/python -m pytest -n $(TESTERS) --dist loadfile --no-loadscope-reorder

check: install
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/zizmor --quiet --offline .github
	$(BIN)/yamllint --strict .github deploy docker-compose.yml
	$(BIN)/bandit --quiet --configfile pyproject.toml --recursive model workers service
	$(BIN)/echocast sources --json > /dev/null  # each file is what a source may be
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict

# The documentation as a site: where the gateway serves it (/docs/guide), and dist packs it.
docs: install
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

$(TOOLS)/.installed: constraints.txt
	test -x $(TOOLS)/bin/python || $(PYTHON) -m venv $(TOOLS)
	$(TOOLS)/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt build cyclonedx-bom pip-audit
	touch $@

# Source and wheel, as they are published.
dist: $(TOOLS)/.installed docs
	rm -rf build/dist
	$(TOOLS)/bin/python -m build --outdir build/dist

# What is installed, as CycloneDX.
sbom: install $(TOOLS)/.installed
	mkdir -p build
	$(TOOLS)/bin/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible \
		--output-file build/sbom.json $(BIN)/python

# Known advisories about what is pinned; fails where a package could not be looked up: a mirror of
# PyPI that has packages but no advisories is no source.
audit: $(TOOLS)/.installed
	@$(TOOLS)/bin/pip-audit --strict --no-deps --disable-pip --requirement constraints.txt || { \
		echo "audit: NOT PASSED. There is an advisory, or a version could not be looked up: see above." \
		"Advisories come from pypi.org; without it nothing was audited." >&2; exit 1; }

# What can be made again without data: never frames, forecasts or models.
clean:
	rm -rf .pytest_cache .mypy_cache .ruff_cache build $(TOOLS)
