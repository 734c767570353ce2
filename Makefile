# Beckon's one door: `make` alone says what there is.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup demo test lint format bench kafka kafka-jars npm chromium script oracle crash lock clean

# The first of these that is Python 3.11 or 3.12 and can make a virtual environment; another by `make ... PYTHON=python3.12`.
USABLE := import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))
ifndef PYTHON
PYTHON := $(shell for p in python3.12 python3.11 python3; do $$p -c '$(USABLE)' 2>/dev/null && echo $$p && break; done)
endif
PYTHON_VERSION := $(if $(PYTHON),$(shell $(PYTHON) -c 'import platform; print(platform.python_version()); $(USABLE)' 2>/dev/null || echo unusable))
PYTHON_VERSION := $(if $(filter unusable,$(PYTHON_VERSION)),,$(PYTHON_VERSION))

BIN := .venv/bin
LIBS := .cache/kafka/libs
NODE := .cache/npm
TERSER := --compress passes=3,ecma=2020 --mangle --comments false
LOCKED := .venv/locked-$(PYTHON_VERSION)
READY := .venv/ready-$(PYTHON_VERSION)
PIP := PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1 $(BIN)/python -m pip --quiet
MVN := mvn --quiet --batch-mode --strict-checksums
PIP_TOOLS := pip-tools==7.6.2

# Further arguments of demo, test, bench, oracle and crash, as in `make test ARGS='-k lane'`.
ARGS ?=

help: ## says what there is
	@echo "make TARGET [PYTHON=python3.12] [ARGS='...']"
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 14

setup: $(READY) ## makes .venv with the command beckon
	@:

demo: setup ## runs the example plan on the e-commerce clickstream, then a shop to click through, live
	@$(BIN)/beckon demo $(ARGS)

test: setup kafka-jars npm chromium ## runs all tests, those on a real Kafka and in a browser too, as many files at a time as there are cores
	@$(BIN)/python -m pytest --numprocesses auto --dist loadfile $(ARGS)

lint: setup ## checks style and types
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy

format: setup ## writes the files as lint wants them
	@$(BIN)/ruff check --fix-only --quiet
	@$(BIN)/ruff format

bench: setup kafka-jars ## measures the speed, beside other engines
	@$(BIN)/python -m tests.bench.run $(ARGS)

kafka: kafka-jars ## runs a real broker at 127.0.0.1:9092 (Ctrl-C stops it; data in .cache/kafka/data)
	@echo "Kafka at 127.0.0.1:9092, data in .cache/kafka/data; Ctrl-C stops it"
	@trap : INT; deploy/kafka/start .cache/kafka/data 9092 9093 || [ $$? -eq 130 ]

oracle: setup ## compares the engine with the oracle on 20,000 generated plans and streams
	@$(BIN)/python -m pytest --hypothesis-profile=long $(or $(ARGS),tests/operators/test_oracle.py)

crash: setup kafka-jars ## kills the job 500 times and looks for what was lost or came twice
	@$(BIN)/python -m pytest --kills=500 $(or $(ARGS),tests/crash)

lock: setup ## writes requirements.txt anew, with the newest versions that pyproject.toml allows
	@echo "resolving the newest versions ..."
	@$(PYTHON) -m venv --clear .cache/lock
	@.cache/lock/bin/python -m pip --quiet --disable-pip-version-check install '$(PIP_TOOLS)'
	@.cache/lock/bin/pip-compile --quiet --upgrade --extra dev --output-file .cache/lock/requirements.txt --no-header --generate-hashes --allow-unsafe \
	    --strip-extras --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-emit-options pyproject.toml
	@{ echo '# Written by `make lock` from pyproject.toml; serves Python 3.11 and 3.12.'; cat .cache/lock/requirements.txt; } >requirements.txt

clean: ## removes what make made, but no downloads
	@rm -rf .venv *.egg-info build dist .cache/lock .hypothesis .mypy_cache .pytest_cache .ruff_cache
	@find . -name __pycache__ -prune -not -path './.cache/*' -exec rm -rf {} +

kafka-jars: $(LIBS)/.complete
	@:

$(LIBS)/.complete: deploy/kafka/pom.xml
	@command -v java >/dev/null && command -v mvn >/dev/null || { echo "Java 17 and Maven are needed: install them (on Debian: openjdk-17-jre-headless, maven)" >&2; exit 3; }
	@echo "fetching Kafka into $(LIBS) ..."
	@rm -rf $(LIBS)
	@mkdir -p $(LIBS)
	@$(MVN) -f deploy/kafka/pom.xml dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory='$(CURDIR)/$(LIBS)' \
	    >$(LIBS)/mvn.log || { cat $(LIBS)/mvn.log >&2; exit 3; }
	@touch $@

script: npm ## writes beckon.min.js from beckon.js, in flows/collect
	@$(NODE)/node_modules/.bin/terser flows/collect/beckon.js $(TERSER) --output flows/collect/beckon.min.js

npm: $(NODE)/.complete
	@:

$(NODE)/.complete: tests/browser/package.json
	@command -v npm >/dev/null || { echo "Node 20 and npm are needed: install them (on Debian: nodejs, npm)" >&2; exit 3; }
	@echo "fetching npm packages into $(NODE) ..."
	@rm -rf $(NODE)
	@mkdir -p $(NODE)
	@cp $< $(NODE)/package.json
	@npm install --prefix $(NODE) --no-package-lock --ignore-scripts --no-audit --no-fund --no-update-notifier --loglevel=error
	@touch $@

chromium:
	@command -v chromium >/dev/null || { echo "Chromium is needed for the tests in a browser: install it (on Debian: chromium)" >&2; exit 3; }

# All packages again where the lock or the interpreter is another one, so that nothing stays that the lock does not name.
$(LOCKED): requirements.txt
	@[ -n "$(PYTHON_VERSION)" ] || { echo "no Python 3.11 or 3.12 with venv$(if $(PYTHON), at '$(PYTHON)'): install it (on Debian: python3-venv) or say where it is with PYTHON=..." >&2; exit 3; }
	@echo "setting up .venv with Python $(PYTHON_VERSION) ..."
	@$(PYTHON) -m venv --clear .venv
	@$(PIP) install --require-hashes --only-binary :all: -r requirements.txt
	@touch $@

$(READY): $(LOCKED) pyproject.toml
	@echo "installing the command beckon into .venv ..."
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@
