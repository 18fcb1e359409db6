"""Pictures of training and of explanations."""

from __future__ import annotations

import json
import re
import warnings
from itertools import pairwise
from pathlib import Path

import pytest

from undertone import plots
from undertone.errors import ModelFolderError, OutputError
from undertone.evaluation import drawing
from undertone.inference.explanation import (
    CurvePoint,
    Explanation,
    TokenContribution,
    TurningPoint,
)
from undertone.inference.results import Prediction
from undertone.plots import contributions

BLUE, VERMILLION = "#0072b2", "#d55e00"


def _epoch(epoch: int, validation_loss: float) -> dict[str, float]:
    return {
        "epoch": epoch,
        "epochs": 30,
        "lr": 1e-3,
        "train_loss": 1 / (1 + epoch),
        "train_accuracy": 1 - 1 / (1 + epoch),
        "validation_loss": validation_loss,
        "validation_accuracy": 0.8,
    }


@pytest.fixture
def run(tmp_path):
    """Make a run folder with the given validation losses."""

    def make(losses: list[float], kept: int | None = None) -> Path:
        lines = [json.dumps(_epoch(number, loss)) for number, loss in enumerate(losses, start=1)]
        (tmp_path / "history.jsonl").write_text("\n".join(lines) + "\n")
        if kept is not None:
            (tmp_path / "metrics.json").write_text(json.dumps({"kept_epoch": kept, "steps": 9}))
        return tmp_path

    return make


def test_history_draws_both_curves_and_marks_the_kept_epoch(run):
    loss, accuracy = plots.history(run([0.6, 0.5, 0.55], kept=3))
    axes = loss.axes[0]
    train, validation, line, ring = axes.lines
    assert train.get_xydata().tolist() == [[1, 1 / 2], [2, 1 / 3], [3, 1 / 4]]
    assert validation.get_ydata().tolist() == [0.6, 0.5, 0.55]
    assert line.get_xdata() == [3, 3]
    assert ring.get_xydata().tolist() == [[3, 0.55]]
    names = [text.get_text() for text in axes.get_legend().get_texts()]
    assert names == ["train, dropout on", "validation", "kept: epoch 3"]
    assert axes.get_ylabel() == "Loss (nats)"
    assert accuracy.axes[0].lines[0].get_ydata().tolist() == [1 / 2, 1 - 1 / 3, 3 / 4]
    assert accuracy.axes[0].lines[3].get_xydata().tolist() == [[3, 0.8]]


@pytest.mark.parametrize("metrics", [None, "{", '{"kept_epoch": 9}', "[]"])
def test_an_unfinished_run_marks_the_best_epoch_so_far(run, metrics):
    folder = run([0.6, 0.5, 0.5, 0.55])
    if metrics is not None:
        (folder / "metrics.json").write_text(metrics)
    axes = plots.history(folder).loss.axes[0]
    assert axes.get_legend().get_texts()[2].get_text() == "best so far: epoch 2"


@pytest.mark.parametrize("count", [1, 2, 30, 60])
def test_epochs_are_whole_numbers_with_room_between_them(run, count):
    figure = plots.history(run([0.5] * count)).loss
    figure.canvas.draw()
    axes = figure.axes[0]
    assert axes.get_xlim() == (0.5, count + 0.5)
    ticks = [text for text in axes.get_xticklabels() if text.get_text()]
    numbers = [int(text.get_text()) for text in ticks]
    assert set(numbers) & set(range(1, count + 1))
    boxes = [text.get_window_extent() for text in ticks]
    assert all(one.x1 < other.x0 for one, other in pairwise(boxes))
    markers = {line.get_marker() for line in axes.lines[:2]}
    assert markers == ({""} if count == 60 else {"o", "s"})


def test_noise_does_not_fill_the_plot(run):
    low, high = plots.history(run([0.501])).loss.axes[0].get_ylim()
    assert high - low == pytest.approx(0.05)


def test_a_saved_history_is_four_files_that_are_equal_each_time(run, tmp_path):
    folder = run([0.6, 0.5, 0.55], kept=2)
    written = plots.save_history(folder)
    assert [path.name for path in written] == [
        "loss_epoch_plot.png",
        "loss_epoch_plot.svg",
        "accuracy_epoch_plot.png",
        "accuracy_epoch_plot.svg",
    ]
    assert all(path.parent == folder for path in written)
    again = plots.save_history(folder, tmp_path / "elsewhere")
    for one, other in zip(written, again, strict=True):
        assert one.read_bytes() == other.read_bytes()
    assert written[0].read_bytes()[:4] == b"\x89PNG"
    assert "<dc:date>" not in written[1].read_text()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, r"cannot read .*history\.jsonl: No such file"),
        (b"", r"holds no epoch yet"),
        (b'{"epoch":1,"train_loss":1}\n', r"line 1 is damaged: .*train_accuracy"),
        (b"\xff\n", r"line 1 is damaged"),
    ],
)
def test_a_folder_without_a_history_is_refused(tmp_path, content, message):
    if content is not None:
        (tmp_path / "history.jsonl").write_bytes(content)
    with pytest.raises(ModelFolderError, match=message):
        plots.history(tmp_path)


def test_a_plot_that_cannot_be_written_says_so(run, tmp_path):
    folder = run([0.5])
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot write"):
        plots.save_history(folder, tmp_path / "file")


def test_every_public_name_is_there():
    assert all(callable(getattr(plots, name)) for name in plots.__all__)
    assert plots.save is drawing.save


def _explained(text: str, parts: dict[str, float], **changes: object) -> Explanation:
    """An explanation with a token for each word of ``parts``; None: a token that was not read."""
    tokens, at = [], 0
    for word, part in parts.items():
        at = text.index(word, at)
        read = part is not None
        tokens.append(TokenContribution(word, at, at + len(word), part or 0.0, read))
        at += len(word)
    places = [number for number, token in enumerate(tokens) if token.read]
    curve = tuple(CurvePoint(n, tokens[n].end, 0.5 + 0.01 * n) for n in places)
    count = len(places)
    settings = {
        "text": text,
        "prediction": Prediction("good", 0.75, {"bad": 0.25, "good": 0.75}, count, count, "ok"),
        "label": "good",
        "logit": 1.0,
        "base": 0.0,
        "tokens": tuple(tokens),
        "curve": curve,
        "curve_is_sampled": False,
        "turning_points": (),
    }
    return Explanation(**(settings | changes))


def _colours(axes) -> list[tuple[str, float, float]]:
    """Of each coloured piece: colour, opacity, width in characters."""
    from matplotlib.colors import to_hex

    return [
        (to_hex(patch.get_facecolor()), round(patch.get_alpha(), 6), patch.get_width())
        for patch in axes.patches
    ]


def test_an_explanation_colours_tokens_by_contribution():
    found = plots.explanation(
        _explained("Not bad, <br />fun!", {"Not": -0.5, "bad": 1.0, ",": 0.0, "fun": 0.25})
    )
    text, curve = found.axes
    assert _colours(text) == [
        (VERMILLION, 0.325, 3),
        (BLUE, 0.65, 3),
        (VERMILLION, 0.0, 1),
        (BLUE, 0.1625, 3),
    ]
    pieces = [(each.get_text(), each.get_position()[0]) for each in text.texts]
    assert pieces == [
        ("Not", 0),
        ("bad", 4),
        (",", 7),
        ("<br", 9),
        ("/>", 13),
        ("fun", 15),
        ("!", 18),
    ]
    assert [each.get_text() for each in found.texts] == [
        "good, 75.0%",
        "speaks for good",
        "speaks against good",
    ]
    assert curve.lines[1].get_xydata().tolist() == [[1, 0.5], [2, 0.51], [3, 0.52], [4, 0.53]]
    assert curve.get_ylabel() == "good so far"


def test_tokens_that_were_not_read_become_a_note_and_leave_a_mark_in_the_curve():
    found = plots.explanation(_explained("a b c d", {"a": 1.0, "b": None, "c": None, "d": -1.0}))
    text, curve = found.axes
    shown = [
        (each.get_text(), each.get_color(), int(each.get_position()[1])) for each in text.texts
    ]
    assert shown == [
        ("a", drawing.INK, 0),
        ("d", drawing.INK, 2),
        ("… 2 tokens not read …", drawing.GREY, 1),
    ]
    assert len(text.patches) == 2
    assert curve.texts[0].get_text().strip() == "2 tokens not read"
    assert curve.texts[0].get_position()[0] == 1.5
    assert curve.lines[-1].get_xdata().tolist() == [1, 2]


def test_a_long_gap_makes_no_tall_picture():
    unread = {f"w{number}": None for number in range(1_872)}
    parts = {"first": 1.0, **unread, "last": -1.0}
    figure = plots.explanation(_explained(" ".join(parts), parts))
    assert [each.get_text() for each in figure.axes[0].texts] == [
        *("first", "last", "… 1,872 tokens not read …"),
    ]
    short = {"first": 1.0, "w0": None, "last": -1.0}
    same = plots.explanation(_explained(" ".join(short), short))
    assert figure.get_figheight() == same.get_figheight() < 5.0


def test_marks_above_letters_take_no_room_of_their_own():
    text = "cafe\u0301 a\u0308\u0301b \u05e9\u05b8\u05c1lom end"
    words = text.split()
    axes = plots.explanation(_explained(text, dict.fromkeys(words, 1.0))).axes[0]
    assert [each.get_position()[0] for each in axes.texts] == [0, 5, 8, 13]
    assert [width for _, _, width in _colours(axes)] == [4, 2, 4, 3]


def test_letters_that_the_first_font_lacks_come_from_the_second(tmp_path):
    figure = plots.explanation(_explained("\u05e1\u05e8\u05d8 good", {"good": 1.0}))
    assert figure.axes[0].texts[0].get_text() == "\u05e1\u05e8\u05d8"
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # matplotlib warns of a letter without a glyph
        plots.save(figure, tmp_path / "picture")


def test_a_text_cut_at_its_end_is_marked_there():
    curve = plots.explanation(_explained("a b c", {"a": 1.0, "b": 0.5, "c": None})).axes[1]
    assert curve.texts[0].get_position()[0] == 2.5
    assert curve.texts[0].get_ha() == "right"


def test_turning_points_are_named_where_there_is_room():
    words = [f"word{number}" for number in range(60)]
    points = tuple(
        TurningPoint(at, 0, 0, before=0.6, after=0.4 if at == 20 else 0.55, crosses=at == 20)
        for at in (20, 21, 22, 23, 50)
    )
    text = " ".join(words)
    points = tuple(
        TurningPoint(p.token, text.index(f"word{p.token}"), 0, p.before, p.after, p.crosses)
        for p in points
    )
    explained = _explained(text, dict.fromkeys(words, 0.1), turning_points=points)
    figure = plots.explanation(explained)
    curve = figure.axes[1]
    named = {each.get_text(): each for each in curve.texts}
    # Four turns in a row share three rows of names, so one stays without.
    assert list(named) == ["word20", "word21", "word22", "word50"]
    assert [each.xy[0] for each in named.values()] == [21, 22, 23, 51]
    assert [each.get_fontweight() for each in named.values()] == ["bold", *["normal"] * 3]
    figure.canvas.draw()
    boxes = [each.get_window_extent() for each in named.values()]
    assert not any(one.overlaps(other) for one, other in pairwise(boxes))
    assert len(curve.lines) == 1 + 1 + 5


def test_a_text_without_tokens_has_no_verdict():
    nothing = Prediction(None, None, {}, 0, 0, "empty")
    found = plots.explanation(_explained("  ", {}, prediction=nothing))
    assert found.texts[0].get_text() == "No verdict: there is no token to read"
    assert len(found.axes[0].texts) == 0
    assert found.axes[1].lines[1].get_xydata().tolist() == []


def test_lines_break_at_spaces_and_nowhere_else_if_they_can():
    text = f"{'word ' * 40}end\n\n{'x' * 200} last"
    lines = contributions._wrapped(text, 0, len(text))
    pieces = [text[line.start : line.end] for line in lines]
    assert pieces[0] == ("word " * 17).strip()
    assert max(map(len, pieces)) == 88
    assert [len(piece) for piece in pieces[-3:]] == [88, 88, 29]
    assert re.sub(r"\s", "", "".join(pieces)) == re.sub(r"\s", "", text)
    part = contributions._wrapped("one two three", 4, 7)
    assert part == [contributions._Line(4, 7)]


def test_a_very_long_text_leaves_out_its_middle():
    text = "\n".join(f"line{number}" for number in range(1_000))
    text_axes = plots.explanation(_explained(text, {"line0": 1.0, "line999": -1.0})).axes[0]
    texts = [each.get_text() for each in text_axes.texts]
    assert texts[-1] == "… 700 lines left out …"
    assert (texts[0], texts[149], texts[150], texts[299]) == (
        "line0",
        "line149",
        "line850",
        "line999",
    )
    rows = [round(each.get_position()[1]) for each in text_axes.texts[:-1]]
    assert rows == [*range(1, 151), *range(152, 302)]


def test_characters_without_a_glyph_become_boxes_and_dollars_stay(tmp_path):
    explained = _explained("it $cost$ \U0001f9a5 \ud800 漢 \x00", {"it": 0.1})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure = plots.explanation(explained)
        png, svg = plots.save(figure, tmp_path / "picture")
    texts = [each.get_text() for each in figure.axes[0].texts]
    assert texts == ["it", "$cost$", "□", "□", "□", "□"]
    assert png.stat().st_size > 1_000
    assert svg.read_text().startswith("<?xml")


def test_a_token_over_two_lines_is_coloured_in_both():
    word = "x" * 100
    axes = plots.explanation(_explained(word, {word: 1.0})).axes[0]
    assert [width for _, _, width in _colours(axes)] == [88, 12]
