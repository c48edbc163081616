"""How many lines strangers may make a node write: one a minute for each cause, and a steady few in all.

What was left out is not lost: the next line of the same cause says how many there were, and so does any line for causes
that are no longer remembered.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

Cause: TypeAlias = tuple[str, str]
"""What happened, and to whom."""

PAUSE_S = 60.0
CAUSES_MAX = 256
"""Remembered at once; a flood of new ones pushes out the oldest."""
BURST = 120
"""A restart of the whole network makes two lines for each of its peers."""
LINES_PER_S = 1.0
"""86,400 lines a day: 30 MB, whatever anybody does."""


class Line(NamedTuple):
    """Write it, and say what was left out before it."""

    left_out: int
    """Of the same cause."""
    left_out_others: int

    def fields(self) -> dict[str, int]:
        """For the log: those that are not zero."""
        return {name: count for name, count in zip(self._fields, self, strict=True) if count}


class _Cause(NamedTuple):
    again_s: float
    left_out: int


class LogBudget:
    """Times are of one clock that never goes back."""

    __slots__ = ("_causes", "_others", "_room", "_since_s")

    def __init__(self) -> None:
        self._causes: dict[Cause, _Cause] = {}
        self._others = 0
        self._room = float(BURST)
        self._since_s = 0.0

    def take(self, cause: Cause, now_s: float) -> Line | None:
        """None where the line is to be left out."""
        self._room = min(float(BURST), self._room + max(0.0, now_s - self._since_s) * LINES_PER_S)
        self._since_s = now_s
        known = self._causes.pop(cause, None) or _Cause(now_s, 0)
        if now_s < known.again_s or self._room < 1:
            self._remember(cause, known._replace(left_out=known.left_out + 1))
            return None
        self._room -= 1
        self._remember(cause, _Cause(now_s + PAUSE_S, 0))
        line = Line(known.left_out, self._others)
        self._others = 0
        return line

    def _remember(self, cause: Cause, state: _Cause) -> None:
        self._causes[cause] = state
        if len(self._causes) > CAUSES_MAX:
            oldest = next(iter(self._causes))
            self._others += self._causes.pop(oldest).left_out
