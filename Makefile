# What a newcomer needs: make demo, make test. What a developer needs besides: make check, make run.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
APP := $(VENV)/.app-installed
DEV := $(VENV)/.dev-installed
COMPILED := $(VENV)/.tests-compiled
READS := $(VENV)/.fidelity-installed
BENCH := .venv-bench/.installed
AWS := .venv-aws/.installed
BIOME := .venv-biome/node_modules/.bin/biome
BIOME_VERSION := 2.6.8
UV_VERSION := 0.13.9
export PIP_DISABLE_PIP_VERSION_CHECK = 1
# The tests start hundreds of processes: without compiled files each would compile Packshot again.
export PYTHONDONTWRITEBYTECODE =
# The tests write much and keep nothing: in memory if 2 GB are free, so that no test waits for a disk.
SCRATCH := $(shell [ "$$(df -k --output=avail /dev/shm 2>/dev/null | tail -n 1)" -gt 2000000 ] \
  2>/dev/null && echo /dev/shm || echo "$${TMPDIR:-/tmp}")

.PHONY: help demo model run test prepared test-extra check check-desk format lock chromium bench soak clean audit
help:
	@echo "make demo            pictures from the sample photos (PHOTOS=folder, ONCE=1 to exit when done, FRESH=1 to begin again)"
	@echo "make test            install what the tests need and run them: 5 to 9 minutes on two cores"
	@echo "make test-extra      the twins on PostgreSQL and the rarer cases; CI runs both"
	@echo "make run             the application on http://127.0.0.1:5000"
	@echo "make check           format, lint, types, layers"
	@echo "make bench           the benchmarks, beside other tools; ten minutes"
	@echo "make soak            the long runs: kills, outages, load, backlogs (RUNS=... for one)"
	@echo "make audit           look for advisories against the pinned versions, where the network allows"
	@echo "make chromium        what the browser tests need besides: Chromium, faketime, PgBouncer (make test does it too)"
	@echo "make format          format the code, and fix what the linters can"
	@echo "make clean           remove .venv, var and the caches"
	@echo "make lock            pin the versions of pyproject.toml again"

$(BIN)/python:
	@echo "== Making a virtual environment in $(VENV)"
	@$(PYTHON) -c 'import sys; sys.exit("Packshot needs Python 3.11 or newer" if sys.version_info < (3, 11) else 0)'
	@$(PYTHON) -m venv $(VENV)

# uv does in 2 s of CPU what takes pip 28. Where it can't be had, or doesn't find the packages (it
# doesn't read pip's settings), pip does it, and says what is wrong.
define install
  { $(BIN)/pip install --quiet uv==$(UV_VERSION) \
    && $(BIN)/uv pip install --quiet --python $(or $(2),$(VENV))/bin/python $(1); } >/dev/null 2>&1 \
    || $(BIN)/pip --python $(or $(2),$(VENV))/bin/python install --quiet $(1)
endef

$(APP): requirements.txt pyproject.toml | $(BIN)/python
	@echo "== Installing what Packshot needs (once)"
	@$(call install,-r requirements.txt)
	@touch $@

$(DEV): requirements-dev.txt pyproject.toml | $(BIN)/python
	@echo "== Installing what the tests and checks need (once)"
	@$(call install,-r requirements-dev.txt)
	@touch $@ $(APP) $(READS)

# 4.6 MB, fetched once. Without it Packshot works, but keeps more backgrounds as they are.
model: $(APP)
	@$(BIN)/packshot cutout-model || echo "== Continuing without the cut-out network"

# Reads printed text for the fidelity check, 110 MB with onnxruntime. Without it nothing is read.
$(READS): requirements-fidelity.txt | $(APP)
	@echo "== Installing what reads printed text (once)"
	@{ $(call install,-r requirements-fidelity.txt); } && touch $@ \
	  || echo "== Continuing without reading printed text"

demo: $(APP) model $(READS)
	@$(BIN)/packshot demo $(if $(PHOTOS),--photos "$(PHOTOS)") $(if $(ONCE),--once) $(if $(FRESH),--fresh)

run: $(APP) model $(READS)
	@$(BIN)/python run.py

# In a separate environment, so that neither restricts the other's versions; it has no pip.
$(AWS): requirements-aws.txt | $(DEV)
	@echo "== Installing the AWS command line that the tests run (once)"
	@$(PYTHON) -m venv --clear --without-pip .venv-aws
	@$(call install,-r requirements-aws.txt,.venv-aws)
	@touch $@

# Each of the tests' processes would compile every file it imports: two do it first, half of the tests each.
$(COMPILED): $(DEV)
	@echo "== Compiling the tests (once)"
	@$(BIN)/pytest -qq --collect-only tests/test_[a-k]*.py >/dev/null & \
	  $(BIN)/pytest -qq --collect-only tests/faults tests/test_[l-z]*.py >/dev/null; wait
	@touch $@

# In a folder that goes at the end, however it ends: a run writes half a gigabyte.
define pytest
  scratch=$$(mktemp -d $(SCRATCH)/packshot-tests-XXXXXX) && chmod 755 "$$scratch" \
    && trap 'rm -rf "$$scratch"' EXIT && trap 'exit 130' INT TERM \
    && TMPDIR=$$scratch $(BIN)/pytest -q $(1)
endef

# Six processes on two ordinary cores, fewer on slow ones: tests/conftest.py says why.
test: $(DEV) $(COMPILED) model chromium
	@echo "== Running the tests"
	@$(call pytest,-n auto --maxprocesses 6 --dist worksteal $(TESTS))

# All that both need, without running them.
prepared: $(DEV) $(COMPILED) $(AWS) model chromium

# The tests above on PostgreSQL too, and rarer cases: what does not fit into the time of `make test`.
test-extra: prepared
	@echo "== Running the extra tests"
	@$(call pytest,-n auto --maxprocesses 4 --dist worksteal -m "extra and not soak" $(TESTS))

check: $(DEV)
	@echo "== Format, lint, types, layers"
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo
	@if command -v npm >/dev/null; then $(MAKE) --no-print-directory check-desk; \
	  elif [ "$(NEED_NODE)" ]; then echo "check: npm is missing, so the desk's JavaScript was not checked"; exit 1; \
	  else echo "== The desk's JavaScript is not checked: npm is not installed"; fi

# The desk's JavaScript: biome.json says which rules.
check-desk: $(BIOME)
	@$(BIOME) check --error-on-warnings --log-level=warn

$(BIOME): Makefile
	@echo "== Installing what checks the desk's JavaScript (once)"
	@npm install --silent --no-save --no-package-lock --prefix .venv-biome @biomejs/biome@$(BIOME_VERSION) >/dev/null
	@touch $@

# The long runs of docs/reliability.md; RUNS="kills --products 50" for one, smaller.
soak: $(DEV)
	@$(if $(RUNS),,$(call pytest,-n 2 -m soak))
	@PYTHONPATH=tests $(BIN)/python -m soak $(RUNS)

audit:
	@echo "== Advisories against the pinned versions"
	@PYTHON=$(PYTHON) .ci/audit

format: $(DEV)
	@$(BIN)/ruff check --fix --quiet .
	@$(BIN)/ruff format --quiet .
	@if command -v npm >/dev/null; then $(MAKE) --no-print-directory $(BIOME); $(BIOME) check --write --log-level=error; fi

$(BENCH): requirements.txt requirements-bench.txt
	@echo "== Installing what the benchmarks compare with (once)"
	@$(PYTHON) -m venv .venv-bench
	@.venv-bench/bin/pip install --quiet -r requirements-bench.txt
	@touch $@

# BENCH_ARGS="waiting --share 0.3" runs one of them, smaller.
bench: $(BENCH) model
	@.venv-bench/bin/python -m bench $(BENCH_ARGS)

# The browser tests need Chromium, those of a wrong clock faketime, those of a pooler PgBouncer:
# found, or installed through apt when root. Chromium's headless shell costs the tests the least;
# where apt has none, the whole Chromium. Debian's PgBouncer lies where a user's PATH may not look.
chromium:
	@missing=""; \
	command -v chromium-headless-shell >/dev/null || command -v google-chrome >/dev/null \
	  || missing="chromium-headless-shell fonts-liberation"; \
	command -v faketime >/dev/null || missing="$$missing faketime"; \
	PATH="$$PATH:/usr/sbin" command -v pgbouncer >/dev/null || missing="$$missing pgbouncer"; \
	if [ -n "$$missing" ] && command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then \
	  echo "== Installing $$missing for the tests (once)"; \
	  install="apt-get install -y -qq --no-install-recommends"; export DEBIAN_FRONTEND=noninteractive; \
	  apt-get update -qq; $$install $$missing >/dev/null 2>&1 \
	    || $$install $$(echo $$missing | sed s/chromium-headless-shell/chromium/) >/dev/null; \
	elif [ -n "$$missing" ]; then echo "== Missing, their tests are skipped: $$missing (as root, apt would install it)"; \
	else echo "== Chromium, faketime and PgBouncer are installed"; fi

lock: $(BIN)/python
	@$(BIN)/pip install --quiet uv==$(UV_VERSION)
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-header --no-annotate \
	  --extra dev pyproject.toml -o requirements-dev.txt $(LOCK)
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-header --no-annotate \
	  -c requirements-dev.txt pyproject.toml -o requirements.txt $(LOCK)
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-header --no-annotate \
	  --extra fidelity -c requirements-dev.txt pyproject.toml -o requirements-fidelity.txt $(LOCK)
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-header --no-annotate \
	  --extra c2pa -c requirements-dev.txt pyproject.toml -o requirements-c2pa.txt $(LOCK)
	@echo "-e ." >> requirements.txt
	@echo "-e ." >> requirements-dev.txt

clean:
	rm -rf $(VENV) var .mypy_cache .pytest_cache .ruff_cache
