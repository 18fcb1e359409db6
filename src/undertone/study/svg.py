"""Charts as inline SVG, coloured by the page's style sheet and so by the reader's scheme."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from html import escape

from undertone.study.charts import Chart, Line, Point, limits

COLOURS = 6
_WIDTH, _HEIGHT = 380.0, 264.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 50.0, 18.0, 10.0, 44.0
_TICKS = 6
_MARK = 3.6


class _Canvas:
    """From values to places on the picture."""

    def __init__(self, chart: Chart) -> None:
        self.log = chart.x_scale == "log"
        (left, right), (self.low, self.high) = limits(chart)
        self.left, self.right = (math.log10(left), math.log10(right)) if self.log else (left, right)

    def x(self, value: float) -> float:
        at = math.log10(value) if self.log else value
        share = (at - self.left) / (self.right - self.left)
        return round(_LEFT + share * (_WIDTH - _LEFT - _RIGHT), 1)

    def y(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return round(_HEIGHT - _BOTTOM - share * (_HEIGHT - _TOP - _BOTTOM), 1)


def chart_svg(chart: Chart) -> str:
    """A chart as one ``<svg>`` element that fills the width it is given."""
    canvas = _Canvas(chart)
    parts = [
        *_y_axis(chart, canvas),
        *_x_axis(chart, canvas),
        *(_diagonal(canvas) if chart.diagonal else ()),
        *(part for line in chart.lines for part in _line(line, canvas)),
    ]
    names = sorted({line.name for line in chart.lines})
    label = escape(f"{chart.title}: {', '.join(names)}", quote=True)
    return (
        f'<svg viewBox="0 0 {_WIDTH:g} {_HEIGHT:g}" role="img" aria-label="{label}">'
        f"{''.join(parts)}</svg>"
    )


def swatch(style: int) -> str:
    """What a model looks like in every chart, for the legend."""
    mark = _marker(style, 14.0, 7.0)
    return (
        f'<svg class="swatch c{style % COLOURS}" viewBox="0 0 28 14" aria-hidden="true">'
        f'<path class="line" d="M1 7H27"/>{mark}</svg>'
    )


def _line(line: Line, canvas: _Canvas) -> Iterator[str]:
    inside = [each for each in line.points if canvas.low <= each.y <= canvas.high]
    yield f'<g class="c{line.style % COLOURS}">'
    if line.joined and len(inside) > 1:
        path = "L".join(f"{canvas.x(each.x)} {canvas.y(each.y)}" for each in inside)
        yield f'<path class="line{" dashed" if line.dashed else ""}" d="M{path}"/>'
    for point in inside:
        yield from _interval(point, canvas)
        if line.markers and not (line.dashed and len(inside) > 1):
            title = f"<title>{escape(line.name)}: {point.y:.4f}</title>"
            yield f"<g>{title}{_marker(line.style, canvas.x(point.x), canvas.y(point.y))}</g>"
    yield "</g>"


def _interval(point: Point, canvas: _Canvas) -> Iterator[str]:
    if point.low is None or point.high is None:
        return
    x, top, bottom = canvas.x(point.x), canvas.y(point.high), canvas.y(point.low)
    yield f'<path class="bar" d="M{x} {top}V{bottom}M{x - 3:g} {top}h6M{x - 3:g} {bottom}h6"/>'


def _marker(style: int, x: float, y: float) -> str:
    """Circle, square, triangle, diamond, triangle down, in turn."""
    r, d = _MARK, 2 * _MARK
    w = r + 1
    shapes = (
        f'<circle class="mark" cx="{x:g}" cy="{y:g}" r="{r}"/>',
        f'<path class="mark" d="M{x - r:.1f} {y - r:.1f}h{d}v{d}h-{d}z"/>',
        f'<path class="mark" d="M{x:.1f} {y - r:.1f}l{r} {d}h-{d}z"/>',
        f'<path class="mark" d="M{x:.1f} {y - w:.1f}l{w} {w}l-{w} {w}l-{w} -{w}z"/>',
        f'<path class="mark" d="M{x:.1f} {y + r:.1f}l{r} -{d}h-{d}z"/>',
    )
    return shapes[style % len(shapes)]


def _diagonal(canvas: _Canvas) -> Iterator[str]:
    start, end = max(canvas.left, canvas.low), min(canvas.right, canvas.high)
    yield (
        f'<path class="diagonal" d="M{canvas.x(start)} {canvas.y(start)}'
        f'L{canvas.x(end)} {canvas.y(end)}"/>'
    )


def _y_axis(chart: Chart, canvas: _Canvas) -> Iterator[str]:
    for value in ticks(canvas.low, canvas.high):
        y = canvas.y(value)
        shown = f"{100 * value:.6g}%" if chart.percent_y else f"{value:.6g}"
        yield f'<path class="grid" d="M{_LEFT} {y}H{_WIDTH - _RIGHT}"/>'
        yield f'<text x="{_LEFT - 6}" y="{y + 3.5:g}" text-anchor="end">{shown}</text>'
    middle = (_HEIGHT - _BOTTOM + _TOP) / 2
    yield (
        f'<text class="title" transform="translate(11 {middle:g}) rotate(-90)" '
        f'text-anchor="middle">{escape(chart.y_title)}</text>'
    )


def _x_axis(chart: Chart, canvas: _Canvas) -> Iterator[str]:
    bottom = _HEIGHT - _BOTTOM
    kind = ' class="band"' if chart.x_scale == "bands" else ""
    yield f'<path class="axis" d="M{_LEFT} {bottom}H{_WIDTH - _RIGHT}"/>'
    for value, shown in _x_ticks(chart, canvas):
        x = canvas.x(value)
        yield f'<path class="axis" d="M{x} {bottom}v4"/>'
        yield f'<text{kind} x="{x}" y="{bottom + 16}" text-anchor="middle">{escape(shown)}</text>'
    middle = (_LEFT + _WIDTH - _RIGHT) / 2
    yield (
        f'<text class="title" x="{middle:g}" y="{_HEIGHT - 8:g}" text-anchor="middle">'
        f"{escape(chart.x_title)}</text>"
    )


def _x_ticks(chart: Chart, canvas: _Canvas) -> Sequence[tuple[float, str]]:
    if chart.x_scale == "bands":
        return [(place, name) for place, name in enumerate(chart.bands)]
    if chart.x_scale == "log":
        return [(value, si(value)) for value in log_ticks(10**canvas.left, 10**canvas.right)]
    found = ticks(canvas.left, canvas.right)
    if chart.x_scale == "whole":
        found = sorted({round(value) for value in found if value == round(value)}) or [1]
    return [(each, f"{100 * each:.6g}%" if chart.percent_x else f"{each:g}") for each in found]


def ticks(low: float, high: float, most: int = _TICKS) -> list[float]:
    """Round values between two ends, at most about ``most`` of them."""
    rough = (high - low) / most
    size = 10 ** math.floor(math.log10(rough))
    step = next(size * factor for factor in (1, 2, 2.5, 5, 10) if size * factor >= rough)
    first, last = math.ceil(low / step), math.floor(high / step)
    return [round(count * step, 10) for count in range(first, last + 1)]


def log_ticks(low: float, high: float) -> list[float]:
    """1, 2, 5, 10 and so on between two ends; powers of ten alone where these are enough."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    tens = [10.0**power for power in powers if low <= 10.0**power <= high]
    if len(tens) > 2:
        return tens[:: 1 + (len(tens) - 1) // _TICKS]
    return [
        factor * 10.0**power
        for power in powers
        for factor in (1, 2, 5)
        if low <= factor * 10.0**power <= high
    ]


def si(value: float) -> str:
    """``"15M"``, ``"200k"``, ``"5P"``; below a thousand the number itself."""
    for size, letter in ((1e18, "E"), (1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:.3g}{letter}"
    return f"{value:.3g}"
