# make demo    real questions on sample data, answered in the terminal
# make chat    the same in the browser
# make test    the tests
# make check   format, lint, types, import contracts
# make venv    only the environment
# PYTHON=/path/to/python picks the interpreter.

.PHONY: help demo chat test check format venv clean
.DEFAULT_GOAL := help

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

help:
	@sed -n 's/^# \(make .*\)/\1/p' Makefile

demo: $(READY)
	@$(BIN)/arctic-copilot demo

chat: $(READY)
	@$(BIN)/arctic-copilot chat

test: $(READY)
	@$(BIN)/python -m pytest

check: $(READY)
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: $(READY)
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

venv: $(READY)

# Made once, and again when the dependencies change.
$(READY): pyproject.toml
	@PYTHON="$(PYTHON)" sh scripts/make_venv.sh $(VENV)
	@touch $@

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
