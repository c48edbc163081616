"""Who is told what, beside blocks and ballots: transactions, and where this node stands.

A client's transactions wait a few milliseconds for company and are pushed to a few peers; everybody else, and whoever
hears of a transaction from a peer, only learns its name and asks for it where it lacks it.  So a transaction
crosses a network in full about once for each node, and its first hop costs no round trip.  Nothing is told to a
peer that told it to us, and what the pool knew already is told to nobody.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import NamedTuple

from p2pchain.chain.transaction import Transaction
from p2pchain.chain.types import TransactionId
from p2pchain.node.acquaintance import name_of
from p2pchain.node.core import Core
from p2pchain.node.events import Peer
from p2pchain.node.fetching import Fetching
from p2pchain.wire.messages import (
    NAMES_MAX,
    TRANSACTIONS_BYTES_MAX,
    TRANSACTIONS_MAX,
    Announcement,
    Status,
    Tips,
    Transactions,
)

BATCH_DELAY_MS = 5
BATCH_FULL = 500
PUSHED_TO_MAX = 8
"""Peers that get a client's transaction unasked: all of a small network, and never more than this upload."""
WELCOME_TRANSACTIONS_MAX = 4_096
"""Waiting transactions that a new peer is told of: as many names as it takes from one peer."""
FRESH_MS = 150
"""What this node has known for less may be on its way to others still."""
FRESH_MAX = 1_024
_PREFIX_BYTES = 5


class Waiting(NamedTuple):
    """An accepted transaction that others have not been told of."""

    transaction: Transaction
    is_own: bool
    """From a client of this node."""
    holders: set[Peer]
    """Who need not be told."""


class Gossip:
    """Outgoing transactions, and the last status that was told."""

    def __init__(self, core: Core, fetching: Fetching) -> None:
        self._core = core
        self._fetching = fetching
        self._waiting: dict[bytes, Waiting] = {}
        self._fresh: OrderedDict[TransactionId, int] = OrderedDict()
        self._due_ms: int | None = None
        self._turn = 0
        self._told: Tips | None = None

    def add(self, transaction: Transaction, source: Peer | None) -> None:
        """The pool took it."""
        holders = set(self._fetching.holders(transaction.id))
        if source is not None:
            holders.add(source)
        self._waiting[name_of(transaction.id)] = Waiting(transaction, source is None, holders)
        self._fresh[transaction.id] = self._core.now_ms
        if len(self._fresh) > FRESH_MAX:
            self._fresh.popitem(last=False)
        if self._due_ms is None:
            self._due_ms = self._core.now_ms + BATCH_DELAY_MS

    def announced(self, peer: Peer, names: Sequence[bytes]) -> None:
        """Whoever announces what waits here need not be told of it."""
        for name in names if self._waiting else ():
            waiting = self._waiting.get(name)
            if waiting is not None:
                waiting.holders.add(peer)

    def is_fresh(self, item: TransactionId) -> bool:
        return self._core.now_ms - self._fresh.get(item, -FRESH_MS) < FRESH_MS

    def next_ms(self) -> int | None:
        return self._due_ms

    def flush(self) -> None:
        """Send the batches whose time has come."""
        if self._due_ms is None or (self._core.now_ms < self._due_ms and len(self._waiting) < BATCH_FULL):
            return
        waiting = list(self._waiting.items())
        self._waiting, self._due_ms = {}, None
        pushed = self._push([item.transaction.raw for _, item in waiting if item.is_own])
        for peer in self._core.peers:
            names = [name for name, item in waiting if peer not in item.holders and not (item.is_own and peer in pushed)]
            self._announce(peer, names)

    def _push(self, items: list[bytes]) -> set[Peer]:
        """A client's transactions go to a few peers, not always the same."""
        peers = list(self._core.peers)
        if not items or not peers:
            return set()
        messages = batches(items)
        if len(peers) <= PUSHED_TO_MAX:
            for message in messages:
                self._core.broadcast(message)
            return set(peers)
        self._turn += PUSHED_TO_MAX
        chosen = [peers[(self._turn + place) % len(peers)] for place in range(PUSHED_TO_MAX)]
        for peer in chosen:
            for message in messages:
                self._core.send(peer, message)
        return set(chosen)

    def _announce(self, peer: Peer, names: Sequence[bytes]) -> None:
        for start in range(0, len(names), NAMES_MAX):
            self._core.send(peer, Announcement(tuple(names[start : start + NAMES_MAX])))

    def answer(self, peer: Peer, names: Sequence[bytes]) -> None:
        """What a peer asks for and the pool holds, as much as one message takes."""
        ids = (self._core.known.id_of(name) for name in dict.fromkeys(names))
        found = (self._core.pool.get(item) for item in ids if item is not None)
        for message in batches([transaction.raw for transaction in found if transaction is not None])[:1]:
            self._core.send(peer, message)

    def tell_status(self) -> None:
        """Tell all peers where this node stands, if that changed since it last did."""
        tips = self._core.tips()
        if tips != self._told:
            self._told = tips
            self._core.broadcast(Status(tips))

    def welcome(self, peer: Peer) -> None:
        """A new peer hears of waiting transactions, so that a restarted node can fill its slot."""
        waiting = zip(self._core.pool, range(WELCOME_TRANSACTIONS_MAX), strict=False)
        self._announce(peer, [name_of(transaction.id) for transaction, _ in waiting])


def batches(items: list[bytes]) -> list[Transactions]:
    """Cut into messages within the limits of one, in order."""
    messages: list[Transactions] = []
    batch: list[bytes] = []
    size = 0
    for item in items:
        if batch and (size + len(item) + _PREFIX_BYTES > TRANSACTIONS_BYTES_MAX or len(batch) >= TRANSACTIONS_MAX):
            messages.append(Transactions(batch))
            batch, size = [], 0
        batch.append(item)
        size += len(item) + _PREFIX_BYTES
    if batch:
        messages.append(Transactions(batch))
    return messages
