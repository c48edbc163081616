"""Who is told what, beside blocks and ballots: transactions in batches, and where this node stands.

Accepted transactions wait a few milliseconds for company and go out in one message to everybody but whoever brought
them.  Nothing is echoed: a transaction that the pool knew already is not passed on.
"""

from __future__ import annotations

from p2pchain.chain.transaction import Transaction
from p2pchain.node.core import Core
from p2pchain.node.events import Peer
from p2pchain.wire.messages import TRANSACTIONS_BYTES_MAX, TRANSACTIONS_MAX, Status, Tips, Transactions

BATCH_DELAY_MS = 5
BATCH_FULL = 500
WELCOME_TRANSACTIONS_MAX = 5_000
"""Waiting transactions that a new peer is told of: one block's worth."""
_PREFIX_BYTES = 5


class Gossip:
    """Outgoing transactions by origin, and the last status that was told."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._waiting: dict[Peer | None, list[bytes]] = {}
        self._count = 0
        self._due_ms: int | None = None
        self._told: Tips | None = None

    def add(self, transaction: Transaction, source: Peer | None) -> None:
        self._waiting.setdefault(source, []).append(transaction.raw)
        self._count += 1
        if self._due_ms is None:
            self._due_ms = self._core.now_ms + BATCH_DELAY_MS

    def next_ms(self) -> int | None:
        return self._due_ms

    def flush(self) -> None:
        """Send the batches whose time has come."""
        if self._due_ms is None or (self._core.now_ms < self._due_ms and self._count < BATCH_FULL):
            return
        for source, items in self._waiting.items():
            for message in batches(items):
                self._core.broadcast(message, but=source)
        self._waiting, self._count, self._due_ms = {}, 0, None

    def tell_status(self) -> None:
        """Tell all peers where this node stands, if that changed since it last did."""
        tips = self._core.tips()
        if tips != self._told:
            self._told = tips
            self._core.broadcast(Status(tips))

    def welcome(self, peer: Peer) -> None:
        """A new peer hears of waiting transactions, so that a restarted node can fill its slot."""
        items = [transaction.raw for transaction, _ in zip(self._core.pool, range(WELCOME_TRANSACTIONS_MAX), strict=False)]
        for message in batches(items):
            self._core.send(peer, message)


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
