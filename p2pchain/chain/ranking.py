"""Senders in the order in which a block looks at them: by the best rate that any transaction of theirs has paid while they waited.

That is a bound and no promise: what can go into a block next may pay less, and is known only from the account's row.  So
whoever chooses looks at a sender when its bound comes up, and at the others not at all: what a choice costs depends
on what it takes and not on what waits.  The bound falls only when a sender has nothing left here.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator


class Ranking:
    """At most as large as the pool."""

    __slots__ = ("_bounds", "_by_rate", "_rates")

    def __init__(self) -> None:
        self._bounds: dict[bytes, int] = {}
        self._by_rate: dict[int, dict[bytes, None]] = {}
        """Senders with one bound, in the order in which they came to it."""
        self._rates: list[int] = []
        """All bounds, ascending: few where most pay the least fee."""

    def __iter__(self) -> Iterator[tuple[int, bytes]]:
        """(bound, sender), the best first; not to be changed meanwhile."""
        for rate in reversed(self._rates):
            for sender in self._by_rate[rate]:
                yield rate, sender

    def raise_to(self, sender: bytes, rate: int) -> None:
        """A transaction of this sender waits that pays so much."""
        bound = self._bounds.get(sender)
        if bound is not None:
            if bound >= rate:
                return
            self._take_out(sender, bound)
        self._bounds[sender] = rate
        group = self._by_rate.get(rate)
        if group is None:
            group = self._by_rate[rate] = {}
            insort(self._rates, rate)
        group[sender] = None

    def remove(self, sender: bytes) -> None:
        """Nothing of this sender waits."""
        self._take_out(sender, self._bounds.pop(sender))

    def _take_out(self, sender: bytes, rate: int) -> None:
        group = self._by_rate[rate]
        del group[sender]
        if not group:
            del self._by_rate[rate]
            del self._rates[bisect_left(self._rates, rate)]
