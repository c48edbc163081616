"""How far a node that catches up has come, how fast it is, and how long it will take, as far as that can be said.

The rate is that of the last half minute, because blocks differ: what was fast at the beginning says nothing about full
blocks.  The goal moves while it is approached, so what it moves by is taken off.  Where that leaves nothing, or too
little was seen, the time left is not known, and is not guessed.

Bound: `SAMPLES_MAX` samples.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

SAMPLE_MS = 1_000
SAMPLES_MAX = 30
LEAST_MS = 3_000
"""Seen for less than this, a rate is not told."""


class SyncView(NamedTuple):
    """Where a node that catches up stands."""

    from_height: int
    """Where it stood when it began."""
    at: int
    """Its last final block."""
    to: int
    """The highest final block that a peer claims and is believed in."""
    proven: int
    """Up to where it has proofs; `at` where it has none above."""
    blocks_per_s: float | None
    seconds_left: int | None


class Lack(NamedTuple):
    """What this node cannot get."""

    needed: int
    """The first height whose block it needs."""
    offered: int
    """The lowest one from which on a peer has blocks."""


class Sample(NamedTuple):
    now_ms: int
    at: int


class Progress:
    """Samples of one catch-up; nothing between two of them."""

    def __init__(self, slot_ms: int) -> None:
        self._blocks_born_per_s = 1_000 / slot_ms
        """At most: a slot has one block."""
        self._samples: deque[Sample] = deque(maxlen=SAMPLES_MAX)
        self._began: Sample | None = None

    def look(self, now_ms: int, at: int, *, is_behind: bool) -> None:
        """After every event."""
        if not is_behind:
            self._began = None
            self._samples.clear()
            return
        if self._began is None:
            self._began = Sample(now_ms, at)
        if not self._samples or now_ms >= self._samples[-1].now_ms + SAMPLE_MS:
            self._samples.append(Sample(now_ms, at))

    def view(self, now_ms: int, at: int, to: int, proven: int) -> SyncView | None:
        """None while the node is in step."""
        if self._began is None:
            return None
        rate = self._rate(now_ms, at)
        return SyncView(self._began.at, at, to, max(at, proven), rate, self._seconds_left(to - at, rate))

    def _rate(self, now_ms: int, at: int) -> float | None:
        first = self._samples[0]
        passed_ms = now_ms - first.now_ms
        return None if passed_ms < LEAST_MS else (at - first.at) * 1_000 / passed_ms

    def _seconds_left(self, blocks: int, rate: float | None) -> int | None:
        if rate is None or rate <= self._blocks_born_per_s:
            return None
        return round(max(0, blocks) / (rate - self._blocks_born_per_s))
