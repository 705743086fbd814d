# `make demo`, `make train`, `make test`, `make quick`, `make torture`, `make bench`, `make docs`, `make web`. All make .venv first. PYTHON may name another interpreter (3.10-3.13).
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

# The run that `make web` shows, the kind of its LiteRT file, and the page that it builds.
RUN ?= faces_8x
QUANTIZE ?= float16
PAGE := export/web/dist

.PHONY: demo train quick test test-lowest torture bench fuzz audit docs install web web-page web-screenshot browser clean

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

$(VENV)/.installed-web: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --editable '.[mobile,photos]'
	touch $@

install: $(VENV)/.installed

# Four embedded test faces, downscaled, and what the package's own model makes of them.
demo: $(VENV)/.installed
	$(BIN)/gradsr faces write --count 4 --output demo/faces
	$(BIN)/gradsr hallucinate demo/faces --downscale --num_samples 4 --output demo/results --overwrite --report

# Trains on the embedded faces; run again after an interruption, it continues.
train: $(VENV)/.installed
	$(BIN)/gradsr train --config configs/quickstart.yaml --run_dir runs/quickstart

# The page, at http://localhost:8000. Needs npm.
web: web-page
	$(BIN)/gradsr web serve --folder $(PAGE)

web-page: $(VENV)/.installed-web
	$(BIN)/gradsr export tflite --run $(RUN) --quantize $(QUANTIZE) --output build/web/model.tflite --overwrite \
	  $(if $(filter int8,$(QUANTIZE)),--representative_path embedded)
	$(BIN)/gradsr web build --model build/web/model.tflite --output $(PAGE) --overwrite

# The documentation's picture of the page, taken by the test that opens it with the package's model.
web-screenshot: $(VENV)/.installed-test browser
	WEB_SCREENSHOT=docs/web.png $(BIN)/python -m pytest --quiet --capture no --numprocesses 0 tests/web/test_web_screenshot.py

# Optional: tests/web/test_web.py drives Chromium and is skipped without it. Debian's package is installed where that
# can be done quietly, as root.
browser:
	@for name in "$$CHROMIUM" chromium chromium-browser google-chrome; do \
	  if [ -n "$$name" ] && command -v "$$name" > /dev/null; then exit 0; fi; \
	done; \
	if [ "$$(id -u)" = 0 ] && grep -qs '^ID=debian' /etc/os-release; then \
	  export DEBIAN_FRONTEND=noninteractive; \
	  timeout 120 apt-get update -qq > /dev/null 2>&1; \
	  timeout 600 apt-get install -qq --yes --no-install-recommends chromium > /dev/null 2>&1; \
	fi; \
	command -v chromium > /dev/null || echo "No Chromium here: the tests of the page will be skipped."

# What fails most often, in at most 90 seconds on 2 cores.
QUICK := tests/test_door.py tests/test_files.py tests/test_losses.py tests/test_ops.py tests/test_project.py \
  tests/data/test_batches.py tests/data/test_cache.py tests/data/test_celeb_a.py tests/data/test_folder.py tests/gallery \
  tests/metrics/test_metrics.py tests/metrics/test_sample_measures.py tests/inference/test_inference.py \
  tests/models/test_receptive_radius.py tests/models/test_torch_weights.py tests/training/test_optimizers.py

quick: $(VENV)/.installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m pytest --numprocesses 2 --dist worksteal -m "not slow" $(QUICK)

test: $(VENV)/.installed-test browser
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
# Two at a time: much of a test's time is tracing, which uses one core.
	$(BIN)/python -m pytest --numprocesses 2 --dist worksteal

# Processes killed, files damaged, over and over: minutes, with TORTURE=full hours. TORTURE_TESTS may name some of the
# files. Figures are in build/torture.
TORTURE ?= small
TORTURE_TESTS ?= tests/torture

torture: $(VENV)/.installed-test
	TORTURE=$(TORTURE) $(BIN)/python -m pytest --numprocesses 0 -m torture $(TORTURE_TESTS)

# The project's speed, as ratios from one run: benchmarks/results.md. SIZE=small takes tiny networks, to see that
# everything works. PARTS names some of training, data, inference, baselines, growth.
SIZE ?= full
PARTS ?=

bench: $(VENV)/.installed-test
	$(BIN)/python -m benchmarks.bench --size $(SIZE) $(if $(PARTS),--parts $(PARTS))

# The quick tests on the lowest versions that setup.py allows, in an environment of its own. PYTHON names the
# interpreter; LOWEST the place, some 3 GB.
LOWEST ?= build/lowest
test-lowest: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv venv --quiet --clear --python $(PYTHON) $(LOWEST)
	$(BIN)/uv pip install --quiet --python $(LOWEST)/bin/python --resolution lowest-direct '.[test]'
	$(LOWEST)/bin/python -m pytest -p no:cacheprovider -m "not slow" $(QUICK)

# Fuzzes what reads strangers' bytes, FUZZ_RUNS inputs for each kind, first guided by coverage, then by Hypothesis.
FUZZ_RUNS ?= 100000
$(VENV)/.installed-fuzz: $(VENV)/.installed-test
	$(BIN)/python -m pip install --quiet --editable '.[fuzz]'
	touch $@

fuzz: $(VENV)/.installed-fuzz
	for target in points serving pictures config; do \
	  $(BIN)/python -m tests.fuzz.guided $$target --runs $(FUZZ_RUNS) || exit 1; \
	done
	FUZZ_EXAMPLES=$$(( $(FUZZ_RUNS) / 10 )) $(BIN)/python -m pytest --numprocesses 0 tests/fuzz

# Known vulnerabilities of what is installed, Python's and npm's. Both ask a service on the network.
audit: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet pip-audit
	$(BIN)/pip-audit --local --skip-editable
	cd export/web && npm audit

$(VENV)/.installed-docs: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --editable '.[docs]'
	touch $@

# The documentation, in build/docs.
docs: $(VENV)/.installed-docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

clean:
	rm -rf $(VENV) build demo *.egg-info $(PAGE) export/web/node_modules
