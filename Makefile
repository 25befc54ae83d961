# make demo   see it work         make test    the whole suite       make serve   run the server
# make check  format, lint, types make bench   figures, as ratios    make help    the rest

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
LOCKED := deploy/requirements/dev.txt
NLTK   := .nltk_data
MYPY_PATHS := grader_service

.DEFAULT_GOAL := help
.PHONY: help install demo test check format serve bench load lock image packages clean

help: ## this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

install: $(VENV)/.installed ## the environment and the NLTK data; what all others do first
	@$(BIN)/python -m grader_service.similarity.data $(NLTK)
	@test -d .sandbox_packages || echo "optional: \`make image\` (Docker) or \`make packages\` (bubblewrap) brings the packages of the hosted python grader"

$(VENV)/.installed: $(LOCKED) pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "error: Python 3.11 or newer is needed; name one with: make PYTHON=/path/to/python3.12 $(MAKECMDGOALS)"; exit 1; }
	@test -x $(BIN)/pip || $(PYTHON) -m venv --clear $(VENV) 2>/dev/null || { \
		rm -rf $(VENV); echo "python3-venv is missing; installing it"; \
		{ test "$$(id -u)" = 0 && apt-get update -qq && apt-get install -y -qq python3-venv >/dev/null && $(PYTHON) -m venv $(VENV); } \
		|| { echo "error: cannot make a virtual environment; run: sudo apt install python3-venv"; exit 1; }; }
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r $(LOCKED)
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@


demo: install ## grade a table of real requests through the official SDK
	$(BIN)/python -m tests.demo

test: install ## the whole test suite
	$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile

check: install ## format, lint, strict types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy $(MYPY_PATHS)

format: install ## mend what can be mended
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

serve: install ## the server on 127.0.0.1:8000
	$(BIN)/grader-service serve

image: install ## the sandbox image, on the Docker engine of this shell
	sandbox_image/build

packages: install ## the sandbox's packages for bubblewrap, where there is no Docker engine
	sandbox_image/packages

bench: install ## figures, as ratios taken in one run
	$(BIN)/python -m tests.bench

load: install ## load and faults, some 25 minutes; python -m tests.load --help names the parts
	$(BIN)/python -m tests.load

lock: ## renew the locked requirements (needs uv)
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --extra redis --extra postgres --extra otel pyproject.toml -o deploy/requirements/service.txt
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --all-extras pyproject.toml -o deploy/requirements/dev.txt

clean: ## remove everything that was made
	rm -rf $(VENV) $(NLTK) .sandbox_packages .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist *.egg-info
