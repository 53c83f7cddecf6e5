# `make demo` and `make test` are all a newcomer needs; both set everything up first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
FRAMES ?=
# Processes that test side by side, a file each; 0: one after another, in this one.
TESTERS ?= 2

.PHONY: install demo test check up clean

install: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test]'
	touch $@

demo: install
	$(BIN)/echocast demo $(FRAMES)

up: install
	$(BIN)/echocast up

# Bytecode is kept, whatever the environment says: hundreds of processes import the same.
test: install
	env -u PYTHONDONTWRITEBYTECODE $(BIN)/python -m pytest -n $(TESTERS) --dist loadfile --no-loadscope-reorder

check: install
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

clean:
	rm -rf demo-output echocast-data .pytest_cache .mypy_cache .ruff_cache
