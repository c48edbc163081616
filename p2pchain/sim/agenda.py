"""Simulated time: a heap of (time, sequence, action).

Two actions of one millisecond run in the order in which they were put down, so a run is a function of what was put down.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable


class Agenda:
    """What will happen, and what time it is."""

    def __init__(self, now_ms: int) -> None:
        self.now_ms = now_ms
        self._heap: list[tuple[int, int, Callable[..., None], tuple[object, ...]]] = []
        self._sequence = 0

    def at(self, when_ms: int, action: Callable[..., None], *arguments: object) -> None:
        """Run `action` at a time; at once in turn, where that has passed."""
        self._sequence += 1
        heapq.heappush(self._heap, (when_ms, self._sequence, action, arguments))

    def after(self, delay_ms: int, action: Callable[..., None], *arguments: object) -> None:
        self.at(self.now_ms + delay_ms, action, *arguments)

    def run_until(self, end_ms: int) -> None:
        """Everything that is due up to and including `end_ms`."""
        heap = self._heap
        while heap and heap[0][0] <= end_ms:
            when, _, action, arguments = heapq.heappop(heap)
            self.now_ms = max(self.now_ms, when)
            action(*arguments)
        self.now_ms = end_ms
