# `make` without a target lists all targets.
PYTHON ?= python3
PORT ?= 5000
BIN := .venv/bin
FLASK := $(BIN)/flask
INSTALLED := .venv/installed
# More than there are processors, because some tests wait.
WORKERS := $(shell expr $$(getconf _NPROCESSORS_ONLN) + 2)
# squawk checks the migrations after this one.
CHECKED := 0006

.PHONY: help run test test-new new update chaos cluster fuzz doctor-exam bench lint format docs land screenshots serve lock clean reset

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1	/p' $(MAKEFILE_LIST) | expand -t 13

run: $(INSTALLED) ## prepare the database and serve on http://127.0.0.1:5000 (or another port: make run PORT=5001)
	@$(BIN)/python -IS -c "import socket; socket.create_server(('127.0.0.1', $(PORT)))" 2>/dev/null \
		|| { echo "Port $(PORT) is in use: stop the program that uses it, or use another port: make run PORT=$$(( $(PORT) + 1 ))"; exit 1; }
	@$(BIN)/python -m stationsapp.develop --port $(PORT)

# Where this is set, each worker and each program that a test starts compiles the code again.
test test-new: export PYTHONDONTWRITEBYTECODE :=
test: $(INSTALLED) ## run the tests
	$(BIN)/pytest --numprocesses $(WORKERS) --dist worksteal

test-new: $(INSTALLED) ## make applications with different rooms, test each one, and run the tutorial and the recipes (takes 15 minutes)
	$(BIN)/pytest --numprocesses logical --dist worksteal tests/matrix_of_*.py

chaos: $(INSTALLED) ## break the database and the network under load, and show the effects (make chaos ARGS='--only frozen')
	$(BIN)/python -m chaos $(ARGS)

fuzz: $(INSTALLED) ## test with random requests and feeds (takes a few minutes)
	FUZZ_EXAMPLES=1000 $(BIN)/pytest -m hypothesis

doctor-exam: $(INSTALLED) ## break healthy applications at random and score the doctor (make doctor-exam ARGS='--seed 7 --breaks 500')
	@cd packages/flask-doctor/tests && ../../../$(BIN)/python -m exam $(ARGS)

bench: $(INSTALLED) ## measure the speed (takes a few minutes; make bench ARGS='--cpu --stations 100000')
	$(BIN)/python -m benchmarks $(ARGS)

cluster: $(INSTALLED) .venv-cluster/installed ## break a Patroni cluster under load; needs Debian (make cluster ARGS='frozen deploy')
	@$(BIN)/python -m cluster $(ARGS)

new: $(INSTALLED) ## make an application of your own (make new NAME=shops MODEL=Shop [DIR=../shops] [PLURAL=] [WITH=|WITHOUT=rooms])
	@$(BIN)/python -m new --name "$(NAME)" --model "$(MODEL)" --plural "$(PLURAL)" --folder "$(DIR)" --only "$(WITH)" --without "$(WITHOUT)"

update: $(INSTALLED)
	@$(BIN)/python -m new --update --folder "$(DIR)"

lint: $(INSTALLED) ## check the style, the types, and the SQL of new migrations
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	cd starter && ../$(BIN)/mypy
	@mkdir -p build && $(FLASK) db upgrade --sql $(CHECKED):head > build/migrations.sql 2> build/migrations.log \
		|| { cat build/migrations.log; exit 1; }
	$(BIN)/squawk build/migrations.sql

format: $(INSTALLED) ## format the code in the project's style
	@$(BIN)/ruff check --fix; status=$$?; $(BIN)/ruff format || status=$$?; exit $$status

docs: $(INSTALLED) ## write packages/flask-doctor/docs/errors.md from the doctor's catalogue
	$(BIN)/python -m flask_doctor.document packages/flask-doctor/docs/errors.md

land: ## make the land and borders of the map from Natural Earth's data; needs npm
	@mkdir -p build && cd build && npm pack --silent world-atlas@2.0.2 && tar -xzf world-atlas-2.0.2.tgz package/countries-10m.json
	$(PYTHON) tools/land.py build/package/countries-10m.json

screenshots: $(INSTALLED) ## write the README's pictures of the pages (needs Chromium)
	$(BIN)/python tools/screenshots.py

serve: $(INSTALLED) ## serve with gunicorn, as in production; needs DATABASE_URL and SECRET_KEY
	$(BIN)/gunicorn wsgi:app

lock: $(INSTALLED) ## update the pinned versions in constraints.txt
	$(BIN)/uv pip compile --universal --fork-strategy fewest --python-version 3.11 --extra dev --extra clients --upgrade --no-annotate \
		--no-emit-index-url --no-emit-package flask-doctor --no-header --output-file constraints.txt pyproject.toml
	$(MAKE) --always-make $(INSTALLED)

# Debian's Python: Patroni runs as the user postgres, who can read it.
.venv-cluster/installed: cluster/requirements.txt
	/usr/bin/python3 -m venv .venv-cluster
	.venv-cluster/bin/pip install --quiet --disable-pip-version-check --requirement cluster/requirements.txt
	@touch $@

clean: ## remove the virtual environment and everything generated, but not the database
	rm -rf .venv .venv-cluster build *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis .schemathesis
	find . -name __pycache__ -prune -exec rm -rf {} +

reset: $(INSTALLED) ## delete the embedded database, after asking
	@printf 'Delete the embedded database with all its stations? [y/N] '; read answer; [ "$$answer" = y ] || { echo "Nothing was deleted."; exit 1; }
	@$(BIN)/python -c "import shutil; from filelock import FileLock; \
		FileLock('instance/postgres.keeper.lock').acquire(timeout=2); shutil.rmtree('instance/postgres')" 2> /dev/null \
		|| { echo "Nothing was deleted: there is no database, or it is in use. Stop the server first."; exit 1; }
	@echo "It is deleted. For an empty one, run: make run"

# A virtual environment that was copied or moved with its folder still runs the code of the old one,
# and one whose Python was removed runs none.
ifneq ($(shell test -x $(BIN)/python && cat $(INSTALLED) 2> /dev/null),$(CURDIR))
.PHONY: $(INSTALLED)
ANEW := --clear
endif

ifndef ALONE
# Two at once would break each other, so the second one waits for the first.
$(INSTALLED): pyproject.toml packages/flask-doctor/pyproject.toml constraints.txt
	@$(PYTHON) -c "import sys; sys.version_info >= (3, 11) or sys.exit('This needs Python 3.11 or newer, but $(PYTHON) is ' \
		+ sys.version.split()[0] + '. If you have another one, run: make PYTHON=python3.12')"
	@echo "Installing the packages in .venv, which takes a minute or two ..."
	@$(PYTHON) -c "import fcntl, os, sys; lock = open('Makefile'); fcntl.flock(lock, fcntl.LOCK_EX); \
		os.set_inheritable(lock.fileno(), True); os.execvp(sys.argv[1], sys.argv[1:])" $(MAKE) --silent --no-print-directory ALONE=1 $@
else
$(INSTALLED): pyproject.toml packages/flask-doctor/pyproject.toml constraints.txt
	@$(PYTHON) -m venv $(ANEW) .venv
	@$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable packages/flask-doctor --editable '.[dev]'
	@echo "$(CURDIR)" > $@
endif
