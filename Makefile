# Everything works from python3 alone: the first target makes .venv and installs into it, once.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
SETTINGS ?= $(if $(wildcard presentity.toml),,--config examples/quickstart.toml)

.PHONY: run demo test check bench load docs clean

# The server on all interfaces: SIP 5060 (UDP and TCP), XCAP 8080, SQLite in presentity.db. Digest is
# on, so nobody gets in before `presentity user add`.
run: $(STAMP)
	$(BIN)/presentity serve $(SETTINGS)

# A scripted tour on loopback with free ports and a throw-away database.
demo: $(STAMP)
	$(BIN)/python -m server.demo

test: $(STAMP)
	$(BIN)/pytest $(ARGS)

check: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# What single parts cost, in CPU time; docs/benchmarks.md says how the whole server is measured.
bench: $(STAMP)
	@for file in tests/bench/bench_*.py; do \
		echo "== $$file"; $(BIN)/python -m "tests.bench.$$(basename $$file .py)" || exit 1; \
	done

# The whole server: digest registrations, TLS and TCP connections held, calls beside Kamailio. Needs the
# programs of PostgreSQL on the path (or PG_BIN), sipp, and kamailio for the peer. ARGS="calls --quick" picks.
load: $(STAMP)
	$(BIN)/python -m tests.bench.load $(ARGS)

docs: $(STAMP)
	$(BIN)/python -m server.settings_docs

clean:
	rm -rf $(VENV)

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Presentity needs Python 3.11 or newer; say make PYTHON=python3.12"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -qq --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@
