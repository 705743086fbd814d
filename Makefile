# Two commands: `make train` and `make test`. Both make .venv first. PYTHON may name another interpreter (3.10-3.13).
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: train test install clean

$(VENV)/.installed: setup.py pyproject.toml
	$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(not (3, 10) <= v <= (3, 13) and f"Python 3.10 to 3.13 is needed, this is {v[0]}.{v[1]}: make PYTHON=python3.11 ...")'
	$(PYTHON) -m venv $(VENV)
# The pip of older Pythons (23.0 in 3.10) searches for many minutes for versions that fit together.
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

$(VENV)/.installed-test: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --editable '.[test]'
	touch $@

install: $(VENV)/.installed

# Trains on the embedded faces; run again after an interruption, it goes on.
train: $(VENV)/.installed
	$(BIN)/python -m tf_gradsr.train --config configs/quickstart.yaml --run_dir runs/quickstart

test: $(VENV)/.installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
# Two at a time: much of a test's time is tracing, which uses one core.
	$(BIN)/python -m pytest --numprocesses 2

clean:
	rm -rf $(VENV) build *.egg-info
