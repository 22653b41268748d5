# Two commands set everything up: `make run` (the laptop speedrun) and `make test`.
PYTHON ?= python3
BIN := .venv/bin
MINUTES ?= 10

.PHONY: install run test test-all lint clean

install: .venv/installed

# torch's CPU wheel is a tenth of the size of the CUDA one, so it is looked for first. On a machine with a GPU:
# `make install TORCH_INDEX=` takes PyPI's build.
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu
PIP := $(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Orrery needs Python 3.11 or newer; try: make PYTHON=python3.12")'
	$(PYTHON) -m venv .venv
	$(PIP) $(if $(TORCH_INDEX),--retries 1 --extra-index-url $(TORCH_INDEX)) torch
	$(PIP) -e '.[test,lint]'
	touch $@

run: install
	$(BIN)/orrery speedrun --minutes $(MINUTES)

test: install
	$(BIN)/python -m pytest -q -m 'not slow' -n auto --dist loadscope --no-loadscope-reorder $(PYTEST)

test-all: install
	$(BIN)/python -m pytest -q -n auto --dist loadscope --no-loadscope-reorder $(PYTEST)

lint: install
	$(BIN)/ruff check orrery tests benchmarks
	$(BIN)/ruff format --check orrery tests benchmarks
	$(BIN)/mypy
	$(BIN)/lint-imports

clean:
	rm -rf .venv build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache
