# Two commands do everything on a machine with Python >= 3.11 and make:
#   make dev     start the seeded local server   (make dev ARGS="--port 9000")
#   make test    run every test                  (make test ARGS="tests/unit -k pkce")
# PYTHON=/path/to/python3 chooses the interpreter; `make help` lists the rest.

.POSIX:
.SUFFIXES:
.PHONY: help dev test races lint types bench fuzz docs format npm-clients clean

BIN = .venv/bin
CODE = src tests tools benchmarks fuzz examples

help:
	@echo "make dev      start the seeded local server (ARGS=\"...\" passes flags on)"
	@echo "make test     run every test (ARGS=\"...\" goes to pytest)"
	@echo "make races    a thousand rounds of two programs that want what counts once (ROUNDS=1000)"
	@echo "make lint     ruff: rules and formatting"
	@echo "make types    mypy --strict"
	@echo "make format   let ruff mend what it can"
	@echo "make bench    measure, side by side with a peer"
	@echo "make fuzz     let atheris look for input that breaks the toolkit (SECONDS=60)"
	@echo "make docs     write the generated pages of docs/ and build its site in site/"
	@echo "make clean    remove the environment and all that was built"

dev: .venv/installed-dev
	@exec $(BIN)/valetkey dev $(ARGS)

# Some machines tell Python to keep no compiled code: every program that a test starts would compile all of ours.
test: .venv/installed-test npm-clients
	@MAKEFLAGS= PYTHONDONTWRITEBYTECODE= exec $(BIN)/pytest -n $$(( 2 * $$(getconf _NPROCESSORS_ONLN) )) --maxprocesses 8 --dist loadfile --no-loadscope-reorder $(ARGS)

races: .venv/installed-test
	@RACE_ROUNDS=$${ROUNDS:-1000} exec $(BIN)/pytest -q -rP -k "each_round" \
		tests/faults/test_races_rounds.py tests/faults/test_storage_processes.py

lint: .venv/installed-test
	@$(BIN)/ruff check $$(ls -d $(CODE) 2>/dev/null)
	@$(BIN)/ruff format --check $$(ls -d $(CODE) 2>/dev/null)

types: .venv/installed-test
	@exec $(BIN)/mypy

format: .venv/installed-test
	@$(BIN)/ruff check --fix $$(ls -d $(CODE) 2>/dev/null)
	@$(BIN)/ruff format $$(ls -d $(CODE) 2>/dev/null)

fuzz: .venv/installed-test
	@$(BIN)/python -m pip install -q "atheris>=2.3"
	@exec $(BIN)/python fuzz/toolkit.py fuzz/corpus -max_total_time=$${SECONDS:-60} -max_len=4096

bench: .venv/installed-test npm-clients
	@exec $(BIN)/python -m benchmarks $(ARGS)

docs: .venv/installed-test .venv/installed-docs
	@$(BIN)/python tools/requirements.py
	@$(BIN)/python tools/hardening.py
	@$(BIN)/python tools/reference.py
	@$(BIN)/python tools/performance_page.py
	@$(BIN)/python tools/diagrams.py
	@exec $(BIN)/zensical build --clean --strict

npm-clients:
	@sh tools/npm-clients.sh >&2

.venv/installed-dev: pyproject.toml
	@PYTHON="$(PYTHON)" sh tools/environment.sh dev >&2

.venv/installed-test: pyproject.toml
	@PYTHON="$(PYTHON)" sh tools/environment.sh test >&2

.venv/installed-docs: pyproject.toml
	@PYTHON="$(PYTHON)" sh tools/environment.sh docs >&2

clean:
	rm -rf .venv build dist site .mypy_cache .ruff_cache .pytest_cache .hypothesis tests/interop/node_modules
	find src tests tools benchmarks -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null || true
