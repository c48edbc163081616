"""How many transactions this node puts into a block: as many as a slot has time for, within the network's own bound.

Two measurements, none of them taken here.  What an imported block cost this node, by the shell's clock, says how many fit
into a tenth of a slot: so the loop stands still no longer than that, and a vote no longer waits.  And when blocks
become final, by the slot's clock, says whether the slower half of the network keeps up: a large block that is final
later than its slot's end makes the next ones smaller, one that is final in good time lets them grow again.

It is a leader's choice and no rule: nobody refuses a block because it is larger.  Overload therefore fills the pool,
which refuses what pays least, and leaves finality alone.
"""

from __future__ import annotations

from collections import deque
from statistics import median

from p2pchain.chain.block import TRANSACTIONS_CEILING

COUNTED_MIN = 200
"""Smaller blocks say nothing of what a transaction costs; and a block may always hold so many."""
SAMPLES = 9
"""Of the last imports the median counts: one that waited for the disk moves nothing."""
SLOT_SHARE = 10
"""An import may take this part of a slot: 50 ms of 500.  Voting and confirming need the rest, on other machines too."""
LATE_SLOTS_MAX = 4
"""What became final later than this was fetched, or lacked a quorum: its size was not why."""
FEWER_PERCENT = 75
MORE_PERCENT = 110


class BlockBudget:
    """Fed by the engine; asked by the producer."""

    def __init__(self, slot_ms: int) -> None:
        self._slot_ms = slot_ms
        self._costs_ns: deque[int] = deque(maxlen=SAMPLES)
        self._kept_up: int | None = None
        """What the network keeps up with; None where it has never been too much."""

    def transactions_max(self, most: int) -> int:
        """For the next block, where the network allows `most`."""
        bound = most
        if self._costs_ns:
            bound = min(bound, self._slot_ms * 1_000_000 // SLOT_SHARE // int(median(self._costs_ns)))
        if self._kept_up is not None:
            bound = min(bound, self._kept_up)
        return min(most, max(COUNTED_MIN, bound))

    def imported(self, transactions: int, took_us: int) -> None:
        """Blocks with so many transactions, all together, took the node so long from the event to the end of the commit."""
        if transactions >= COUNTED_MIN:
            self._costs_ns.append(max(1, took_us * 1_000 // transactions))

    def finalised(self, transactions: int, latency_ms: int) -> None:
        """A block became final so long after its slot began."""
        if transactions < COUNTED_MIN or latency_ms > LATE_SLOTS_MAX * self._slot_ms:
            return
        if latency_ms > self._slot_ms:
            below = transactions if self._kept_up is None else min(transactions, self._kept_up)
            self._kept_up = max(COUNTED_MIN, below * FEWER_PERCENT // 100)
        elif self._kept_up is not None and 2 * transactions > self._kept_up:
            grown = self._kept_up * MORE_PERCENT // 100
            self._kept_up = grown if grown < TRANSACTIONS_CEILING else None
