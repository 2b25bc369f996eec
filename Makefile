# make demo: first figure, no root.   make test: everything this machine can run.   make help: the rest.
PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
OUT ?= out

.PHONY: help demo test check fast bench soak lock setup system-packages clean-venv

help:
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

demo: .venv/run.stamp ## the main job in simulation: a table, a PNG and a CSV (no root needed)
	$(BIN)/mpsim experiment equal-links --world simulation --out $(OUT)/demo

# What needs root measures real time: it comes last and alone. It runs also where the rest has failed.
test: setup system-packages check ## set up, check the style, run every test this machine can run
	status=0; \
	$(BIN)/python -m pytest -rs -n logical --dist loadfile -m "not root" || status=$$?; \
	$(BIN)/python -m pytest -rs -m root || status=$$?; \
	exit $$status

check: setup ## style, types and the direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --diff .
	$(BIN)/mypy
	$(BIN)/lint-imports

fast: build/fast/mpsim ## compile the packet path: the same program two to three times as fast, as build/fast/mpsim

# Made anew when a source changes. The wrapper puts the compiled packages before the ones they were made from.
build/fast/mpsim: .venv/dev.stamp setup.py pyproject.toml $(shell find mpsim emulation experiments -name '*.py')
	rm -rf build/fast build/lib* build/temp* build/bdist*
	MPSIM_COMPILE=1 $(PIP) --no-build-isolation --no-deps --target build/fast/lib .
	rm -rf mpsim.egg-info # it would hide the environment's own from who runs here
	printf '#!/bin/sh\nhere=$$(dirname "$$(readlink -f "$$0")")\nPYTHONPATH="$$here/lib" PYTHONSAFEPATH=1 exec "$$here/../../.venv/bin/python" -m mpsim "$$@"\n' > $@
	chmod +x $@

bench: setup build/fast/mpsim ## speed against peers, as ratios within one run; as it is, and compiled
	$(BIN)/python -m benchmarks
	PYTHONPATH=build/fast/lib:. PYTHONSAFEPATH=1 $(BIN)/python -m benchmarks

soak: setup build/fast/mpsim ## long randomized proofs
	$(BIN)/python -m pytest -rs tests/soak

lock: setup ## resolve the dependencies anew, with hashes
	.ci/lock $(BIN)/uv

setup: .venv/run.stamp .venv/dev.stamp

clean-venv: ## remove the environment
	rm -rf .venv

.venv/run.stamp: requirements/emulation.txt pyproject.toml
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed" >&2; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(PIP) --require-hashes -r requirements/build.txt
	$(PIP) --require-hashes --no-build-isolation -r requirements/emulation.txt
	$(PIP) --no-deps --no-build-isolation --editable .
	touch $@

.venv/dev.stamp: requirements/dev.txt .venv/run.stamp
	$(PIP) --require-hashes --no-build-isolation -r requirements/dev.txt
	touch $@

system-packages:
	@.ci/system-packages
