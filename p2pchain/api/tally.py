"""What the publications add up to since the node began, in plain integers."""

from __future__ import annotations

from bisect import bisect_left

from p2pchain.node.effects import BlockFinal, ContradictionSeen, HeadChanged, Publication, SlotMissed

LATENCY_BUCKETS_S = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0, 120.0)
DELEGATES_COUNTED_MAX = 512
"""Delegates with misses of their own in the metrics: five whole sets; all others are counted together."""
_BOUNDS_MS = tuple(round(bound * 1_000) for bound in LATENCY_BUCKETS_S)


class Tally:
    """Counts; zeros from the start."""

    __slots__ = ("contradictions", "final_blocks", "final_transactions", "head_changes", "latency_counts", "latency_ms", "misses")

    def __init__(self) -> None:
        self.final_blocks = 0
        self.final_transactions = 0
        self.head_changes = 0
        self.contradictions = 0
        self.latency_counts = [0] * (len(_BOUNDS_MS) + 1)
        """Per bucket, not yet added up; the last one is for whatever took longer than every bound."""
        self.latency_ms = 0
        self.misses: dict[bytes, dict[str, int]] = {}
        """By account (empty for those beyond the bound) and reason."""

    def add(self, publication: Publication) -> None:
        match publication:
            case BlockFinal(block, latency_ms):
                self.final_blocks += 1
                self.final_transactions += len(block.transactions)
                self.latency_counts[bisect_left(_BOUNDS_MS, latency_ms)] += 1
                self.latency_ms += latency_ms
            case HeadChanged():
                self.head_changes += 1
            case ContradictionSeen():
                self.contradictions += 1
            case SlotMissed(_, delegate, reason, _):
                self._count_miss(delegate, reason)
            case _:
                pass

    def _count_miss(self, delegate: bytes, reason: str) -> None:
        if delegate not in self.misses and len(self.misses) >= DELEGATES_COUNTED_MAX:
            delegate = b""
        counts = self.misses.setdefault(delegate, {})
        counts[reason] = counts.get(reason, 0) + 1
