"""Taking transactions into the mempool, from peers and from clients."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from p2pchain.chain.errors import Code, NotYet, Refusal
from p2pchain.chain.state import View
from p2pchain.chain.transaction import Transaction
from p2pchain.node import events
from p2pchain.node.acquaintance import Aside
from p2pchain.node.core import Core
from p2pchain.node.effects import Answer, KeepTransactions, SubmitResult
from p2pchain.node.gossip import Gossip

RETRIED_MAX = 256
"""Transactions set aside that are offered again with each new head: about 5 ms of work."""


class Admission:
    """Judges by the state at the head, passes on what is new, keeps it for a restart."""

    def __init__(self, core: Core, gossip: Gossip) -> None:
        self._core = core
        self._gossip = gossip

    def receive(self, event: events.TransactionsReceived) -> None:
        """A peer's transactions: what the pool cannot take now is nobody's fault and nobody is told."""
        self._take_all([Aside(item.value, event.peer) for item in event.transactions])

    def head_changed(self) -> None:
        """What was set aside may be right now; what is not goes back to the end of the queue."""
        self._take_all(self._core.known.take_oldest(RETRIED_MAX))

    def _take_all(self, offered: list[Aside]) -> None:
        if not offered:
            return
        view, taken = self._core.head_view(), list[Transaction]()
        for first in offered:
            candidate: Aside | None = first
            while candidate is not None and self._take(candidate, view):
                taken.append(candidate.transaction)
                self._gossip.add(*candidate)
                candidate = self._core.known.take_next(candidate.transaction)
        self._keep(taken)

    def _take(self, candidate: Aside, view: View) -> bool:
        try:
            self._core.pool.add(candidate.transaction, view, self._core.slot)
        except Refusal as refusal:
            if isinstance(refusal, NotYet) and refusal.code is not Code.DUPLICATE:
                self._core.known.set_aside(*candidate)
            return False
        return True

    def restore(self, transactions: Sequence[Transaction]) -> None:
        """Those of an unfinal block wait on beside it, as before the end of the process: the block may yet fall away."""
        view = self._core.tree.view(self._core.tree.root)
        for transaction in transactions:
            with suppress(Refusal):  # one that a rival block holds too, or that can be in no later block
                self._core.pool.add(transaction, view, self._core.slot)
                self._core.known.meet(transaction.id)

    def submit(self, event: events.TransactionsSubmitted) -> None:
        view = self._core.head_view()
        taken: list[Transaction] = []
        results = []
        for item in event.items:
            if isinstance(item, Refusal):
                results.append(SubmitResult(None, "rejected", item.code, item.message, item.evidence))
                continue
            transaction = item.value
            try:
                self._core.pool.add(transaction, view, self._core.slot)
            except Refusal as refusal:
                self._core.pool.refuse(transaction, refusal)
                status = "pending" if refusal.code is Code.DUPLICATE else "rejected"
                results.append(SubmitResult(transaction.id, status, refusal.code, refusal.message, refusal.evidence))
                continue
            taken.append(transaction)
            self._gossip.add(transaction, None)
            results.append(SubmitResult(transaction.id, "pending", None, "", {}))
        self._keep(taken)
        self._core.effects.answer.append(Answer(event.request, results))

    def _keep(self, taken: list[Transaction]) -> None:
        if taken:
            self._core.effects.keep.append(KeepTransactions(tuple(taken)))
