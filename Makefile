# `make demo` and `make test` set up everything they need in .venv, from nothing, on a machine with Python 3.11+.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
DEMO   ?= .demo
NUM    ?= 100000
# Files of tests side by side; systems of real processes come one at a time, after them.
WORKERS ?= 2
SYSTEMS := tests/chaos tests/contract tests/integration

.PHONY: demo test simulate chaos coverage lint bench setup clean
.DEFAULT_GOAL := help

help:
	@echo "make demo   set up, then run a real ablation on real digits and print its verdict"
	@echo "make test   set up, then run the test suite; WORKERS=4 for more files side by side, THOROUGH=1 for all examples"
	@echo "make chaos  kill and freeze processes of running studies; CHAOS_ARGS='--schedules 20 --seed 100'"
	@echo "make simulate  100,000 schedules of the simulated control plane (NUM=1000 for fewer)"
	@echo "make coverage  branches of ablations/ that its tests take; fails below 98 %"
	@echo "make lint   ruff, mypy, import-linter"
	@echo "make bench  benchmarks; records go to benchmarks-out/"

setup: $(STAMP)

$(STAMP): pyproject.toml docker/constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	# The distribution was called `ablate` once; on PyPI that name is another project.
	test ! -d ablate.egg-info || { $(BIN)/python -m pip uninstall -q -y ablate; rm -r ablate.egg-info; }
	$(BIN)/python -m pip install --disable-pip-version-check -q -c docker/constraints.txt -e '.[dev]'
	$(BIN)/python -m trainables.activations.fused.build
	touch $@

demo: $(STAMP)
	$(BIN)/ablate demo --data-dir $(DEMO)

test: $(STAMP)
	failed=0; \
	$(BIN)/python -m pytest -m "not benchmark" $(PYTEST_ARGS) -n $(WORKERS) --dist loadfile $(SYSTEMS:%=--ignore=%) || failed=1; \
	$(BIN)/python -m pytest -m "not benchmark" $(PYTEST_ARGS) $(SYSTEMS) || failed=1; \
	exit $$failed

chaos: $(STAMP)
	$(BIN)/python -m tests.chaos.run $(CHAOS_ARGS)

simulate: $(STAMP)
	$(BIN)/python -m tests.simulation $(NUM)

coverage: $(STAMP)
	$(BIN)/python -m pytest -q tests/unit/ablations tests/property \
		--cov=ablations --cov-branch --cov-report=term-missing:skip-covered --cov-fail-under=98

lint: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(STAMP)
	mkdir -p benchmarks-out
	$(BIN)/python -m tests.benchmarks.judging
	$(BIN)/python -m tests.benchmarks.study_end_to_end
	$(BIN)/python -m tests.benchmarks.control_plane 1000 10000
	$(BIN)/python -m tests.benchmarks.member_steps
	$(BIN)/python -m tests.benchmarks.auto_pack
	$(BIN)/python -m tests.benchmarks.nodes
	$(BIN)/python -m tests.benchmarks.recovery
	$(BIN)/python -m tests.benchmarks.mixed_depth
	$(BIN)/python -m tests.benchmarks.memory
	$(BIN)/python -m tests.benchmarks.equality
	$(BIN)/python -m tests.benchmarks.waste
	$(BIN)/python -m tests.benchmarks.activation memory peak small sizes steps --out benchmarks-out/activation.jsonl

clean:
	rm -rf $(VENV) $(DEMO) build *.egg-info
