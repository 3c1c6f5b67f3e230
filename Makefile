# make demo    real questions on sample data, answered in the terminal
# make chat    the same in the browser
# make test    the tests
# make check   format, lint, types, import contracts
# make nightly the slow suites: 400,000 payloads for the texts that are printed as they are
# make venv    only the environment; make venv-vllm the one with torch and vLLM, for Arctic;
#              make venv-fake and venv-snow those of the Snowflake tests: their server, and Snowflake's own command line
# PYTHON=/path/to/python picks the interpreter.

.PHONY: help demo chat test check nightly format venv venv-vllm venv-fake venv-snow clean
.DEFAULT_GOAL := help

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
VLLM_VENV := .venv-vllm
VLLM_READY := $(VLLM_VENV)/.ready
FAKE_VENV := .venv-fake
FAKE_READY := $(FAKE_VENV)/.ready
SNOW_VENV := .venv-snow
SNOW_READY := $(SNOW_VENV)/.ready
VLLM_TESTS := $(addprefix tests/model_service/,arctic checkpoints commands bench serving/vllm test_main.py test_bad_input.py) tests/gpu

help:
	@sed -n 's/^# \(make .*\)/\1/p' Makefile

demo: $(READY)
	@$(BIN)/arctic-copilot demo

chat: $(READY)
	@$(BIN)/arctic-copilot chat

# The tests of Arctic run where torch and vLLM are; pip's words say why where that environment cannot be made.
test: $(READY)
	@$(MAKE) --no-print-directory venv-fake || echo "The Snowflake tests are skipped: $(FAKE_VENV) could not be made; the reason is above."
	@$(MAKE) --no-print-directory venv-snow || echo "The tests by the snow CLI are skipped: $(SNOW_VENV) could not be made; the reason is above."
	@$(BIN)/python -m pytest
	@if $(MAKE) --no-print-directory venv-vllm; then \
		$(VLLM_VENV)/bin/python -m pytest $(VLLM_TESTS); \
	else \
		echo "SKIPPED $(VLLM_TESTS): $(VLLM_VENV) could not be made; the reason is above."; \
	fi

# Takes minutes to hours; not part of CI.
nightly: $(READY)
	@FUZZ_CALLS=400000 $(BIN)/python -m pytest tests/sql_tools/test_raw_text_fuzz.py

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

venv-vllm: $(VLLM_READY)

$(VLLM_READY): pyproject.toml scripts/make_vllm_venv.sh
	@PYTHON="$(PYTHON)" sh scripts/make_vllm_venv.sh $(VLLM_VENV)
	@touch $@

venv-fake: $(FAKE_READY)

$(FAKE_READY): scripts/make_fake_venv.sh
	@PYTHON="$(PYTHON)" sh scripts/make_fake_venv.sh $(FAKE_VENV)
	@touch $@

venv-snow: $(SNOW_READY)

$(SNOW_READY): scripts/make_snow_venv.sh
	@PYTHON="$(PYTHON)" sh scripts/make_snow_venv.sh $(SNOW_VENV)
	@touch $@

clean:
	rm -rf $(VENV) $(VLLM_VENV) $(FAKE_VENV) $(SNOW_VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
