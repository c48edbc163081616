"""How much a peer is asked for at once, and how long it may take: learned from its answers.

A slow peer is not a bad one.  Where a deadline passes, and then another, the next question asks for half as much and
waits twice as long: so the slowest link gets a block through in the end, and one lost message costs little.
"""

from __future__ import annotations

from typing import NamedTuple

BLOCKS_MAX = 64
DEADLINE_MS = 5_000
DEADLINE_MAX_MS = 60_000
"""Enough for the largest block at 100 KB a second."""


class Pace(NamedTuple):
    """Of one peer."""

    limit: int = BLOCKS_MAX
    deadline_ms: int = DEADLINE_MS
    has_credit: bool = True
    """One deadline may pass without consequences: it was not slow before."""

    def slower(self) -> Pace:
        """A deadline passed."""
        if self.has_credit:
            return self._replace(has_credit=False)
        return Pace(max(1, self.limit // 2), min(DEADLINE_MAX_MS, 2 * self.deadline_ms), has_credit=False)

    def after_answer(self, took_ms: int) -> Pace:
        """An answer came; a quick one earns more, and the deadline of everybody."""
        if took_ms > DEADLINE_MS // 4:
            return self._replace(has_credit=False)
        return Pace(min(BLOCKS_MAX, 2 * self.limit), DEADLINE_MS, has_credit=True)
