"""Passing on blocks and transactions: what is sent whole, what by name, and what is asked for.

A block with transactions goes by their short ids, since its receivers have them; along go the few that became known
here a moment ago, so that where everything else is known a block costs no round trip.
"""

from __future__ import annotations

from collections.abc import Sequence

from p2pchain.chain.block import Block, Header
from p2pchain.chain.compact import carried
from p2pchain.chain.transaction import Transaction
from p2pchain.node import events
from p2pchain.node.assembling import Assembling
from p2pchain.node.consensus import Consensus
from p2pchain.node.core import Core
from p2pchain.node.effects import Broadcast
from p2pchain.node.events import Peer
from p2pchain.node.fetching import Fetching
from p2pchain.node.gossip import Gossip
from p2pchain.wire.messages import (
    PREFILLED_BYTES_MAX,
    PREFILLED_MAX,
    BlockMessage,
    BlockTransactions,
    CompactBlock,
)


class Relaying:
    """The traffic of blocks and transactions with peers, beside sync."""

    def __init__(self, core: Core, consensus: Consensus, gossip: Gossip, fetching: Fetching, assembling: Assembling) -> None:
        self._core = core
        self._consensus = consensus
        self._gossip = gossip
        self._fetching = fetching
        self._assembling = assembling

    def pass_on(self, block: Block, source: Peer | None) -> None:
        """A new block to everybody who did not send it."""
        told_by = self._assembling.told_by(block.id) | ({source} if source is not None else frozenset())
        self._core.out(Broadcast(self._message(block), told_by))

    def compact_block_came(self, event: events.CompactBlockReceived) -> None:
        """Work is done only for a header of the slot's leader, as far as that is known."""
        form = event.block.value
        if event.peer in self._core.peers and self._is_by_leader(form.envelope.header):
            self._assembling.receive(event.peer, form)

    def block_transactions_came(self, event: events.BlockTransactionsReceived) -> None:
        self._assembling.answered(event.peer, event.block, [item.value for item in event.transactions])

    def transactions_came(self, transactions: Sequence[Transaction]) -> None:
        """However they came: they are not fetched any more, and blocks may have waited for them."""
        for transaction in transactions:
            self._core.known.meet(transaction.id)
        self._fetching.arrived(transaction.id for transaction in transactions)
        self._assembling.offer(transactions)

    def announced(self, event: events.TransactionsAnnounced) -> None:
        if event.peer in self._core.peers:
            self._gossip.announced(event.peer, event.names)
            self._fetching.announced(event.peer, event.names)

    def answer(self, event: events.BlockTransactionsRequested) -> None:
        """Nothing where the block is not known, or has no such places."""
        node = self._core.tree.get(event.block)
        items: list[bytes] = []
        if node is not None and node.block is not None and event.places and event.places[-1] < len(node.block.transactions):
            items = [node.block.transactions[place].raw for place in event.places]
        self._core.send(event.peer, BlockTransactions(event.block, items))

    def advance(self) -> None:
        """What follows every event."""
        self._fetching.plan()
        self._gossip.flush()

    def next_ms(self) -> int | None:
        moments = (self._gossip.next_ms(), self._fetching.next_ms(), self._assembling.next_ms())
        return min((moment for moment in moments if moment is not None), default=None)

    def _is_by_leader(self, header: Header) -> bool:
        """Where the parent is known nobody but the slot's leader; else anybody who may be one."""
        parent = self._core.tree.get(header.parent)
        if parent is None:
            return header.producer in self._consensus.known_voters()
        is_possible = header.slot > parent.slot and header.slot >= parent.schedule.start_slot
        return is_possible and parent.schedule.turn(header.slot).delegate.consensus_key == header.producer

    def _message(self, block: Block) -> BlockMessage | CompactBlock:
        if not block.transactions:
            return BlockMessage(block.raw)
        places = self._places_along(block)
        return CompactBlock(
            block.header_raw,
            block.signature,
            carried(block.certificate),
            self._assembling.short_ids(block),
            places,
            [block.transactions[place].raw for place in places],
        )

    def _places_along(self, block: Block) -> tuple[int, ...]:
        """Those that peers may lack because this node lacked them or has just got them, as many as go along."""
        lacked, room, places = self._assembling.lacked(block.id), PREFILLED_BYTES_MAX, list[int]()
        for place, transaction in enumerate(block.transactions):
            if place not in lacked and not self._gossip.is_fresh(transaction.id):
                continue
            room -= len(transaction.raw)
            if room < 0 or len(places) >= PREFILLED_MAX:
                break
            places.append(place)
        return tuple(places)
