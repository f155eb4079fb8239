# taxihub: `make run`, `make test`, `make bench`. Everything is installed into this clone.
SHELL := /bin/bash
PYTHON ?= python3
BIN := $(CURDIR)/.venv/bin
WEB := dashboard/web
APT := $(if $(filter 0,$(shell id -u)),,sudo) env DEBIAN_FRONTEND=noninteractive apt-get
.DEFAULT_GOAL := help

.PHONY: help setup run check test bench fuzz alike chaos soak trials compare screens lock browser timescale
help: ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 20

.venv/.ready: requirements-dev.lock pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --require-hashes -r requirements-dev.lock
	$(BIN)/pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

$(WEB)/node_modules/.ready: .venv/.ready $(WEB)/package-lock.json
	cd $(WEB) && PATH=$(BIN):$$PATH npm ci --no-audit --no-fund --loglevel=error
	touch $@

dashboard/static/index.html: $(WEB)/node_modules/.ready $(shell find $(WEB) -type f -not -path '*/node_modules/*')
	cd $(WEB) && PATH=$(BIN):$$PATH npm run --silent build
	touch $@

setup: .venv/.ready dashboard/static/index.html ## install everything into the clone, start nothing

run: setup ## the demo: database, bus, gateway, tracking, dispatch, console and a city of taxis; DB=timescale, REGION=world
	$(BIN)/python -m simulator demo $(if $(DB),--database $(DB)) $(if $(SCENARIO),--scenario $(SCENARIO)) \
	  $(if $(REGION),--region $(REGION))

check: setup ## linters, formatters, type checkers, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	PYTHONPATH=. $(BIN)/lint-imports
	cd $(WEB) && PATH=$(BIN):$$PATH npm run --silent check

browser: .venv/.ready
	@command -v chromium >/dev/null && fc-list :lang=zh | grep -q . || \
	  { $(APT) update -qq && $(APT) install -y -qq --no-install-recommends chromium fonts-noto-cjk fontconfig; }

timescale: .venv/.ready
	@$(BIN)/python -m tracking timescale-install || echo "*** the tests on TimescaleDB will be skipped ***"

test: setup browser timescale ## every test; ONLY=<path or keyword> for some
	$(if $(ONLY),,cd $(WEB) && PATH=$(BIN):$$PATH npm test --silent)
	$(BIN)/pytest $(if $(ONLY),$(if $(wildcard $(firstword $(subst ::, ,$(ONLY)))),$(ONLY),-k "$(ONLY)"))

bench: setup ## the benchmark table, also as bench.json; ONLY=<row> REPORT=<page>
	ONLY="$(ONLY)" REPORT="$(REPORT)" $(BIN)/python -m tests.benchmarks

fuzz: setup ## 50 million inputs to the gateway's readers (more than an hour); N=<executions> SEED=<number>
	$(BIN)/python -m tests.fuzz --executions $(or $(N),50000000) --seed $(or $(SEED),1)

alike: setup ## 10 million random frames read in columns and one at a time (an hour); N=<frames> SEED=<number>
	$(BIN)/python -m tests.alike --frames $(or $(N),10000000) --seed $(or $(SEED),1)

chaos: setup ## faults of every kind against the real system (8 minutes); N=<faults> SEED=<number> KIND=<one>
	$(BIN)/python -m tests.chaos --faults $(or $(N),110) --seed $(or $(SEED),1) $(if $(KIND),--kind $(KIND)) \
	  $(if $(REPORT),--report $(REPORT))

soak: setup ## 2 million fixes in one go: nothing lost, memory and descriptors flat; N=<fixes>
	$(BIN)/python -m tests.chaos.soak --messages $(or $(N),2000000) $(if $(REPORT),--report $(REPORT))

trials: setup ## a million simulated bookings, dispatch killed among them: none lost, none with two taxis; N=<bookings>
	$(BIN)/python -m tests.bookings --bookings $(or $(N),1000000) --seed $(or $(SEED),1)

compare: setup ## service to passengers, by the matcher and by nearest first, in simulated time; SCENARIO=<name>
	$(BIN)/python -m simulator compare $(SCENARIO)

screens: setup browser ## pictures of the console's screens into docs/screens
	$(BIN)/python -m tests.e2e.screens docs/screens

lock: ## pin all requirements anew, with hashes
	$(PYTHON) -m venv .venv-lock && .venv-lock/bin/pip install --quiet uv==0.13.9
	for name in requirements requirements-dev; do .venv-lock/bin/uv pip compile --quiet --upgrade --generate-hashes \
	  --no-header --no-annotate --universal --python-version 3.11 -o $$name.lock $$name.in || exit 1; done
	rm -rf .venv-lock
