# Everything runs in .venv; `make quickstart` and `make test` set it up by themselves.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# The IMDB archive: `imdb` is the one that `undertone download imdb` fetched. A list of members that
# are never trained on is optional: make imdb IMDB=aclImdb_v1.tar.gz EXCLUDE=heldout.txt
IMDB ?= $(firstword $(wildcard ../shared/data/aclImdb_v1.tar.gz) imdb)
EXCLUDE ?= $(wildcard ../shared/data/imdb_heldout.txt)
LEAVE_OUT := $(if $(EXCLUDE),--exclude $(EXCLUDE))

.PHONY: help install quickstart test test-all check format docs imdb package bench bench-training promises clean

help:  ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

install: $(VENV)/.installed  ## make .venv with everything for development

quickstart: install  ## install, train on the sample reviews, evaluate, predict
	@$(BIN)/python tools/quickstart.py

test: install  ## the tests without the slow ones, with coverage of src (at least 90%)
	$(BIN)/pytest --cov --cov-report=term

test-all: install  ## all tests, slow ones and coverage included
	$(BIN)/pytest -m '' --cov --cov-report=term

check: install  ## style, types, layers, generated texts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/pytest tests/test_layers.py
	$(BIN)/cog --check README.md docs/*.md

format: install  ## rewrite the code in the project's style
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: install  ## regenerate help texts and tables in README.md and docs
	$(BIN)/cog -r README.md docs/*.md

imdb: install  ## train `small` on IMDB and measure it on the test reviews
	$(BIN)/undertone train --data $(IMDB) $(LEAVE_OUT) --preset small --output runs/imdb-small --overwrite
	$(BIN)/undertone evaluate runs/imdb-small --data $(IMDB) --output results/imdb-small
	cp runs/imdb-small/metrics.json results/imdb-small/training.json
	cp runs/imdb-small/history.jsonl results/imdb-small/history.jsonl

package: install  ## put runs/imdb-small, in int8, into the package
	$(BIN)/undertone export runs/imdb-small
	$(BIN)/python -m tools.package_model runs/imdb-small

bench: install  ## prediction speed against the alternatives
	$(BIN)/pip install --quiet -c constraints.txt -r benchmarks/requirements.txt
	$(BIN)/python -m benchmarks.prediction --data $(IMDB) $(LEAVE_OUT) --float32-model runs/imdb-small --output results/prediction-speed.json

bench-training: install  ## training speed against a plain packed nn.LSTM
	$(BIN)/python -m benchmarks.training_speed --data $(IMDB) --output results/training-speed.json

promises: install  ## check what the README promises of the model inside the package
	$(BIN)/python -m benchmarks.promises --data $(IMDB) --output results/promises.json

clean:  ## remove what the tools leave behind
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage
