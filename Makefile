# Everything runs in .venv; `make quickstart` and `make test` set it up by themselves.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# The IMDB archive: `imdb` is the one that `undertone download imdb` fetched. A list of members that
# are never trained on is optional: make imdb IMDB=aclImdb_v1.tar.gz EXCLUDE=heldout.txt
IMDB ?= $(firstword $(wildcard ../shared/data/aclImdb_v1.tar.gz) imdb)
EXCLUDE ?= $(wildcard ../shared/data/imdb_heldout.txt)
LEAVE_OUT := $(if $(EXCLUDE),--exclude $(EXCLUDE))
# The language model that the learning curve starts from.
LANGUAGE_MODEL ?= runs/lm-small

.PHONY: help install quickstart test test-all check format docs imdb base small nuance tokens best-gpu study study-nuance study-original study-tokens study-gpu package package-base bench bench-training promises ablation learning-curve clean

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

# The strongest models, step by step. A finished step is skipped and a stopped one goes on where it
# was, so `make small` and `make base` can be stopped and repeated at will.
go_on = $(if $(wildcard runs/$(1)/checkpoint.safetensors),--resume)
# Short texts that were written for this project, and counterfactual pairs where they are at hand.
NUANCE := $(foreach file,$(wildcard recipes/nuance/*.jsonl),--also $(file))
CAD ?= $(wildcard ../shared/data/cad)
PAIRS := $(if $(CAD),--also $(CAD)/train_paired.tsv)

runs/lm/config.json: | install
	$(BIN)/undertone pretrain --data $(IMDB) $(LEAVE_OUT) --preset base --output runs/lm $(call go_on,lm)

runs/lm-small/config.json: | install
	$(BIN)/undertone pretrain --data $(IMDB) $(LEAVE_OUT) --preset small --set pretrain.epochs=2 \
		--output runs/lm-small $(call go_on,lm-small)

runs/bag/config.json: | install
	$(BIN)/undertone train --data $(IMDB) $(LEAVE_OUT) --preset bag --output runs/bag

runs/teacher/config.json: runs/lm/config.json
	$(BIN)/undertone train --data $(IMDB) $(LEAVE_OUT) --preset base --start-from runs/lm --seed 1 \
		--output runs/teacher $(call go_on,teacher)

PUPIL := --preset small --set train.patience=0 --set train.keep=last

runs/pupil/config.json: runs/bag/config.json runs/teacher/config.json runs/lm-small/config.json
	$(BIN)/undertone distill --data $(IMDB) $(LEAVE_OUT) $(NUANCE) $(PUPIL) \
		--teachers runs/bag,runs/teacher --start-from runs/lm-small --set data.also_passes=3 \
		--set train.epochs=2 --set train.word_dropout=0.05 --set train.embedding_dropout=0.1 \
		--set train.input_dropout=0.2 --set train.output_dropout=0.4 \
		--output runs/pupil $(call go_on,pupil)

# Short texts, over and over: what reads sentences best, and is no longer the best at reviews.
runs/reader/config.json: runs/pupil/config.json
	$(BIN)/undertone train --data $(IMDB) $(LEAVE_OUT) $(NUANCE) $(PUPIL) --start-from runs/pupil \
		--set data.also_passes=20 --set train.epochs=1 --set train.batch_size=64 \
		--set train.word_dropout=0.02 --set train.embedding_dropout=0.05 \
		--set train.input_dropout=0.1 --set train.output_dropout=0.2 \
		--output runs/reader $(call go_on,reader)

# Both again: reviews as the teachers judge them, sentences as the reader does.
runs/pupil-2/config.json: runs/reader/config.json
	$(BIN)/undertone distill --data $(IMDB) $(LEAVE_OUT) $(NUANCE) $(PAIRS) $(PUPIL) \
		--teachers runs/bag,runs/teacher --sentence-teachers runs/reader \
		--start-from runs/reader --set data.also_passes=8 --set distill.sentences=1 \
		--set train.epochs=2 --set train.batch_size=64 --set train.word_dropout=0.05 \
		--set train.embedding_dropout=0.1 --set train.input_dropout=0.15 \
		--set train.output_dropout=0.3 --output runs/pupil-2 $(call go_on,pupil-2)

runs/widened/config.json: runs/pupil-2/config.json
	$(BIN)/undertone widen runs/pupil-2 --data $(IMDB) $(LEAVE_OUT) --set bag.min_reviews=6 \
		--output runs/widened

# On and on from there: it is its own teacher, under attack, and learns beside its n-grams. No more
# of these than fit into the package.
ATTACK := --set train.adversarial=adversarial --set train.adversarial_norm=1

runs/small/config.json: runs/widened/config.json
	$(BIN)/undertone distill --data $(IMDB) $(LEAVE_OUT) $(NUANCE) $(PAIRS) $(PUPIL) \
		--teachers runs/widened --start-from runs/widened --set network.wide=true \
		--set bag.min_reviews=6 --set data.also_passes=6 --set distill.sentences=0.5 \
		--set train.epochs=2 --set train.batch_size=64 --set train.lr=1.5e-3 \
		--set train.word_dropout=0.05 --set train.embedding_dropout=0.1 \
		--set train.input_dropout=0.15 --set train.output_dropout=0.3 \
		$(ATTACK) --set train.adversarial_start=0 --output runs/small $(call go_on,small)

# From the language model again, by another way: reviews alone, no short texts, no n-grams.
runs/other/config.json: runs/widened/config.json runs/lm-small/config.json
	$(BIN)/undertone distill --data $(IMDB) $(LEAVE_OUT) $(PUPIL) --teachers runs/widened \
		--start-from runs/lm-small --seed 3 --set train.epochs=2 --set train.word_dropout=0.05 \
		--set train.embedding_dropout=0.15 --set train.input_dropout=0.2 \
		--set train.output_dropout=0.4 $(ATTACK) --set train.adversarial_start=0.05 \
		--output runs/other $(call go_on,other)

# Three networks in one, and all n-grams beside it; it reads nearly all reviews to their end.
runs/base/config.json: runs/pupil-2/config.json runs/small/config.json runs/other/config.json
	$(BIN)/undertone widen runs/pupil-2 runs/small runs/other --data $(IMDB) $(LEAVE_OUT) \
		--max-tokens 1200 --set bag.ngrams=4 --set bag.min_reviews=3 --output runs/base

results/%/metrics.json: runs/%/config.json
	$(BIN)/undertone evaluate runs/$* --data $(IMDB) --output results/$*
	cp runs/$*/metrics.json results/$*/training.json
	cp runs/$*/history.jsonl results/$*/history.jsonl

base: results/base/metrics.json  ## train the strongest model and measure it, in some hours on two cores

small: results/small/metrics.json  ## train the model that goes into the package and measure it

READERS := $(addprefix runs/,bag pupil reader pupil-2 widened small base)

nuance: runs/small/config.json runs/base/config.json  ## probe the models by phenomenon
	$(BIN)/undertone probe $(READERS) --output results/probes
	$(if $(CAD),$(BIN)/undertone probe $(READERS) --suite $(CAD)/dev_paired.tsv --output results/counterfactual)

# The machine with the GPU may have no network: GPU_PYTHON is what has undertone and torch there.
GPU_PYTHON ?= $(BIN)/python
STOP_AFTER ?= 0

tokens: install  ## write the reviews as token arrays, for a machine with a GPU
	$(BIN)/python -m tools.tokens pack --data $(IMDB) $(LEAVE_OUT) --output runs/tokens.safetensors

best-gpu:  ## train the strongest models on one GPU from token arrays; repeat to go on
	$(GPU_PYTHON) -m tools.best_gpu --tokens runs/tokens.safetensors \
		--test runs/tokens-test.safetensors --stop-after $(STOP_AFTER)

# The study that this project started from, and answers to it: docs/study.md.
STOPWORDS ?= $(wildcard ../shared/data/seed/english_stopwords.txt)
TRICKY ?= $(wildcard ../shared/data/seed/tricky_reviews.jsonl)
STUDY_SIZES ?= 1m
STUDY_WORKERS ?= 2
STUDY_SPLIT := --set data.splits=random --set data.test=0.2 --set data.validation=0.125 \
	--set data.group=none
study_plan = $(BIN)/undertone study --data $(IMDB) $(LEAVE_OUT) --plan studies/$(1).toml \
	--stopwords $(STOPWORDS) $(if $(TRICKY),--tricky $(TRICKY)) --runs runs/study \
	--output results/study/$(1)

# The language model that the last improvement starts from; it sees no test review of the division.
LM_WIDTH_1m := 32
LM_WIDTH_4m := 96
LM_WIDTH_15m := 256

runs/study/lm-%/config.json: | install
	$(BIN)/undertone pretrain --data $(IMDB) $(LEAVE_OUT) --preset lstm-15m $(STUDY_SPLIT) \
		--set network.embedding_dim=$(LM_WIDTH_$*) --set network.hidden_dim=$(LM_WIDTH_$*) \
		--output runs/study/lm-$* $(call go_on,study/lm-$*)

comma := ,
STUDY_LMS := $(patsubst %,runs/study/lm-%/config.json,$(subst $(comma), ,$(STUDY_SIZES)))

study: install $(STUDY_LMS)  ## sizes, departures and improvements of the study, small enough for two cores
	$(call study_plan,ladder) --workers $(STUDY_WORKERS)
	$(call study_plan,departures) --sizes $(STUDY_SIZES) --workers $(STUDY_WORKERS)
	$(call study_plan,improvements) --sizes $(STUDY_SIZES) --workers $(STUDY_WORKERS)

STUDIED = $(filter-out runs/study/lm-%,$(patsubst %/config.json,%,$(wildcard runs/study/*/config.json)))

study-nuance: install  ## probe what `study` has trained so far
	$(BIN)/undertone probe $(or $(STUDIED),$(error nothing is trained yet: make study)) --output results/study/nuance
	$(if $(CAD),$(BIN)/undertone probe $(STUDIED) --suite $(CAD)/dev_paired.tsv --output results/study/counterfactual)

study-original: install  ## the study's 15 million in full, of 45 and 148 million the speed
	$(call study_plan,original) --workers 1

study-tokens: install  ## write the reviews as token arrays for study-gpu
	$(BIN)/python -m tools.tokens pack --data $(IMDB) $(LEAVE_OUT) --preset lstm-15m $(STUDY_SPLIT) \
		--set text.cleaning=study --set text.stopwords=$(STOPWORDS) \
		--output runs/study-tokens.safetensors
	$(BIN)/python -m tools.tokens pack --data $(IMDB) $(LEAVE_OUT) --preset lstm-15m $(STUDY_SPLIT) \
		--output runs/study-tokens-plain.safetensors

study-gpu:  ## the study's three models and improved ones on one GPU from token arrays
	$(GPU_PYTHON) -m tools.study_gpu --stop-after $(STOP_AFTER) --stopwords "$(STOPWORDS)" \
		--tokens runs/study-tokens.safetensors runs/study-tokens-plain.safetensors

package: runs/small/config.json  ## put runs/small, in int8, into the package
	$(BIN)/undertone export runs/small --data $(IMDB) $(LEAVE_OUT)
	$(BIN)/python -m tools.package_model runs/small

package-base: results/base/metrics.json  ## put runs/base, in float16, into models/base
	$(BIN)/python -m tools.package_model runs/base --float16 models/base --measured $<

bench: install  ## prediction speed against the alternatives
	$(BIN)/pip install --quiet -c constraints.txt -r benchmarks/requirements.txt
	$(BIN)/python -m benchmarks.prediction --data $(IMDB) $(LEAVE_OUT) --float32-model runs/small --output results/prediction-speed.json

bench-training: install  ## training speed against a plain packed nn.LSTM
	$(BIN)/python -m benchmarks.training_speed --data $(IMDB) --output results/training-speed.json

promises: install  ## check what the README promises of the model inside the package
	$(BIN)/python -m benchmarks.promises --data $(IMDB) --output results/promises.json

ablation: install runs/lm-small/config.json  ## train the variants in benchmarks/ablation.toml and compare them on validation
	$(BIN)/python -m benchmarks.ablation --data $(IMDB) $(LEAVE_OUT) --workers 2 --output results/ablation.json

learning-curve: install $(LANGUAGE_MODEL)/config.json  ## accuracy by number of labelled reviews, against TF-IDF
	$(BIN)/python -m benchmarks.learning_curve --data $(IMDB) $(LEAVE_OUT) --start-from $(LANGUAGE_MODEL) --set network.hidden_dim=128 --output results/learning-curve.json

clean:  ## remove what the tools leave behind
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage
