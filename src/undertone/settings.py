"""All settings by section, each documented once, at its definition.

The command line, the documents and the checks of :mod:`undertone.config` read them from here.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

Share = Annotated[float, Meta(ge=0.0, lt=1.0)]
Positive = Annotated[int, Meta(ge=1, lt=2**31)]

BAG = "bag"
"""The architecture that is no network: a linear model of n-grams."""


class DataConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """How labelled reviews are divided."""

    splits: Annotated[
        Literal["given", "random"],
        Meta(
            description="given: keep the source's own train and test parts where it has them; "
            "random: pool all labelled reviews and cut anew"
        ),
    ] = "given"
    validation: Annotated[
        float, Meta(gt=0.0, lt=0.9, description="share of the training reviews kept for validation")
    ] = 0.1
    test: Annotated[
        Share, Meta(description="share cut off as test where the source gives no test split")
    ] = 0.2
    group: Annotated[
        Literal["auto", "none"],
        Meta(description="auto: reviews of one group (IMDB: one film) stay in one split"),
    ] = "auto"
    split_seed: Annotated[int, Meta(ge=0, lt=2**31, description="seed of the cut")] = 0
    folds: Annotated[
        int,
        Meta(
            ge=0,
            le=100,
            description="parts the training reviews are dealt into, one of which is left out, so "
            "that the model can teach it (undertone distill); 0: none is",
        ),
    ] = 0
    fold: Annotated[
        int, Meta(ge=0, le=99, description="the part that is left out, counted from 0")
    ] = 0
    also_passes: Annotated[
        int,
        Meta(ge=1, le=100, description="times an epoch that each review of --also is learnt from"),
    ] = 1


class TextConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """How a review becomes tokens."""

    cleaning: Annotated[
        Literal["plain", "study"],
        Meta(
            description="plain: markup out, case folded, punctuation and negations kept; "
            "study: punctuation, digits and stop words deleted as the study does"
        ),
    ] = "plain"
    stopwords: Annotated[
        str, Meta(description="file with one stop word a line, for cleaning=study")
    ] = ""
    tokenizer: Annotated[
        Literal["word", "wordpiece"], Meta(description="whole words, or word pieces")
    ] = "word"
    vocabulary: Annotated[
        int, Meta(ge=16, lt=2**31, description="largest number of distinct tokens")
    ] = 30000
    min_frequency: Annotated[
        Positive, Meta(description="rarer words are left out of the vocabulary")
    ] = 2
    max_tokens: Annotated[
        Positive, Meta(description="a longer review keeps its head and its tail")
    ] = 400
    head: Annotated[
        float,
        Meta(
            ge=0.0, le=1.0, description="share of max_tokens taken from the start of a long review"
        ),
    ] = 0.5
    cut: Annotated[
        Literal["tokens", "words"],
        Meta(
            description="what limits a review besides max_tokens. tokens: nothing; words: no more "
            "word pieces are read than it has words, as in the study's code"
        ),
    ] = "tokens"


class NetworkConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """The shape of the network."""

    architecture: Annotated[str, Meta(description="name of the architecture")] = "lstm"
    embedding_dim: Annotated[Positive, Meta(description="width of a token vector")] = 128
    hidden_dim: Annotated[Positive, Meta(description="width of one direction's state")] = 128
    layers: Annotated[
        Positive,
        Meta(description="layers on top of each other, of LSTMs or (transformer) self-attention"),
    ] = 1
    bidirectional: Annotated[
        bool, Meta(description="LSTMs read in both directions; a transformer always does")
    ] = True
    attention_layers: Annotated[
        Positive, Meta(description="hybrid: layers of self-attention above the LSTMs")
    ] = 1
    heads: Annotated[
        Positive, Meta(description="transformer, hybrid: attention heads of a layer")
    ] = 4
    feedforward_dim: Annotated[
        Positive, Meta(description="transformer, hybrid: width inside a self-attention layer")
    ] = 512
    positions: Annotated[
        Literal["sinusoidal", "learned"],
        Meta(description="transformer: how it knows the place of a token"),
    ] = "sinusoidal"
    pooling: Annotated[
        Literal["last", "mean", "max", "concat", "attention"],
        Meta(
            description="how the states of a review become one vector; "
            "concat: mean and max side by side"
        ),
    ] = "concat"
    layer_norm: Annotated[bool, Meta(description="LayerNorm on the pooled vector")] = False
    wide: Annotated[
        bool,
        Meta(
            description="a bag of n-grams stands beside the network, its logits added; the network "
            "learns what they leave. undertone widen adds one to a finished network"
        ),
    ] = False


class TrainConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """How the network learns."""

    vectors: Annotated[
        Literal["random", "texts"],
        Meta(
            description="where token vectors start. texts: from which words stand together in "
            "the training reviews and the source's unlabelled ones"
        ),
    ] = "random"
    epochs: Annotated[Positive, Meta(description="passes over the training reviews at most")] = 8
    batch_size: Annotated[Positive, Meta(description="reviews a step")] = 32
    microbatch: Annotated[
        int,
        Meta(
            ge=0,
            lt=2**31,
            description="reviews read at once, to save memory: a step adds up the gradients of "
            "several such passes; 0: all reviews of the step",
        ),
    ] = 0
    lr: Annotated[float, Meta(gt=0.0, lt=10.0, description="peak learning rate")] = 2e-3
    embedding_lr: Annotated[
        float, Meta(gt=0.0, le=10.0, description="learning rate of token vectors, as a share of lr")
    ] = 1.0
    schedule: Annotated[
        Literal["cosine", "linear", "constant"],
        Meta(description="how the learning rate falls after the warm-up"),
    ] = "cosine"
    warmup: Annotated[Share, Meta(description="share of all steps with a rising rate")] = 0.1
    weight_decay: Annotated[
        float, Meta(ge=0.0, description="decoupled L2 weight decay on weight matrices")
    ] = 0.01
    embedding_decay: Annotated[
        float, Meta(ge=0.0, description="decoupled L2 weight decay on token vectors")
    ] = 0.0
    layer_lr: Annotated[
        float,
        Meta(
            gt=0.0,
            le=1.0,
            description="learning rate of each layer, token vectors included, as a share of that "
            "of the layer above",
        ),
    ] = 1.0
    unfreeze: Annotated[
        float,
        Meta(
            ge=0.0,
            description="epochs from the release of one layer to that of the next below, from the "
            "output layer down (Howard and Ruder 2018); 0: all learn at once",
        ),
    ] = 0.0
    beta2: Annotated[float, Meta(gt=0.0, lt=1.0, description="AdamW's second decay rate")] = 0.99
    clip: Annotated[float, Meta(ge=0.0, description="largest gradient norm; 0: no clipping")] = 1.0
    word_dropout: Annotated[
        Share, Meta(description="share of tokens replaced by the unknown token")
    ] = 0.1
    embedding_dropout: Annotated[
        Share, Meta(description="share of vocabulary entries zeroed a step")
    ] = 0.3
    input_dropout: Annotated[Share, Meta(description="dropout on the token vectors")] = 0.3
    layer_dropout: Annotated[
        Share, Meta(description="dropout between LSTM layers, and on what self-attention adds")
    ] = 0.3
    dropout_mask: Annotated[
        Literal["review", "element"],
        Meta(
            description="of input and layer dropout. review: one mask for all tokens of a review "
            "(Gal and Ghahramani 2016); element: a fresh one for every token"
        ),
    ] = "review"
    output_dropout: Annotated[Share, Meta(description="dropout on the pooled vector")] = 0.5
    sentence_drop: Annotated[
        Share, Meta(description="share of a training review's sentences left out, never all")
    ] = 0.0
    sentence_shuffle: Annotated[
        float,
        Meta(
            ge=0.0,
            le=1.0,
            description="share of training reviews whose sentences are put in random order",
        ),
    ] = 0.0
    crop: Annotated[
        float,
        Meta(
            ge=0.0,
            le=1.0,
            description="share of training reviews cut to a random stretch of whole sentences",
        ),
    ] = 0.0
    adversarial: Annotated[
        Literal["none", "adversarial", "virtual"],
        Meta(
            description="also learn from token vectors moved to where the loss (adversarial) or "
            "the answer (virtual) changes most (Miyato et al. 2017)"
        ),
    ] = "none"
    adversarial_norm: Annotated[
        float,
        Meta(
            gt=0.0,
            description="length of that move: L2 norm over all tokens of a review, in root mean "
            "squares of their vectors' elements",
        ),
    ] = 5.0
    adversarial_weight: Annotated[
        float, Meta(gt=0.0, description="weight of the moved pass's loss beside the usual one")
    ] = 1.0
    adversarial_start: Annotated[
        Share, Meta(description="share of all epochs before the moves begin")
    ] = 0.0
    label_smoothing: Annotated[
        Share, Meta(description="probability mass moved from the label to all labels evenly")
    ] = 0.0
    class_weights: Annotated[
        Literal["none", "balanced"], Meta(description="balanced: each label counts the same")
    ] = "none"
    ema: Annotated[
        Share,
        Meta(description="decay of the running weight average that is evaluated and saved; 0: off"),
    ] = 0.999
    patience: Annotated[
        int,
        Meta(
            ge=0,
            lt=2**31,
            description="epochs without a better validation loss before stopping; 0: never",
        ),
    ] = 2
    keep: Annotated[
        Literal["best", "last"], Meta(description="which epoch's weights become the model")
    ] = "best"
    precision: Annotated[
        Literal["auto", "float32", "bfloat16"],
        Meta(description="auto: bfloat16 where the machine has it"),
    ] = "auto"
    device: Annotated[
        Literal["auto", "cpu", "cuda"], Meta(description="auto: CUDA where there is one")
    ] = "auto"
    threads: Annotated[int, Meta(ge=0, le=1024, description="CPU threads; 0: all cores")] = 0
    checkpoint_seconds: Annotated[
        float, Meta(ge=0.0, description="seconds between checkpoints within an epoch")
    ] = 60.0
    tensorboard: Annotated[bool, Meta(description="also write TensorBoard event files")] = False


class DistillConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """How a student learns from its teachers (Hinton, Vinyals and Dean 2015)."""

    temperature: Annotated[
        float, Meta(gt=0.0, description="divisor of the teachers' mean logits; above 1: softer")
    ] = 1.0
    label_share: Annotated[
        float,
        Meta(
            ge=0.0,
            le=1.0,
            description="share of the label in the target of a labelled review; teachers that did "
            "not learn from it give the rest",
        ),
    ] = 0.5
    sentences: Annotated[
        float,
        Meta(
            ge=0.0,
            le=20.0,
            description="single sentences that the teachers judge too, for each review one on "
            "average if 1",
        ),
    ] = 0.0
    context: Annotated[
        float,
        Meta(
            ge=0.0,
            lt=1.0,
            description="how far the verdict on a sentence leans on that on its review; 0: it "
            "stands alone",
        ),
    ] = 0.5


class BagConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """The bag of n-grams, the linear baseline (architecture=bag)."""

    weighting: Annotated[
        Literal["tfidf", "nb"],
        Meta(
            description="tfidf: sublinear TF-IDF, unit length; nb: presence times the naive Bayes "
            "log-count ratio (Wang and Manning 2012)"
        ),
    ] = "nb"
    ngrams: Annotated[
        int, Meta(ge=1, le=5, description="longest run of tokens that is a feature")
    ] = 3
    min_reviews: Annotated[
        Positive, Meta(description="n-grams in fewer training reviews are left out")
    ] = 2
    c: Annotated[
        float, Meta(gt=0.0, description="inverse strength of the L2 penalty (scikit-learn's C)")
    ] = 1.0
    beside: Annotated[
        float,
        Meta(
            gt=0.0,
            le=1.0,
            description="how much of their calibrated logits counts where a network learns beside "
            "them (network.wide)",
        ),
    ] = 0.5


class PretrainConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """How a language model learns from texts without labels."""

    vectors: Annotated[
        Literal["random", "texts"],
        Meta(description="where token vectors start. texts: from which words stand together"),
    ] = "texts"
    epochs: Annotated[Positive, Meta(description="passes over the texts")] = 3
    streams: Annotated[Positive, Meta(description="texts read side by side, a batch")] = 128
    stretch: Annotated[
        Positive, Meta(description="tokens a step; the gradient is cut there, the state goes on")
    ] = 64
    negatives: Annotated[
        Positive, Meta(description="words drawn a step that each next word is told from")
    ] = 2048
    lr: Annotated[float, Meta(gt=0.0, lt=10.0, description="peak learning rate")] = 3e-3
    schedule: Annotated[
        Literal["cosine", "linear", "constant"],
        Meta(description="how the learning rate falls after the warm-up"),
    ] = "cosine"
    warmup: Annotated[Share, Meta(description="share of all steps with a rising rate")] = 0.05
    weight_decay: Annotated[
        float, Meta(ge=0.0, description="decoupled L2 weight decay on weight matrices")
    ] = 0.01
    beta2: Annotated[float, Meta(gt=0.0, lt=1.0, description="AdamW's second decay rate")] = 0.99
    clip: Annotated[float, Meta(ge=0.0, description="largest gradient norm; 0: no clipping")] = 1.0
    embedding_dropout: Annotated[
        Share, Meta(description="share of vocabulary entries zeroed a step")
    ] = 0.05
    input_dropout: Annotated[Share, Meta(description="dropout on the token vectors")] = 0.1
    weight_dropout: Annotated[
        Share, Meta(description="share of recurrent weights zeroed a step")
    ] = 0.0
    output_dropout: Annotated[Share, Meta(description="dropout on the states")] = 0.1
