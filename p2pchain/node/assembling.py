"""Blocks that came by the short ids of their transactions, until they are whole.

The pool gives what it has, in one pass; the rest is asked of whoever sent the short ids, by place.  Where that peer is
slow the next one that sent the same is asked, and where nobody is left the whole block.  Different lists for one
block are assembled beside one another, so that a false one holds nobody up; once one of them gives what the
header commits to, every other is proven false, and costs its senders the connection.

Bounds: blocks that one peer may have under way, so that a liar displaces nobody's but its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from p2pchain.chain.block import Block
from p2pchain.chain.compact import CompactForm, short_id, short_ids, split_short_ids
from p2pchain.chain.consequences import Consequence
from p2pchain.chain.errors import Invalid
from p2pchain.chain.transaction import Transaction
from p2pchain.chain.types import BlockId
from p2pchain.node.core import Core
from p2pchain.node.effects import Disconnect
from p2pchain.node.events import Peer
from p2pchain.node.sync import Sync
from p2pchain.wire.errors import Reason
from p2pchain.wire.messages import GetBlockTransactions

OF_PEER_MAX = 4
"""Blocks that one peer may have begun and that are not whole: of 20,000 transactions each, 4 MB; all else it sends is in vain."""
PATIENCE_MIN_MS = 100
"""A round trip of a link with 50 ms; where slots are longer a quarter of one."""
BOTH_BELOW = 64
"""So few missing transactions are asked of two peers at once: what that costs is less than waiting for one that is silent."""
SLOTS_KEPT = 4
"""What is not whole by then is fetched in another way."""


@dataclass(slots=True)
class Claim:
    """One list of short ids for a block, and who sent it."""

    form: CompactForm
    found: list[Transaction | None]
    wanted: dict[bytes, list[int]]
    """Places of short ids that nothing was found for."""
    sources: list[Peer] = field(default_factory=list)
    asked: dict[Peer, int] = field(default_factory=dict)
    """Until when an answer is waited for before another peer is asked."""
    lacked: set[int] = field(default_factory=set)
    """Places that had to be fetched or came along."""
    is_hopeless: bool = False
    """Whether the whole block was asked for."""

    @property
    def missing(self) -> tuple[int, ...]:
        return tuple(sorted(place for places in self.wanted.values() for place in places))

    def names(self, key: bytes) -> bool:
        """Whether the list holds a short id anywhere: what is out of place may answer an older question."""
        return key in split_short_ids(self.form.short_ids)

    def put(self, key: bytes, transaction: Transaction) -> None:
        """What has the same short id twice in one block is told apart by its place alone, and so never found by it."""
        places = self.wanted.get(key)
        if places is not None and len(places) == 1:
            self.found[places[0]] = transaction
            del self.wanted[key]

    def put_at(self, place: int, key: bytes, transaction: Transaction) -> bool:
        """False where the place has another short id."""
        if self.form.short_ids[place * len(key) : (place + 1) * len(key)] != key:
            return False
        self.lacked.add(place)
        places = self.wanted.get(key, [])
        if place in places:
            self.found[place] = transaction
            places.remove(place)
            if not places:
                del self.wanted[key]
        return True


class Assembling:
    """`deliver` takes a whole block, from the peer that completed it."""

    def __init__(self, core: Core, sync: Sync, deliver: Callable[[Peer, Block], None]) -> None:
        self._core = core
        self._sync = sync
        self._deliver = deliver
        self._claims: dict[BlockId, dict[bytes, Claim]] = {}
        self._told_by: dict[BlockId, frozenset[Peer]] = {}
        self._lacked: dict[BlockId, frozenset[int]] = {}
        self._short_ids: dict[BlockId, bytes] = {}

    def __len__(self) -> int:
        return len(self._claims)

    def receive(self, peer: Peer, form: CompactForm) -> None:
        """A compact block whose header is its producer's."""
        block = form.envelope.id
        if not self._is_wanted(peer, form):
            return
        claim = self._claims.setdefault(block, {}).get(form.short_ids)
        if claim is None:
            claim = self._claims[block][form.short_ids] = _begin(form)
            self._search(claim)
        claim.sources.append(peer)
        for place, transaction in form.prefilled.items():
            if not claim.put_at(place, short_id(block, transaction.id), transaction):
                self._refuse(peer, block, f"the transaction at place {place} has another short id than it says")
                return
        self._proceed(block, claim, peer)

    def answered(self, peer: Peer, block: BlockId, transactions: Sequence[Transaction]) -> None:
        """What a peer gave of what it was asked for."""
        places = self._core.lacking.pop((peer, block), ())
        claim = next((claim for claim in self._claims.get(block, {}).values() if peer in claim.sources), None)
        if claim is None:
            return
        if not transactions:
            claim.asked[peer] = self._core.now_ms  # it has dropped the block: the next one is asked
            self._proceed(block, claim, peer)
            return
        for place, transaction in zip(places, transactions, strict=False):
            key = short_id(block, transaction.id)
            if not claim.put_at(place, key, transaction) and not claim.names(key):
                self._refuse(peer, block, f"the transaction at place {place} has a short id that was not said")
                return
        self._proceed(block, claim, peer)

    def offer(self, transactions: Iterable[Transaction]) -> None:
        """These came meanwhile: a block overtakes the transactions that were sent before it."""
        for transaction in transactions if self._claims else ():
            for block, claims in self._claims.items():
                key = short_id(block, transaction.id)
                for claim in claims.values():
                    claim.put(key, transaction)

    def look(self) -> None:
        """What was completed meanwhile, what came in another way, what is late, what is over."""
        for block, claims in list(self._claims.items()):
            node = self._core.tree.get(block)
            if node is not None and node.block is not None:
                self._settle(node.block)
                continue
            header = next(iter(claims.values())).form.envelope.header
            if header.height <= self._core.tree.root.height or header.slot + SLOTS_KEPT < self._core.slot:
                self._forget(block)
                continue
            for claim in list(claims.values()):
                if block in self._claims and claim.sources and self._is_due(claim):
                    self._proceed(block, claim, claim.sources[0])

    def told_by(self, block: BlockId) -> frozenset[Peer]:
        """Who sent a block that has just been completed: it need not be sent back."""
        return self._told_by.get(block, frozenset())

    def lacked(self, block: BlockId) -> frozenset[int]:
        """Places of a block that has just been completed which were not known here: others may lack them too."""
        return self._lacked.get(block, frozenset())

    def short_ids(self, block: Block) -> bytes:
        """Of a block that has just been completed those that completed it, found right place by place; of others they are made."""
        return self._short_ids.get(block.id) or short_ids(block.id, [transaction.id for transaction in block.transactions])

    def next_ms(self) -> int | None:
        now = self._core.now_ms
        moments = [due for claims in self._claims.values() for claim in claims.values() for due in claim.asked.values() if due > now]
        return min(moments, default=None)

    def leave(self, peer: Peer) -> None:
        for block, claims in list(self._claims.items()):
            for key, claim in list(claims.items()):
                if peer in claim.sources:
                    self._withdraw(block, key, claim, peer)

    def _is_wanted(self, peer: Peer, form: CompactForm) -> bool:
        block, header = form.envelope.id, form.envelope.header
        if block in self._core.tree or header.height <= self._core.tree.root.height or self._core.is_beyond(header.height):
            return False
        of_peer = [known for known, claims in self._claims.items() if any(peer in claim.sources for claim in claims.values())]
        if block in of_peer:
            return False  # it said so before, or something else: one claim for each
        if len(of_peer) >= OF_PEER_MAX:
            for key, claim in list(self._claims[of_peer[0]].items()):
                if peer in claim.sources:
                    self._withdraw(of_peer[0], key, claim, peer)
        return True

    def _search(self, claim: Claim) -> None:
        """One pass over the pool, to the point where all is found."""
        block, wanted = claim.form.envelope.id, claim.wanted
        for transaction in self._core.pool if wanted else ():
            key = short_id(block, transaction.id)
            if key in wanted:
                claim.put(key, transaction)
                if not wanted:
                    return

    def _proceed(self, block: BlockId, claim: Claim, peer: Peer) -> None:
        if claim.wanted:
            self._ask(block, claim)
            return
        whole = _complete(claim)
        if whole is None:
            # A transaction of ours has the short id of another, or the list is false: the whole block will tell.
            self._ask_for_all(block, claim)
            return
        self._short_ids = {block: claim.form.short_ids}
        self._settle(whole)
        self._lacked = {block: frozenset(claim.lacked)}
        self._deliver(peer, whole)

    def _ask(self, block: BlockId, claim: Claim) -> None:
        now, missing = self._core.now_ms, claim.missing
        waiting = sum(due > now for due in claim.asked.values())
        for peer in claim.sources:
            if waiting >= (2 if len(missing) <= BOTH_BELOW else 1):
                return
            if peer not in claim.asked:
                claim.asked[peer] = now + self._patience_ms
                self._core.lacking[peer, block] = missing
                self._core.send(peer, GetBlockTransactions(block, missing))
                waiting += 1
        if not waiting:
            self._ask_for_all(block, claim)

    def _ask_for_all(self, block: BlockId, claim: Claim) -> None:
        claim.is_hopeless = True
        for peer in claim.sources:
            if peer in self._core.peers:
                self._sync.ask_branch(peer, block)

    def _is_due(self, claim: Claim) -> bool:
        return not claim.is_hopeless and (not claim.wanted or all(due <= self._core.now_ms for due in claim.asked.values()))

    @property
    def _patience_ms(self) -> int:
        return max(PATIENCE_MIN_MS, self._core.spec.slot_ms // 4)

    def _settle(self, whole: Block) -> None:
        """The block is known: whoever said something else of it lied, because short ids depend on nothing else."""
        claims = self._claims[whole.id]
        self._told_by = {whole.id: frozenset(peer for claim in claims.values() for peer in claim.sources)}
        self._forget(whole.id)
        true = self.short_ids(whole)
        for key, claim in claims.items():
            for peer in claim.sources if key != true else ():
                self._refuse(peer, whole.id, "its short ids are not those of the block")

    def _forget(self, block: BlockId) -> None:
        for claim in self._claims.pop(block).values():
            for peer in claim.asked:
                self._core.lacking.pop((peer, block), None)

    def _withdraw(self, block: BlockId, key: bytes, claim: Claim, peer: Peer) -> None:
        claim.sources.remove(peer)
        claim.asked.pop(peer, None)
        self._core.lacking.pop((peer, block), None)
        if not claim.sources:
            del self._claims[block][key]
            if not self._claims[block]:
                del self._claims[block]

    def _refuse(self, peer: Peer, block: BlockId, text: str) -> None:
        self.leave(peer)
        self._core.note("warning", "compact_block_refused", peer=peer, block=block, reason=text)
        self._core.out(Disconnect(peer, Reason.INVALID_DATA, f"compact block {block.hex()}: {text}"[:200], Consequence.VIOLATION))


def _begin(form: CompactForm) -> Claim:
    wanted: dict[bytes, list[int]] = {}
    keys = split_short_ids(form.short_ids)
    for place, key in enumerate(keys):
        wanted.setdefault(key, []).append(place)
    return Claim(form, [None] * len(keys), wanted)


def _complete(claim: Claim) -> Block | None:
    """The whole block; None where the header commits to other transactions."""
    try:
        return claim.form.with_transactions([transaction for transaction in claim.found if transaction is not None])
    except Invalid:
        return None
