# Two commands matter: `make demo` and `make test`. Both set up all they need in .venv; `make help` lists the rest.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
BASE ?= HEAD

.PHONY: help demo test check fix proto bench lock audit clean

help: ## list the commands
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 10

$(READY): requirements-dev.lock pyproject.toml deploy/sandbox/pyproject.toml protos/python/pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed: make PYTHON=python3.11")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e . -e deploy/sandbox -e protos/python
	@touch $@

demo: $(READY) ## a won Opportunity is paid in Stripe and comes back: shown live on the local sandbox
	$(BIN)/python -m deploy.demo $(ARGS)

test: $(READY) ## every test, on real parts
	$(BIN)/python -m pytest $(ARGS)

check: $(READY) ## lint, types, import contracts, API contract, generated files
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/buf lint
	$(BIN)/buf breaking --against '.git#ref=$(BASE)'
	$(BIN)/python protos/generate.py --check

fix: $(READY) ## mend what a tool can mend
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

proto: $(READY) ## generate what is committed of the contract: service/gen, the Python client, protos/README.md
	$(BIN)/buf format -w
	$(BIN)/python protos/generate.py

bench: $(READY) ## speed, cost and memory, beside their floors
	$(BIN)/python -m tests.bench $(ARGS)

lock: $(READY) ## resolve the dependencies anew (needs uv, which the lock pins)
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	  --no-emit-index-url pyproject.toml deploy/sandbox/pyproject.toml --group pyproject.toml:dev -o requirements-dev.lock
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	  --no-emit-index-url pyproject.toml -c requirements-dev.lock -o requirements.lock
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	  --no-emit-index-url deploy/sandbox/pyproject.toml -c requirements-dev.lock -o deploy/sandbox/requirements.lock

audit: $(READY) ## look for known vulnerabilities of what is locked (asks PyPI; needs the internet)
	$(BIN)/uv tool run --quiet pip-audit@2.10.1 --strict --disable-pip --require-hashes -r requirements-dev.lock

clean: ## remove what the commands made
	rm -rf .venv build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
