# Every verb sets up what it needs in .venv first; on a fresh machine nothing else has to be typed.

PYTHON ?= python3
BIN := .venv/bin
WORKERS ?= auto

.PHONY: train test check check-nojit check-boundscheck check-long format clean

# Train lesson 5's model on invented ratings, or on yours: make train ARGS="--data ml-100k"
train: .venv/train.done
	$(BIN)/npcf train $(ARGS)

# Everything a change must pass: style, types, import contracts, laws, PyTorch, recorded runs.
test: .venv/test.done
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/pytest -n $(WORKERS)

# Seconds: the laws with few examples, nothing recorded.
check: .venv/test.done
	NPCF_PROFILE=dev $(BIN)/pytest -q -n $(WORKERS) tests

# The compiled loops as plain Python, and with every index checked.  A warm cache would hide both,
# so each run has an empty one.
check-nojit: .venv/test.done
	NUMBA_DISABLE_JIT=1 NPCF_PROFILE=dev $(BIN)/pytest -q -n $(WORKERS) tests

check-boundscheck: .venv/test.done
	cache=$$(mktemp -d) && trap 'rm -rf "$$cache"' EXIT && \
	NUMBA_BOUNDSCHECK=1 NUMBA_CACHE_DIR=$$cache NPCF_PROFILE=dev $(BIN)/pytest -q -n $(WORKERS) tests

# 5,000 examples a law.
check-long: .venv/test.done
	NPCF_PROFILE=long $(BIN)/pytest -q -n $(WORKERS)

format: .venv/test.done
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.venv/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "npcf needs Python 3.11 or newer: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv .venv

.venv/train.done: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --editable ".[progress,save]"
	touch $@

.venv/test.done: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --editable ".[test]"
	touch $@ .venv/train.done

clean:
	rm -rf .venv build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +
