# `make demo` and `make test` need nothing but make and Python 3.10 or newer: they create .venv and install into it.
# Choose another Python with `make test PYTHON=python3.13`, another place with VENV=.venv-3.13.

VENV ?= .venv
BIN = $(VENV)/bin
READY = $(VENV)/.installed
DOCS ?=
ARGS ?=

# What is compiled is kept: the checks start some hundred processes, and without it each compiles all it imports.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo test world vendor wheels examples lint types notebooks docs versions ray bench faults fuzz pins clean

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  \1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "%-12s %s\n", $$1, $$2 }'

$(READY): pyproject.toml requirements/dev.txt scripts/install
	@PYTHON="$(PYTHON)" scripts/install $(VENV)
	@touch $@

demo: $(READY) ## watch every agent answer in both frameworks (DOCS=folder for your own documents)
	@$(BIN)/python -m remote_agents_demo $(if $(DOCS),--documents "$(DOCS)")
	@echo "Next, a notebook: $(BIN)/jupyter lab notebooks/01_quickstart.ipynb"

# Three processes on two cores, as the tests wait a third of their time, for time limits and outages;
# each takes neighbouring tests, so that a module's sandbox or database is started once.
test: $(READY) ## every check, and the whole test-suite (ARGS="-k sse" for a part of it)
	@$(MAKE) --no-print-directory -j 2 notebooks lint types docs
	$(BIN)/python -m pytest -n 3 --dist worksteal $(ARGS)

world: $(READY) vendor wheels examples ## vendors' and other foreign servers, each extra of the wheel, and the examples, in environments of their own
	@if [ -e .venv-vendor/.installed ] && [ -e .venv-foreign/.installed ]; then $(BIN)/python -m pytest tests/vendor -n 2 $(ARGS); fi

examples: $(READY) ## the programs of examples/, in environments of their own, used with a real browser
	@VENV=$(VENV) scripts/vendor .venv-examples requirements/examples.txt
	@VENV=$(VENV) scripts/vendor .venv-chainlit requirements/chainlit.txt
	@if [ -e .venv-examples/.installed ] && [ -e .venv-chainlit/.installed ]; then $(BIN)/python -m pytest tests/examples $(ARGS); fi

wheels: $(READY) ## the pages of the documentation, each with the extra that it names and nothing else
	$(BIN)/python -m pytest tests/wheels -n 2 $(ARGS)

vendor: $(READY) ## the environments of those servers
	@VENV=$(VENV) scripts/vendor .venv-vendor requirements/vendor.txt
	@VENV=$(VENV) scripts/vendor .venv-foreign requirements/foreign.txt

lint: $(READY) ## style, formatting and the import contracts
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports

types: $(READY) ## mypy --strict on the packages; it and pyright on programs that use them, rightly and wrongly
	$(BIN)/mypy
	$(BIN)/mypy tests/typing/api.py tests/typing/mistakes.py
	$(BIN)/pyright --pythonpath $(BIN)/python tests/typing

# Proxies that lead nowhere, as the sandbox is reached without any.
NOWHERE = HTTP_PROXY=http://127.0.0.1:9 HTTPS_PROXY=http://127.0.0.1:9 ALL_PROXY=socks5://127.0.0.1:9

notebooks: $(READY) ## run every notebook from top to bottom
	$(if $(wildcard notebooks/*.ipynb),$(NOWHERE) $(BIN)/python scripts/notebooks.py notebooks/*.ipynb)

docs: $(READY) ## build the documentation into site/
	$(if $(wildcard mkdocs.yml),NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet)

versions: ## the test-suite with the lowest and the highest versions that pyproject.toml admits
	PYTHON="$(PYTHON)" scripts/lowest_highest.sh $(ARGS)

ray: $(READY) ## install Ray, and run the test that kills a worker of a local cluster
	$(BIN)/uv pip install --quiet --python $(BIN)/python -r requirements/ray.txt
	$(BIN)/python -m pytest tests/bulk/test_ray.py $(ARGS)

bench: $(READY) ## measure against the peers
	$(BIN)/python -m benchmarks $(ARGS)

faults: $(READY) ## print what each fault leads to, for each agent
	$(BIN)/python -m pytest tests/test_faults.py tests/test_raw_faults.py -q -s $(ARGS)

fuzz: $(READY) ## the property tests with many more examples, then atheris for a minute: five in all
	$(BIN)/python -m pytest -m fuzz --hypothesis-profile=fuzz $(ARGS)
	@if $(BIN)/python -c "import atheris" 2>/dev/null; then \
		PYTHONPATH=. $(BIN)/python tests/fuzz/sse.py -max_total_time=60 -dict=tests/fuzz/sse.dict; \
	else echo "Left out: the coverage-guided fuzzing of the decoder, which needs $(BIN)/pip install atheris."; fi

pins: $(READY) ## rewrite requirements/ from pyproject.toml (ARGS=--upgrade for the newest versions)
	$(BIN)/uv pip compile --quiet --universal --python-version 3.10 --no-annotate --no-header \
		--extra all --group dev pyproject.toml -o requirements/dev.txt $(ARGS)
	$(BIN)/uv pip compile --quiet --universal --python-version 3.10 --no-annotate --no-header \
		--extra all --extra ray -c requirements/dev.txt pyproject.toml -o requirements/ray.txt $(ARGS)
	for name in vendor foreign examples chainlit; do $(BIN)/uv pip compile --quiet --universal --python-version 3.10 --no-annotate \
		--no-header requirements/$$name.in -o requirements/$$name.txt $(ARGS); done

clean: ## remove the environment and everything that was built
	rm -rf $(VENV) dist build site .hypothesis .mypy_cache .ruff_cache .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
