# `make help` lists what there is. Everything happens in .venv/ and var/; PYTHON chooses another
# Python for the virtual environment, PORT another port for `make run`.

PYTHON ?= python3
PY := .venv/bin/python
PIP := $(PY) -m pip install -qq --constraint constraints.txt --build-constraint build-constraints.txt
SOURCES := manage.py accounts bench chaos evaluation outreach tests

.DEFAULT_GOAL := help
.PHONY: help setup run test check bench chaos simulate evaluate clean

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /make \1\t/p' Makefile

setup: .venv/ready-to-run ## install, make the database, load the demo workspace; start nothing
	@$(PY) -m outreach.services.run --prepare

run: .venv/ready-to-run ## the whole of Outreach on this machine, with the demo workspace
	@$(PY) -m outreach.services.run

test: .venv/ready-to-work ## every test, in a PostgreSQL, a Valkey and a browser of their own
	@$(PY) -m tests.browser
	@$(PY) -m pytest $(or $(ARGS),-n 2 --dist loadgroup --no-loadscope-reorder)

check: .venv/ready-to-work ## linters, types, import rules, migrations, production settings
	$(PY) -m ruff check $(SOURCES)
	$(PY) -m ruff format --check $(SOURCES)
	$(PY) -m mypy
	$(PY) -m djlint --quiet --lint templates
	$(PY) -m djlint --quiet --check templates
	$(PY) -m djlint --quiet --lint --profile jinja --ignore H006,H030,H031,J018 outreach/sandbox/templates
	.venv/bin/lint-imports
	$(PY) manage.py makemigrations --check --dry-run
	$(PY) -m outreach.services.check_deploy
	$(PY) -m deptry .

bench: .venv/ready-to-work ## figures that have a goal, a line of JSON each; ONLY=name,name for some
	@$(PY) -m bench $(ONLY)

chaos: .venv/ready-to-work ## the fault run on real processes, a line of JSON; N=10000 letters, SEED= replays
	@N=$(N) SEED=$(SEED) $(PY) -m chaos

simulate: .venv/ready-to-work ## the delivery engine in a simulated world; SEEDS=1000, or SEED=17 to replay one
	@$(PY) -m tests.delivery.simulation $(if $(SEEDS),--seeds $(SEEDS)) $(if $(SEED),--seed $(SEED))

evaluate: .venv/ready-to-work ## measure guidance on labelled messages (MESSAGES=…) and fit its figures
	@$(PY) -m evaluation $(MESSAGES)

clean: ## remove the virtual environment and what tools left; keeps var/ with its data
	rm -rf .venv *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis

# What is installed is renewed only when what to install has changed.
.venv/ready-to-run: pyproject.toml constraints.txt build-constraints.txt | .venv/has-new-pip
	@echo 'Installing what Outreach needs …'
	@$(PIP) --editable '.[sandbox,embedded]'
	@touch $@

.venv/ready-to-work: pyproject.toml constraints.txt build-constraints.txt | .venv/has-new-pip
	@echo 'Installing what tests and checks need …'
	@$(PIP) --editable '.[sandbox,embedded,test,check,evaluate,bench]'
	@touch .venv/ready-to-run $@

# pip 25.3 is the first that can be told what to build packages with.
.venv/has-new-pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo 'Outreach needs Python 3.11 or newer, for example: make PYTHON=python3.12'; exit 1; }
	@$(PYTHON) -m venv .venv \
	  || { echo 'This Python makes no virtual environments (Debian: apt-get install python3-venv).'; exit 1; }
	@$(PY) -m pip install -qq --upgrade 'pip>=25.3,<27'
	@touch $@
