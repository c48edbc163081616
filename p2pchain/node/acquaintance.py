"""Which transactions this node has had in its hands: by name, so that none is fetched twice; and those set aside.

Set aside are verified ones that the pool could not take: most of them came before the transaction that their sender
signed before them, because the two travelled different ways.  They are offered again when that one is there, or
with a new head, and none of them is verified again when a block or another peer brings it.

Bounds: names, and transactions and bytes set aside; of each the oldest goes first.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import NamedTuple

from p2pchain.chain.transaction import Transaction
from p2pchain.chain.types import TransactionId
from p2pchain.node.events import Peer
from p2pchain.wire.messages import NAME_BYTES

NAMES_KEPT = 100_000
"""Twice what the pool holds, so that late announcements of what is final are known: about 20 MB."""
ASIDE_MAX = 4_096
ASIDE_BYTES_MAX = 4 << 20


def name_of(item: TransactionId) -> bytes:
    return item[:NAME_BYTES]


class Aside(NamedTuple):
    """A verified transaction that waits for another."""

    transaction: Transaction
    source: Peer


class Acquaintance:
    """Grows with what peers send, up to its bounds."""

    def __init__(self) -> None:
        self._names: OrderedDict[bytes, TransactionId] = OrderedDict()
        self._aside: OrderedDict[TransactionId, Aside] = OrderedDict()
        self._by_place: dict[tuple[bytes, int], TransactionId] = {}
        self._aside_bytes = 0

    def __contains__(self, name: bytes) -> bool:
        return name in self._names

    def id_of(self, name: bytes) -> TransactionId | None:
        return self._names.get(name)

    def meet(self, item: TransactionId) -> None:
        self._names[name_of(item)] = item
        if len(self._names) > NAMES_KEPT:
            self._names.popitem(last=False)

    def set_aside(self, transaction: Transaction, source: Peer) -> None:
        if transaction.id in self._aside:
            return
        self._aside[transaction.id] = Aside(transaction, source)
        self._by_place[transaction.sender, transaction.nonce] = transaction.id
        self._aside_bytes += len(transaction.raw)
        while len(self._aside) > ASIDE_MAX or self._aside_bytes > ASIDE_BYTES_MAX:
            self._drop(next(iter(self._aside)))

    @property
    def has_aside(self) -> bool:
        return bool(self._aside)

    def aside(self, item: TransactionId) -> Transaction | None:
        aside = self._aside.get(item)
        return aside.transaction if aside is not None else None

    def take_next(self, transaction: Transaction) -> Aside | None:
        """What the same sender signed next, if it was set aside."""
        item = self._by_place.get((transaction.sender, transaction.nonce + 1)) if self._by_place else None
        return self._drop(item) if item is not None else None

    def take_oldest(self, count: int) -> list[Aside]:
        """In nonce order."""
        chosen = [item for item, _ in zip(self._aside, range(count), strict=False)]
        return sorted((self._drop(item) for item in chosen), key=lambda aside: aside.transaction.nonce)

    def _drop(self, item: TransactionId) -> Aside:
        aside = self._aside.pop(item)
        transaction = aside.transaction
        self._aside_bytes -= len(transaction.raw)
        place = transaction.sender, transaction.nonce
        if self._by_place.get(place) == item:
            del self._by_place[place]
        return aside
