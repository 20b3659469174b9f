# Two commands for a fresh machine with Python (3.11 to 3.14), make and git:
#   make demo   Sage 300 to ServiceNow from end to end, on the sandbox
#   make test   all tests
# Both install what they need, once.

PYTHON ?= python3
# Many company networks have their own certificate authority; this makes uv trust what the system does.
export UV_SYSTEM_CERTS ?= 1
BIN := .venv/bin
PACKAGES := tap-sage300 target-servicenow sandbox
MANIFESTS := $(PACKAGES:%=%/pyproject.toml)

.PHONY: demo test mutants bench lint plugins schemas lock install windows-kit clean

demo: .meltano/installed
	$(BIN)/python demo.py $(FAULTS:%=--faults %)

test: .meltano/installed
	$(BIN)/python -m pytest -n logical --dist loadgroup

# Break one guard of the product after the other; the tests named with it must fail.
mutants: install
	$(BIN)/python tests/mutants/run.py

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy --platform win32 --cache-dir .mypy_cache/win32
	$(BIN)/lint-imports --no-logo

# Figures, mostly ratios within one run; each script prints its targets beside them.
bench: install
	$(BIN)/python bench/sandbox.py
	$(BIN)/python bench/tap.py
	$(BIN)/python bench/target.py

# Regenerate what is said about the plugins elsewhere: Hub definitions, lock files, README tables.
plugins: install
	$(BIN)/python plugins/generate.py

# The tap's schema files, from the $metadata of the site that TAP_SAGE300_* names, or of a sandbox.
schemas: install
	$(BIN)/python tap-sage300/make_schemas.py

install: .venv/installed

# While Meltano runs, it writes settings with their secrets below .meltano, and the ledgers are in output:
# nobody else may read either.
.venv/installed: requirements/uv.txt requirements/dev.txt $(MANIFESTS)
	@$(PYTHON) requirements/check_python.py
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	$(BIN)/uv pip sync --quiet --python .venv requirements/uv.txt requirements/dev.txt
	$(BIN)/uv pip install --quiet --python .venv --no-deps --no-build-isolation $(PACKAGES:%=-e %)
	mkdir -p .meltano output && chmod 700 .meltano output
	touch $@

# The plugins' own environments, which Meltano keeps apart.
.meltano/installed: .venv/installed meltano.yml
	$(BIN)/meltano --log-level=warning install --clean
	touch $@

COMPILE = $(BIN)/uv pip compile --quiet --upgrade --universal --generate-hashes --no-emit-index-url \
	--python-version 3.11 --custom-compile-command "make lock"

lock: install
	$(COMPILE) requirements/uv.in -o requirements/uv.txt
	$(COMPILE) $(MANIFESTS) requirements/dev.in -o requirements/dev.txt

# A folder for a Windows server without a network: uv.exe, the wheels, and the project.
windows-kit: install
	$(BIN)/python windows/make_kit.py

# Only what can be made again: never the ledgers in output, nor the state in .meltano/meltano.db.
clean:
	rm -rf .venv .meltano/installed .meltano/extractors .meltano/loaders .meltano/run .meltano/logs
	rm -rf output/demo output/demo.json dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
