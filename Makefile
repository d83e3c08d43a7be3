# make demo | test | check | format | install | peers | owners; all but install make .venv first where it is missing or out of date.

.DEFAULT_GOAL := help
VENV := .venv
STAMP := $(VENV)/.installed
RUFF := $(VENV)/bin/ruff
PYTEST := $(VENV)/bin/python -m pytest

# python3.11 first: it is the version the exact pins were tested with.
PYTHONS := python3.11 python3.12 python3.13 python3.14 python3
ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))

.PHONY: help install peers owners demo test check format

help:
	@echo "make install   make .venv with everything regrasp needs"
	@echo "make peers     the packages of other methods, for benchmarks/beside_peers.py"
	@echo "make owners    the packages that own the formats, in .venv-owners, open our files; we open theirs"
	@echo "make demo      embedded demonstrations -> cloning -> gate -> RL -> panel -> report, in runs/demo"
	@echo "make test      run the tests"
	@echo "make check     style, types and the rules on who may import whom"
	@echo "make format    put the sources in shape"

install: $(STAMP)

# torch comes first and by its exact version, so that no other package's range pulls a newer build of several GB.
$(STAMP): pyproject.toml constraints.txt
	@set -e; found=; \
	if ! $(VENV)/bin/python -m pip --version >/dev/null 2>&1; then \
	  for python in $(PYTHONS); do \
	    if "$$python" -c '$(ENOUGH)' 2>/dev/null; then found="$$python"; break; fi; \
	  done; \
	  if [ -z "$$found" ]; then \
	    echo "regrasp needs Python 3.11 or newer; found: $$(python3 --version 2>&1 || echo none)." >&2; exit 2; \
	  fi; \
	  "$$found" -m venv $(VENV); \
	elif ! $(VENV)/bin/python -c '$(ENOUGH)'; then \
	  echo "regrasp needs Python 3.11 or newer; .venv has $$($(VENV)/bin/python --version 2>&1): remove .venv." >&2; exit 2; \
	fi
	$(VENV)/bin/python -m pip install --disable-pip-version-check torch==2.13.0 -c constraints.txt
	$(VENV)/bin/python -m pip install --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $(STAMP)

peers: $(STAMP)
	$(VENV)/bin/python -m pip install --disable-pip-version-check -c constraints.txt -e '.[peers]'

# The owners' packages cannot be installed beside ours, nor with all their dependencies (benchmarks/by_owners).
OWNERS := .venv-owners

$(OWNERS)/.installed: benchmarks/by_owners/requirements.txt
	$(VENV)/bin/python -m venv --clear $(OWNERS)
	$(OWNERS)/bin/python -m pip install --disable-pip-version-check torch==2.13.0 -c constraints.txt
	$(OWNERS)/bin/python -m pip install --disable-pip-version-check --no-deps -r $<
	$(OWNERS)/bin/python -m pip install --disable-pip-version-check --no-deps --target $(OWNERS)/lerobot-0.3.3 \
	  lerobot==0.3.3
	@touch $@

owners: $(STAMP) $(OWNERS)/.installed
	$(VENV)/bin/python benchmarks/owners.py

demo: $(STAMP)
	$(VENV)/bin/regrasp run curricula/cube-reorient.toml --out runs/demo
	$(VENV)/bin/regrasp report runs/demo
	@if [ -n "$$DISPLAY$$WAYLAND_DISPLAY" ] || [ "$$(uname)" = Darwin ]; then \
	  $(VENV)/bin/python -m webbrowser "file://$(CURDIR)/runs/demo/report.html"; fi

test: $(STAMP)
	OMP_NUM_THREADS=1 $(PYTEST)

check: $(STAMP)
	$(RUFF) check src tests benchmarks
	$(RUFF) format --check src tests benchmarks
	$(VENV)/bin/mypy
	$(PYTEST) -q tests/test_architecture.py

format: $(STAMP)
	$(RUFF) format src tests benchmarks
	$(RUFF) check --fix src tests benchmarks
