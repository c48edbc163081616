"""What every benchmark returns, and how it is written: the names in the JSON are a promise to whoever reads it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from p2pchain.bench.machine import Described, commit, describe_machine

Value = float | int | str | bool | None
Figures = dict[str, Value]


@dataclass(frozen=True, slots=True)
class Series:
    """One line of a plot."""

    name: str
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Curve:
    """What says more than its figures."""

    title: str
    x: str
    y: str
    """Words and unit of each axis."""
    series: Sequence[Series]
    y_mark: tuple[str, float] | None = None
    """A bound to draw, and its name."""


@dataclass(frozen=True, slots=True)
class Result:
    name: str
    measured: str
    """In a sentence or two: what the figures are, and under which conditions they hold."""
    figures: Figures
    limit: Figures
    """What the machine could do at the very most, measured in the same run; `what` says of what."""
    share_of_limit: float | None
    seed: int | None = None
    rows: Sequence[Figures] = ()
    """The steps of the run, all of one shape."""
    columns: Sequence[str] = ()
    """Those of the rows that a table has room for; all where none are named."""
    curve: Curve | None = None
    machine: Described = field(default_factory=describe_machine)
    commit: str = field(default_factory=commit)


def to_json(result: Result) -> dict[str, object]:
    return {
        "name": result.name,
        "measured": result.measured,
        "figures": result.figures,
        "limit": result.limit,
        "share_of_limit": result.share_of_limit,
        "rows": list(result.rows),
        "seed": result.seed,
        "machine": result.machine,
        "commit": result.commit,
    }


def rounded(value: float, digits: int = 3) -> float:
    """So many significant digits: more would be noise."""
    return float(f"{value:.{digits}g}")


def number(row: Figures, name: str) -> float:
    """A figure that is one."""
    value = row[name]
    assert isinstance(value, int | float), f"{name} is {value!r}"
    return float(value)
