# make demo | make test | make check | make drill: each creates .venv on first use and needs nothing but Python 3.11+ with venv.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test check drill clean

.venv/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -m venv .venv || { echo "This needs Python's venv; on Debian: apt-get install python3-venv"; exit 1; }
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

demo: .venv/.installed
	$(BIN)/evonas search

test: .venv/.installed
	$(BIN)/python -m pytest -q -n 2 --dist worksteal

drill: .venv/.installed
	$(BIN)/python benchmarks/drill.py --quick

check: .venv/.installed
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
