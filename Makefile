# Every target makes its own environment in .venv; nothing but python3 (with venv), make and git is needed.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

PYTEST := $(BIN)/python -m pytest --numprocesses auto --dist loadfile
NEEDY := qemu or browser or core or libvirt or node or graphviz

.PHONY: demo test test-all random lint lab fuzz formats clean

demo: $(STAMP)  ## record a migration with the engine, decode it, and write the quickstart as a page
	@mkdir -p out
	$(BIN)/savevm-inspect record --engine quickstart --output out/quickstart-capture
	$(BIN)/savevm-inspect info out/quickstart-capture
	$(BIN)/savevm-inspect sections out/quickstart-capture
	$(BIN)/savevm-inspect check out/quickstart-capture
	$(BIN)/python -m savevm_inspect.widgets.publish notebooks/00_quickstart.ipynb out/quickstart.html
	@echo "open out/quickstart.html"

test: $(STAMP) lint  ## what needs nothing but Python, the same for everybody; at most 10 minutes on two processors
	$(PYTEST) -m 'not ($(NEEDY))' $(ARGS)

test-all: $(STAMP) lint  ## all tests; what the machine lacks is skipped with its reason, see CONTRIBUTING.md
	$(PYTEST) $(ARGS)

random: SEED := $(or $(SEED),$(strip $(shell od -An -N4 -tu4 /dev/urandom)))
random: $(STAMP)  ## search laws with another seed than test does; SEED=N repeats a search
	@echo 'make random SEED=$(SEED)'
	$(PYTEST) --dist worksteal $(shell grep -rl --include='test_*.py' hypothesis tests) -m 'hypothesis and not ($(NEEDY))' --hypothesis-profile random --hypothesis-seed $(SEED) $(ARGS)

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python tests/retired_words.py  # lists what says a name or phrase that is no longer used

lab: $(STAMP)  ## JupyterLab on the quickstart
	$(BIN)/savevm-inspect lab

fuzz: $(STAMP)  ## a million damaged inputs over all that is public, an hour or so; SEED=N repeats, MINUTES=N ends it
	$(BIN)/python -m tests.fuzz $(if $(SEED),--seed $(SEED)) $(if $(MINUTES),--minutes $(MINUTES)) $(ARGS)

formats:  ## compile and draw formats/*.ksy anew; needs node, npm and graphviz
	formats/compile.sh
	formats/draw.sh

$(STAMP): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	@touch $@

clean:
	rm -rf $(VENV) out build dist
