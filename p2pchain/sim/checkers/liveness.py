"""L1 and L2: once more than two thirds are healthy and connected, finality comes within ten slots, and goes on coming.

L4 is the same while the rest stays half broken for ever.  Counted from the moment of healing, over the healthy core.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

WORST_SLOTS = 10
BACK_MS = 30_000
"""Within which every node of the core knows what was final."""


class LivenessChecker:
    """Off until `begin`."""

    def __init__(self, slot_ms: int) -> None:
        self._slot_ms = slot_ms
        self._core: frozenset[int] = frozenset()
        self._name = self._first = "L1"
        self._begun_ms = 0
        self._best = 0
        self._best_ms = 0
        self._heights: dict[int, int] = {}
        self._history: list[tuple[int, int]] = []
        self.latencies_ms: list[int] = []
        """From the beginning of a block's slot until it was final, for each block at each node of the core."""
        self.is_measuring = False

    def measure(self, core: frozenset[int]) -> None:
        """Collect latencies; nothing is demanded."""
        self.is_measuring, self._core = True, core

    def begin(self, now_ms: int, heights: Mapping[int, int], *, is_healed: bool, rest_is_broken: bool) -> None:
        """From now on finality is owed to the nodes of `heights`, by their final heights."""
        self.measure(frozenset(heights))
        self._name = "L4" if rest_is_broken else "L1"
        self._first = "L2" if is_healed and not rest_is_broken else self._name
        self._begun_ms = self._best_ms = now_ms
        self._best = max(heights.values(), default=0)
        self._heights = dict(heights)

    def final(self, node: int, height: int, now_ms: int, slot_start_ms: int) -> Iterator[tuple[str, str]]:
        """A node told of a final block."""
        if not self.is_measuring or node not in self._core:
            return
        if slot_start_ms >= self._begun_ms:
            self.latencies_ms.append(max(0, now_ms - slot_start_ms))
        self._heights[node] = height
        if self._begun_ms and height > self._best:
            yield from self._gap(now_ms)
            self._best, self._best_ms = height, now_ms
            self._history.append((now_ms, height))

    def end(self, now_ms: int) -> Iterator[tuple[str, str]]:
        if not self._begun_ms:
            return
        yield from self._gap(now_ms)
        known = max((height for at, height in self._history if at <= now_ms - BACK_MS), default=0)
        if now_ms - self._begun_ms >= BACK_MS:
            behind = sorted(node for node, height in self._heights.items() if height < known)
            if behind:
                yield "L2", f"nodes {behind} do not know block {known}, which was final {BACK_MS // 1000} s before"

    def _gap(self, now_ms: int) -> Iterator[tuple[str, str]]:
        slots = (now_ms - self._best_ms) / self._slot_ms
        if slots > WORST_SLOTS:
            name, since = (self._name, f"block {self._best}") if self._history else (self._first, "the beginning")
            yield name, f"{slots:.1f} slots from {since} to the next final block, at most {WORST_SLOTS} wanted"
