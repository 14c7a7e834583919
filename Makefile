PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test kill-test page-kill-test order-test mutation false-pages soak reference documents lock clean

demo: .venv/ready ## simulated rooms, real sockets, alarms and a batch record (FOR=45s to end sooner)
	@$(BIN)/culturewatch demo $(if $(FOR),--for $(FOR))

test: .venv/ready-dev ## every check and test; missing real services are named
	@$(BIN)/python -m tools.checks

kill-test: .venv/ready-dev ## kill the collector N times under load and look for losses
	CULTUREWATCH_KILLS=$(or $(N),1000) $(BIN)/python -m pytest -q -s --timeout 7200 tests/integration/test_kill.py

page-kill-test: .venv/ready-dev ## kill the core N times while it pages and look for lost or unmarked pages
	CULTUREWATCH_PAGE_KILLS=$(or $(N),10000) $(BIN)/python -m pytest -q -s --timeout 7200 tests/integration/test_page_kill.py

order-test: .venv/ready-dev ## N sequences of entries, each in two orders: the same alarms and pages
	CULTUREWATCH_SEQUENCES=$(or $(N),1000000) $(BIN)/python -m pytest -q -n 2 -m slow tests/unit/alerts/engine/test_order.py

mutation: .venv/ready-dev ## mutants of the alarm engine that its tests find (SAMPLE=600 for some by chance, WORKERS=2)
	$(BIN)/python -m tools.mutation --workers $(or $(WORKERS),1) $(if $(SAMPLE),--sample $(SAMPLE)) --write

false-pages: .venv/ready-dev ## the default rules over YEARS simulated device-years, and over SEEDS of every failure
	$(BIN)/python -m bench.false_pages --years $(or $(YEARS),30)
	$(BIN)/python -m bench.missed --seeds $(or $(SEEDS),10)

soak: .venv/ready-dev ## a core's memory over half an hour at 1 Hz, run ten times as fast (FOR=180)
	$(BIN)/python -m bench.soak --seconds $(or $(FOR),180)

reference: .venv/ready-dev ## the pages that are made from the program, and the dashboards
	$(BIN)/python -m tools.config_reference
	$(BIN)/python -m tools.cli_reference
	$(BIN)/python -m tools.api_reference
	$(BIN)/python -m tools.promises
	$(BIN)/python -m tools.device_list
	$(BIN)/python -m tools.record_schema
	$(BIN)/python -m tools.dashboards

documents: .venv/ready-dev ## the documents as pages, in build/site
	$(BIN)/mkdocs build --strict

lock: ## resolve the dependencies again (needs uv)
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -q pyproject.toml --group build -o requirements.lock
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -q pyproject.toml --group dev -c requirements.lock -o requirements-dev.lock

.venv/ready: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "culturewatch needs Python 3.11 or newer; set PYTHON=/path/to/python3.11")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

.venv/ready-dev: requirements-dev.lock .venv/ready
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .mutation demo-out
