"""A curve as an SVG picture: lines with points, axes with round numbers, a legend.  Nothing in it needs a network."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from p2pchain.bench.result import Curve, Series

_WIDTH, _HEIGHT = 760, 440
_LEFT, _RIGHT, _TOP, _BOTTOM = 80, 150, 50, 60
_COLOURS = ("#1f6feb", "#d1242f", "#1a7f37", "#9a6700", "#8250df", "#57606a")
_TICKS = 6
_SMALLEST = 1e-9
"""What lies closer together is one place; no figure is that fine."""


class _Scale:
    """From a value to a place on the picture."""

    def __init__(self, values: Sequence[float], begin: float, end: float, *, from_zero: bool) -> None:
        low, high = (0.0 if from_zero else min(values)), max(values)
        self.is_log = low > _SMALLEST and high / low >= 100
        self._low, self._high = self._of(low), self._of(high)
        self._high = max(self._high, self._low + (_SMALLEST if high > low else 1))
        self._begin, self._end = begin, end
        self.ticks = (
            [10.0**power for power in range(math.floor(self._low), math.ceil(self._high) + 1)] if self.is_log else _ticks(low, high)
        )

    def _of(self, value: float) -> float:
        return math.log10(value) if self.is_log else value

    def at(self, value: float) -> float:
        share = (self._of(value) - self._low) / (self._high - self._low)
        return self._begin + share * (self._end - self._begin)

    def shown_ticks(self) -> list[float]:
        low, high = sorted((self._begin, self._end))
        return [tick for tick in self.ticks if low - 0.5 <= self.at(tick) <= high + 0.5]


def draw(curve: Curve) -> str:
    points = [point for series in curve.series for point in series.points] or [(0.0, 0.0)]
    marks = [curve.y_mark[1]] if curve.y_mark else []
    x = _Scale([each[0] for each in points], _LEFT, _WIDTH - _RIGHT, from_zero=False)
    y = _Scale([*(each[1] for each in points), *marks], _HEIGHT - _BOTTOM, _TOP, from_zero=True)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="sans-serif" font-size="12">',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#ffffff"/>',
        _text(_LEFT, 28, curve.title, "start", size=16),
        *_axes(curve, x, y),
        *(line for number, series in enumerate(curve.series) for line in _line(series, number, x, y)),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _axes(curve: Curve, x: _Scale, y: _Scale) -> list[str]:
    right, bottom = _WIDTH - _RIGHT, _HEIGHT - _BOTTOM
    parts = []
    for tick in y.shown_ticks():
        parts += [_rule(_LEFT, y.at(tick), right, y.at(tick), "#d8dee4"), _text(_LEFT - 8, y.at(tick) + 4, _number(tick), "end")]
    for tick in x.shown_ticks():
        parts += [_rule(x.at(tick), bottom, x.at(tick), bottom + 5, "#57606a"), _text(x.at(tick), bottom + 20, _number(tick), "middle")]
    parts += [_rule(_LEFT, bottom, right, bottom, "#57606a"), _rule(_LEFT, _TOP, _LEFT, bottom, "#57606a")]
    parts += [_text((_LEFT + right) / 2, _HEIGHT - 18, curve.x, "middle"), _text(12, _TOP - 10, curve.y, "start")]
    if curve.y_mark:
        name, value = curve.y_mark
        parts += [_rule(_LEFT, y.at(value), right, y.at(value), "#57606a", dashed=True), _text(right + 8, y.at(value) + 4, name, "start")]
    return parts


def _line(series: Series, number: int, x: _Scale, y: _Scale) -> list[str]:
    colour, places = _COLOURS[number % len(_COLOURS)], [(x.at(a), y.at(b)) for a, b in series.points]
    row = _TOP + 16 * number
    parts = [
        _rule(_WIDTH - _RIGHT + 12, row, _WIDTH - _RIGHT + 32, row, colour),
        _text(_WIDTH - _RIGHT + 38, row + 4, series.name, "start"),
    ]
    path = " ".join(f"{a:.1f},{b:.1f}" for a, b in places)
    parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
    parts += [f'<circle cx="{a:.1f}" cy="{b:.1f}" r="3" fill="{colour}"/>' for a, b in places]
    return parts


def _rule(x1: float, y1: float, x2: float, y2: float, colour: str, *, dashed: bool = False) -> str:
    dash = ' stroke-dasharray="5 4"' if dashed else ""
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}"{dash}/>'


def _text(x: float, y: float, words: str, anchor: str, *, size: int = 12) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" fill="#1f2328">{escape(words)}</text>'


def _ticks(low: float, high: float) -> list[float]:
    """About six round numbers between the two."""
    step = max(high - low, _SMALLEST) / _TICKS
    power = 10.0 ** math.floor(math.log10(step))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= step)
    first = math.ceil(low / step)
    return [number * step for number in range(first, math.floor(high / step) + 1)]


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 10 or value == int(value) else f"{value:.3g}"
