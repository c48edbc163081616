"""How much a peer is asked for at once, and how long it may take: learned from its answers.

A slow peer is not a bad one.  Where a deadline passes, the next question asks for half as much and waits twice as long, so that
the slowest link gets a block through in the end.
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

    def slower(self) -> Pace:
        """A deadline passed."""
        return Pace(max(1, self.limit // 2), min(DEADLINE_MAX_MS, 2 * self.deadline_ms))

    def after_answer(self, took_ms: int) -> Pace:
        """An answer came; one that was quick earns more, and a deadline as short as before."""
        if took_ms > self.deadline_ms // 4:
            return self
        return Pace(min(BLOCKS_MAX, 2 * self.limit), max(DEADLINE_MS, self.deadline_ms // 2))
