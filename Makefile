# Every verb sets up what it needs in .venv first; on a fresh machine nothing else has to be typed.

PYTHON ?= python3
BIN := .venv/bin
WORKERS ?= auto
SHARD ?= 1/1

# What `make cover` asks every branch of: the reference, its twins, and the bounds.
CORE := npcf/ops/*,npcf/models/*,npcf/optim/*,npcf/fused/*,npcf/kernels/*,npcf/verify/bound*.py,npcf/verify/formulas.py,npcf/verify/update_rules.py,npcf/verify/setting.py

.PHONY: train test check check-nojit check-boundscheck check-processors check-abuse check-oldest check-no-numba check-workflow check-long cover mutate proof crosscheck-proof bench peers picture notebooks docs format clean

# Train lesson 5's model on invented ratings, or on yours: make train ARGS="--data ml-100k"
train: .venv/train.done
	$(BIN)/npcf train $(ARGS)

# Everything a change must pass: style, types, import contracts, laws, PyTorch, recorded runs.
test: .venv/test.done
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/pytest -n $(WORKERS) --dist worksteal

# A minute and a half of two cores, two or three where nothing has been compiled yet: few examples, nothing
# recorded.  Tests marked slow are skipped, each with its reason.
check: .venv/test.done
	NPCF_PROFILE=check $(BIN)/pytest -q -n $(WORKERS) --dist worksteal tests

# The compiled loops as plain Python, and with every index checked.  A warm cache would hide both,
# so each run has an empty one.
check-nojit: .venv/test.done
	cache=$$(mktemp -d) && trap 'rm -rf "$$cache"' EXIT && \
	NUMBA_DISABLE_JIT=1 NUMBA_CACHE_DIR=$$cache NPCF_PROFILE=dev $(BIN)/pytest -q -n $(WORKERS) tests

check-boundscheck: .venv/test.done
	cache=$$(mktemp -d) && trap 'rm -rf "$$cache"' EXIT && \
	NUMBA_BOUNDSCHECK=1 NUMBA_CACHE_DIR=$$cache NPCF_PROFILE=dev $(BIN)/pytest -q -n $(WORKERS) tests

# The numeric tests with NumPy, Numba, PyTorch and the C library held at one level of the processor after
# the other: ten minutes of two idle cores.  Some of them: make check-processors LEVELS="baseline mixed"
check-processors: .venv/test.done
	WORKERS=$(WORKERS) $(BIN)/python -m tests.processors $(LEVELS)

# The suite with the oldest versions that pyproject.toml names, in .venv-oldest; NPCF_PROFILE=check is
# shorter.  Compiled code of one Numba is nothing to another, so it has a place of its own.
check-oldest: .venv-oldest/test.done
	NUMBA_CACHE_DIR=$(CURDIR)/.venv-oldest/compiled .venv-oldest/bin/pytest -n $(WORKERS)

# Without Numba, as in a browser, in .venv-no-numba: what a student does there, then the tests of what
# needs neither compiled code nor SymPy; three minutes.
OTHERS_NEEDED := tests/ops/test_symbolic.py tests/data/test_one_way_in.py $(addprefix tests/verify/test_,bounded.py bounds.py laws.py examples.py)
check-no-numba: .venv-no-numba/test.done
	.venv-no-numba/bin/python -m tests.without_numba
	NPCF_PROFILE=check .venv-no-numba/bin/python -m pytest -q $(addprefix --ignore=,$(OTHERS_NEEDED)) \
	tests/ops tests/models tests/optim tests/data tests/analysis tests/verify tests/teach tests/crosscheck

# The continuous integration, by actionlint.
check-workflow: .venv/workflow.done
	$(BIN)/actionlint .github/workflows/*.yml

# Everything that reaches compiled code, abused in child processes: a few minutes; then a part of it
# with every index checked.
ABUSES ?= 24000
check-abuse: .venv/test.done
	$(BIN)/python -m tests.abuse --abuses $(ABUSES)
	cache=$$(mktemp -d) && trap 'rm -rf "$$cache"' EXIT && \
	NUMBA_BOUNDSCHECK=1 NUMBA_CACHE_DIR=$$cache $(BIN)/python -m tests.abuse --abuses $(ABUSES) --seed 100000

# Most of an hour of two cores: 10,000 inputs for each law of operations and optimisers, 2,000 for the
# other laws, 500 for other tests, and five million numbers against exact arithmetic.
# A quarter of it: make check-long SHARD=1/4
check-long: .venv/test.done
	NPCF_PROFILE=long NPCF_SHARD=$(SHARD) $(BIN)/pytest -q -n $(WORKERS)
	$(BIN)/python -m compare.proof.exact_run --jobs $$(nproc) --seed $(firstword $(subst /, ,$(SHARD)))

# Every branch of the numeric core, the compiled loops as plain Python; not what writes instructions
# for Numba, which cannot run then.
cover: .venv/test.done
	cache=$$(mktemp -d) && trap 'rm -rf "$$cache"' EXIT && \
	NUMBA_DISABLE_JIT=1 NUMBA_CACHE_DIR=$$cache NPCF_PROFILE=dev \
	$(BIN)/coverage run --branch --include='$(CORE)' --omit='npcf/kernels/_*.py,npcf/kernels/pairwise.py,npcf/kernels/simd.py,npcf/kernels/rowwise.py,npcf/kernels/*/row_step.py' \
	-m pytest -q -p no:xdist tests/ops tests/models tests/optim tests/kernels \
	tests/verify/test_bounds.py tests/verify/test_bounded.py && \
	$(BIN)/coverage report --show-missing --skip-covered --fail-under=100

# Bugs planted in npcf's own source by cosmic-ray; stop it and start it again as you like.
mutate: .venv/mutation.done
	$(BIN)/python -m compare.proof.mutation

# The table of notebooks/proof.md: the fast figures measured now, the long ones as last run.
proof: .venv/test.done
	$(BIN)/python -m compare.proof

# Wrong and right PyTorch programs on trial: what `npcf.crosscheck` must reach, and what it does; a quarter
# of an hour of two cores.  One part, or the long run: make crosscheck-proof PART=clean_long
crosscheck-proof: .venv/test.done
	$(BIN)/python -m compare.crosscheck $(PART)

# The tables of notebooks/benchmarks.md: npcf against its peers, half an hour of two idle cores.
# One question: make bench QUESTION=seed-run
QUESTION ?= all
bench: .venv/bench.done
	$(BIN)/python -m compare.bench $(QUESTION)

# The peers as well as they get: LIBMF compiled for this processor as its own Makefile does; fastai
# without torchvision and spacy, which its collaborative filtering never loads.
LIBMF_FLAGS := -O3 -march=native -pthread -DUSEAVX -DUSEOMP -fopenmp
peers: .venv/bench.done
	CFLAGS="$(LIBMF_FLAGS)" CXXFLAGS="$(LIBMF_FLAGS)" LDFLAGS=-fopenmp $(BIN)/python -m pip install \
	--quiet --no-deps --force-reinstall --no-cache-dir --no-binary libmf libmf
	$(BIN)/python -m pip install --quiet requests pyyaml pillow packaging scipy scikit-learn fasttransform
	$(BIN)/python -m pip install --quiet --no-deps fastai fastcore fastdownload "fastprogress<1.1" "plum-dispatch<2.10"

# The README's picture: what a model has learned, against what was planted.
picture: .venv/plot.done
	$(BIN)/python -m compare.bench.learned

# Every page of notebooks/ that has a source (NAME.py) is run, and must say what its NAME.md says: a minute or
# two.  `make test` runs the cheapest alone, and sees of the others whether they are as old as their sources.
# To store what they say now: make notebooks WRITE=1.  One of them: make notebooks PAGES=dot_product.
# On the data in $NPCF_DATA, comparing nothing: make notebooks MOVIELENS=1
notebooks: .venv/test.done
	$(BIN)/python -m tests.pages $(if $(WRITE),--write) $(if $(MOVIELENS),--movielens) $(PAGES)

# The site: pages, reference, search, in build/site/index.html; warnings are errors.
docs: .venv/docs.done
	$(BIN)/python -m sphinx -q -E -a -W --keep-going -d build/doctrees -c notebooks/site notebooks build/site
	$(BIN)/python -m tests.site build/site

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

.venv-oldest/test.done: pyproject.toml .ci/oldest.py
	rm -rf .venv-oldest
	$(PYTHON) -m venv .venv-oldest
	$(PYTHON) .ci/oldest.py > .venv-oldest/constraints.txt
	.venv-oldest/bin/python -m pip install --quiet --constraint .venv-oldest/constraints.txt --editable ".[test]"
	touch $@

.venv-no-numba/test.done: pyproject.toml .ci/requirements.py
	rm -rf .venv-no-numba
	$(PYTHON) -m venv .venv-no-numba
	$(PYTHON) .ci/requirements.py progress data save verify teach sheet --without numba > .venv-no-numba/requirements.txt
	.venv-no-numba/bin/python -m pip install --quiet --requirement .venv-no-numba/requirements.txt "pytest>=8.3"
	.venv-no-numba/bin/python -m pip install --quiet --no-deps --editable .
	touch $@

.venv/workflow.done: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --editable ".[workflow]"
	touch $@

.venv/mutation.done: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --editable ".[mutation]"
	touch $@ .venv/test.done .venv/train.done

.venv/plot.done: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --editable ".[plot]"
	touch $@

.venv/docs.done: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --editable ".[docs]"
	touch $@ .venv/train.done

.venv/bench.done: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --editable ".[bench]"
	touch $@ .venv/test.done .venv/train.done

clean:
	rm -rf .venv .venv-oldest .venv-no-numba build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .mutation
	find . -name __pycache__ -prune -exec rm -rf {} +
