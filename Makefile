# Each target makes what it needs: a virtual environment in the tree, from Python 3.11+, pip and make alone.
# RUNNERS: how many tests run at once.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
RUNNERS ?= 2
FUZZ_SECONDS ?= 600
PYTEST := $(BIN)/python -m pytest -n $(RUNNERS) --dist loadscope --no-loadscope-reorder

.PHONY: demo test quick check format generate peers bench bench-clients docs campaign soak fuzz compiled clean

demo: $(READY)
	$(BIN)/corewire demo

test: $(READY)
	$(PYTEST)

quick: $(READY)
	$(PYTEST) -q -m "not interop and not slow"

check: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	for script in scripts/gen_*.py; do $(BIN)/python $$script --check || exit 1; done
	$(BIN)/mypy
	$(BIN)/pyright
	$(BIN)/lint-imports

format: $(READY)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

generate: $(READY)
	for script in scripts/gen_*.py; do $(BIN)/python $$script || exit 1; done

peers: $(READY)
	$(BIN)/python -m tests.interop.peers

bench: $(READY)
	$(BIN)/python -m pytest -q bench/bench_*.py --benchmark-only --benchmark-disable-gc --benchmark-timer=time.process_time
	$(BIN)/python -m bench.end_to_end

bench-clients: $(READY)
	$(BIN)/python -m pip install -q --group bench
	$(BIN)/python -m bench.clients

docs: $(READY)
	$(BIN)/python -m pip install -q --group docs
	$(BIN)/python -m sphinx -W -b html docs docs/_build

campaign soak: $(READY)
	CI=true $(BIN)/python -m pytest -s tests/campaign

# Coverage-guided, of the client's receive side; FUZZ_SECONDS: how long. Ends at the first play that goes wrong.
fuzz: $(READY)
	$(BIN)/python -m pip install -q --group fuzz
	$(BIN)/python -m tests.fuzz.client_fuzz $(FUZZ_SECONDS) .cache/fuzz

# The wheel with half of it as machine code, in an environment of its own, and the tests that run on it; it wants a C compiler.
compiled: $(READY)
	rm -rf build/compiled build/wheel $(VENV)-compiled
	$(PYTHON) -m venv $(VENV)-compiled
	$(VENV)-compiled/bin/python -m pip install -q --upgrade "pip>=25.1"
	HATCH_BUILD_HOOKS_ENABLE=1 $(VENV)-compiled/bin/python -m pip wheel -q --no-deps -w build/wheel .
	$(VENV)-compiled/bin/python -m pip install -q "$$(ls build/wheel/corewire-*.whl)[server]" --group test
	$(VENV)-compiled/bin/python -m pytest -n $(RUNNERS) -m "not interop and not slow and not replaces" tests/engine tests/server tests/transports tests/fuzz
	$(BIN)/python -m tests.simulation.same $$($(VENV)-compiled/bin/python -c "import sysconfig; print(sysconfig.get_path('platlib'))")

$(READY): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --upgrade "pip>=25.1"
	$(BIN)/python -m pip install -q -e ".[server]" --group dev
	touch $@

clean:
	rm -rf $(VENV) $(VENV)-compiled build .cache .mypy_cache .pytest_cache .ruff_cache .hypothesis docs/_build
