"""How many transactions this node puts into a block: as many as it can itself import in a tenth of a slot.

The network's own bound holds in any case.  What an import costs is measured by the shell, as processor time of the loop
and without the waiting for the disk: what does not grow with a block must not make blocks smaller, or smaller blocks
would seem to cost more a transaction and get smaller still.  So the loop of a node as fast as this one stands still no
longer than that, and a vote no longer waits; the rest of the slot is for whatever else its machine has to do.

It is a leader's choice and no rule: nobody refuses a block because it is larger.  Overload therefore fills the pool,
which refuses what pays least, and leaves finality alone.
"""

from __future__ import annotations

from collections import deque
from statistics import median

COUNTED_MIN = 200
"""Smaller blocks say nothing of what a transaction costs; and a block may always hold so many."""
SAMPLES = 9
"""Of the last imports the median counts: one that stumbled moves nothing."""
SLOT_SHARE = 10
"""An import may take this part of a slot: 50 ms of 500.  Ten times as slow, on a machine that others use too, it still is in time."""


class BlockBudget:
    """Fed by the engine; asked by the producer."""

    def __init__(self, slot_ms: int) -> None:
        self._slot_ms = slot_ms
        self._costs_ns: deque[int] = deque(maxlen=SAMPLES)

    def transactions_max(self, most: int) -> int:
        """For the next block, where the network allows `most`."""
        if not self._costs_ns:
            return most
        fitting = self._slot_ms * 1_000_000 // SLOT_SHARE // int(median(self._costs_ns))
        return min(most, max(COUNTED_MIN, fitting))

    def imported(self, transactions: int, took_us: int) -> None:
        """Blocks with so many transactions, all together, took the node's loop so long."""
        if transactions >= COUNTED_MIN:
            self._costs_ns.append(max(1, took_us * 1_000 // transactions))
