"""What people and programs may ask of a node: pure reads over the engine, the store and the network.

Every read says as of which block it speaks.  Nothing here changes anything.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import islice
from typing import NamedTuple, TypeAlias

from p2pchain.chain.actions.delegate import candidate_ids
from p2pchain.chain.block import Envelope, decode_envelope
from p2pchain.chain.changing import load_proposals, load_scheduled
from p2pchain.chain.errors import Refusal
from p2pchain.chain.outcomes import MEANINGS, Failure, failure_at, failures_in
from p2pchain.chain.penalty import DelegateOf, matured_amount, position_amount, unbonding_amount
from p2pchain.chain.schedule import quorum
from p2pchain.chain.staking import unsettled_reward
from p2pchain.chain.state import (
    ACCOUNTS,
    CANDIDATES,
    DELEGATE_BY_KEY,
    DELEGATES,
    EMPTY_ACCOUNT,
    GLOBALS,
    STAKES,
    Delegate,
    Globals,
    Position,
    Stakes,
    View,
)
from p2pchain.chain.state_proofs import RowProof
from p2pchain.chain.terms import load_terms
from p2pchain.chain.transaction import Transaction, decode_transaction, id_of
from p2pchain.chain.transaction_proofs import TransactionProof
from p2pchain.chain.tree import Node
from p2pchain.chain.types import AccountId, BlockId, PublicKey, TransactionId
from p2pchain.chain.votes import Subject, decode_certificate
from p2pchain.node.condition import clock_offset_ms, describe_condition
from p2pchain.node.effects import SlotMissed
from p2pchain.node.engine import Engine
from p2pchain.node.history import History
from p2pchain.node.keeping import BlockPrunedError, first_at, slot_of_final
from p2pchain.node.ports import BookView, FinalBlock, Location, Network, PeerCounts, PeerRefusal, PeerView, Store
from p2pchain.node.proofs import prove_row, prove_transaction
from p2pchain.node.proving import Shown, Steps, show_point, show_steps
from p2pchain.node.trial import Trial, try_out
from p2pchain.node.views import (
    AccountView,
    At,
    BlockReference,
    BlockView,
    DelegateView,
    EvidenceView,
    PoolView,
    PositionView,
    ScheduleView,
    Standing,
    StatusView,
    TermsView,
    TransactionView,
    UnbondingView,
)
from p2pchain.wire.messages import Tips

RANGE_BYTES_MAX = 1 << 20
"""Block bytes that one read of a range looks at (one block at least): about 8 ms."""
SPLITS_MAX = 4
"""Blocks kept split, because whoever asks for one transaction of a block asks for the next: at most 16 MiB."""


ListBook: TypeAlias = Callable[[int], BookView]
"""The address book, with so many of its entries."""


class SplitBlock(NamedTuple):
    envelope: Envelope
    failed: Sequence[Failure]


class Queries:
    """Read access for the API.  Cheap enough to run on the loop between two events."""

    def __init__(
        self,
        engine: Engine,
        store: Store,
        network: Network,
        *,
        node_id: bytes,
        version: str,
        list_book: ListBook,
        history: History | None = None,
    ) -> None:
        self._engine = engine
        self._core = engine.core
        self._store = store
        self._network = network
        self._node_id = node_id
        self._list_book = list_book
        self._version = version
        self._splits: dict[int, SplitBlock] = {}
        self.history = history

    def status(self, now_ms: int) -> StatusView:
        core, sync = self._core, self._engine.sync
        slot = core.spec.slot_at(now_ms)
        schedule = core.head.schedule
        lack = self._engine.lacking.now()
        return StatusView(
            chain_id=core.spec.chain_id,
            name=core.spec.name,
            node_id=self._node_id,
            version=self._version,
            head=core.head.subject,
            final=core.tree.durable.subject,
            slot=slot,
            leader=schedule.turn(slot).delegate.account if slot >= schedule.start_slot else self._owner(core.head, slot),
            peers=len(core.peers),
            syncing=sync.is_behind or lack is not None,
            pool_transactions=len(core.pool),
            pool_bytes=core.pool.bytes,
            pool_fee_floor=core.pool.fee_floor(),
            delegate=self._own_account(),
            producing=core.key in schedule.keys and core.sign is not None and not self._engine.producer.is_kept_back,
            condition=describe_condition(self._engine, slot),
            protocol=schedule.terms.version,
            protocol_supported=core.supported,
            requirement=core.requirement,
            sync=self._engine.sync_view(now_ms),
            room=self._engine.producer.room,
            clock_offset_ms=clock_offset_ms(self._engine),
            blocks_from=self._blocks_from,
            lack=lack,
            indexed=None if self.history is None else self.history.view(),
        )

    def account(self, account: AccountId, at: At) -> AccountView:
        view, subject = self._view(at)
        row = ACCOUNTS.load(view, account) or EMPTY_ACCOUNT
        stakes = STAKES.load(view, account) if row.staker else None
        slot = self._core.slot
        delegate_of = partial(DELEGATES.load, view)
        return AccountView(
            account=account,
            balance=row.balance + (matured_amount(stakes, slot, delegate_of) if stakes else 0),
            nonce=row.nonce,
            positions=tuple(_position(position, view) for position in stakes.positions) if stakes else (),
            unbonding=_unbonding(stakes, slot, delegate_of) if stakes else (),
            delegate=self._delegate(account, view, None),
            next_nonce=self._core.pool.next_nonce(account, row.nonce),
            subject=subject,
        )

    def block(self, reference: BlockReference) -> BlockView | None:
        durable = self._core.tree.durable.height
        if reference == "final":
            return self._final(durable)
        if reference == "head":
            reference = self._core.head.id
        if isinstance(reference, bytes):
            node = next((member for member in self._not_durable() if member.id == reference), None) or self._core.tree.get(
                BlockId(reference)
            )
            height = self._store.final_height(BlockId(reference))
        else:
            node = next((member for member in self._not_durable() if member.height == reference), None)
            height = reference if reference <= durable else None
        if height is not None:
            return self._final(height)
        return None if node is None or node.block is None else self._unfinal(node)

    def blocks(self, from_height: int, limit: int) -> list[BlockView]:
        """Final blocks in ascending order."""
        self._require_kept(max(1, from_height))
        found = self._store.final_range(max(1, from_height), limit, RANGE_BYTES_MAX)
        return [self._decode_final(block) for block in found]

    def transaction_at(self, location: Location) -> TransactionView:
        """A final transaction by its place."""
        self._require_kept(location.height)
        envelope, failed = self._split(location.height)
        transaction = decode_transaction(envelope.transactions[location.position], self._core.spec)
        return _included(transaction, "final", location.height, location.position, failed)

    def time_of(self, height: int) -> int:
        """When the slot of a final block began."""
        return self._core.spec.slot_start_ms(slot_of_final(self._store, height))

    def owner_of(self, key: bytes) -> bytes | None:
        """The account of the delegate that signs, or signed, with a consensus key."""
        owner = DELEGATE_BY_KEY.load(self._core.head_view(), key)
        return None if owner is None else owner.data

    def height_at(self, time_ms: int) -> int:
        """The first final height whose slot begins at or after a time; one above the last where there is none."""
        spec, final = self._core.spec, self._core.tree.durable.height
        slot = max(0, -(-(time_ms - spec.slot_start_ms(0)) // spec.slot_ms))
        return first_at(final, slot, lambda height: slot_of_final(self._store, height))

    def transaction(self, item: TransactionId) -> TransactionView | None:
        """Where a transaction is: final first, then in a block, then waiting, then ended."""
        location = self._store.transaction(item)
        if location is not None:
            return self.transaction_at(location)
        for node in self._not_durable():
            assert node.block is not None
            for index, transaction in enumerate(node.block.transactions):
                if transaction.id == item:
                    failed = failures_in(node.changes.rows) if node.changes is not None else ()
                    return _included(transaction, "included", node.height, index, failed)
        waiting = self._core.pool.get(item)
        if waiting is not None:
            return TransactionView(item, "pending", None, None, None, "", waiting)
        ended = self._core.pool.ended(item)
        return None if ended is None else TransactionView(item, ended.ending, None, None, ended.code, ended.message, None)

    def row_proof(self, key: bytes) -> RowProof:
        """A row of the state as of the last final block; `UnprovenError` where no proof is to be had."""
        return prove_row(self._store, key)

    def transaction_proof(self, item: TransactionId) -> TransactionProof | None:
        """None where the transaction is not final; `UnprovenError` where no proof is to be had."""
        location = self._store.transaction(item)
        return None if location is None else prove_transaction(self._store, location, self._split(location.height).envelope)

    def simulate(self, items: Sequence[Transaction | Refusal]) -> list[Trial]:
        """What would become of verified transactions in the next block."""
        return try_out(self._core, items)

    def delegates(self, at: At) -> list[DelegateView]:
        """All registered delegates by weight, highest first."""
        view, _ = self._view(at)
        totals = GLOBALS.load(view)
        last = {missed.delegate: missed for missed in self._engine.misses.latest}
        found = [self._delegate(account, view, totals) for account in candidate_ids(CANDIDATES.load(view))]
        known = sorted((d for d in found if d is not None), key=lambda d: (-d.stake, d.account))
        waiting = [d.account for d in sorted(known, key=lambda d: d.demoted) if not d.active and d.stake >= self._stake_min]
        ranks = {account: place for place, account in enumerate(waiting, 1)}
        heard = self._engine.consensus.last_seen
        return [
            d._replace(rank=ranks.get(d.account), last_miss=last.get(d.account), last_ballot_slot=heard.get(PublicKey(d.consensus_key)))
            for d in known
        ]

    def misses(self, limit: int) -> list[SlotMissed]:
        """What this node saw missed since it started, newest first."""
        return list(islice(reversed(self._engine.misses.latest), limit))

    def evidence(self) -> list[EvidenceView]:
        """Contradicting signatures that this node has seen since it began, oldest first."""
        view = self._core.head_view()
        found = []
        for offence, (first, second) in self._core.watch.pairs().items():
            owner = DELEGATE_BY_KEY.load(view, offence.key)
            row = DELEGATES.load(view, owner.data) if owner is not None else None
            found.append(EvidenceView(offence, first, second, owner.data if owner else None, row is not None and row.convicted_slot > 0))
        return found

    def schedule(self, now_ms: int, turns: int) -> ScheduleView:
        schedule = self._core.head.schedule
        slot = self._core.spec.slot_at(now_ms)
        first = max(slot, schedule.start_slot)
        listed = [schedule.turn(first + i) for i in range(turns)]
        return ScheduleView(listed[0].round if listed else schedule.round, slot, listed, self._core.head.subject)

    def terms(self, at: At) -> TermsView:
        """What rules above a tip, and what is proposed or agreed to change it."""
        view, subject = self._view(at)
        totals = GLOBALS.load(view)
        assert totals is not None, "the globals row is written by the genesis"
        scheduled, proposals = load_scheduled(view).changes, load_proposals(view).open
        return TermsView(load_terms(view), scheduled, proposals, quorum(len(totals.active)), subject)

    def proof_steps(self, from_height: int, to_height: int | None, limit: int) -> Steps | None:
        """What leads a light client from one final block to another, or to the newest; None where one of them is not here."""
        return show_steps(self._store, from_height, to_height, limit, self._core.tree.durable.height)

    def proof_point(self, height: int) -> Shown | None:
        """A final header and the set above it."""
        return show_point(self._store, height, self._core.tree.durable.height)

    def pool(self, limit: int) -> PoolView:
        pool = self._core.pool
        items = list(islice(pool, limit))
        limits = pool.limits
        return PoolView(len(pool), pool.bytes, limits.transactions_max, limits.bytes_max, pool.fee_floor(), items)

    def peers(self) -> list[tuple[PeerView, Tips | None]]:
        return [(peer, self._core.peers.get(peer.peer)) for peer in self._network.peers()]

    def book(self, limit: int) -> BookView:
        return self._list_book(limit)

    def refusals(self) -> list[PeerRefusal]:
        return list(self._network.refusals())

    def peer_counts(self) -> PeerCounts:
        return self._network.peer_counts()

    def _view(self, at: At) -> tuple[View, Subject]:
        core = self._core
        if at == "head":
            return core.head_view(), core.head.subject
        return self._store, core.tree.durable.subject

    def _not_durable(self) -> list[Node]:
        """The branch of the head, from above the last block that is final on disk, oldest first."""
        tree = self._core.tree
        return tree.settling[::-1] + tree.path(self._core.head)

    def _owner(self, node: Node, slot: int) -> bytes | None:
        """Who led the slot of a block that closed its round."""
        is_its_slot = node.block is not None and node.slot == slot
        owner = DELEGATE_BY_KEY.load(self._core.head_view(), node.block.header.producer) if node.block and is_its_slot else None
        return owner.data if owner else None

    def _own_account(self) -> bytes | None:
        key = self._core.key
        owner = DELEGATE_BY_KEY.load(self._core.head_view(), key) if key is not None else None
        return owner.data if owner else None

    def _delegate(self, account: bytes, view: View, totals: Globals | None) -> DelegateView | None:
        row = DELEGATES.load(view, account)
        totals = GLOBALS.load(view) if totals is None and row is not None else totals
        if row is None or totals is None:
            return None
        active = any(member.account == account for member in totals.active)
        weight = row.stake / totals.total_stake if totals.total_stake else 0.0
        terms = (row.consensus_key, row.commission_bps, row.stake, weight, active, bool(row.retired), row.produced, row.missed)
        record = (row.missed_in_row, bool(row.demoted), _standing(row, active=active), None, None)
        return DelegateView(account, *terms, *record, bool(row.convicted_slot), row.slashed_bps)

    @property
    def _stake_min(self) -> int:
        return self._core.head.schedule.terms.params.stake_min

    def _unfinal(self, node: Node) -> BlockView:
        assert node.block is not None
        ids = [transaction.id for transaction in node.block.transactions]
        failed = failures_in(node.changes.rows) if node.changes is not None else ()
        return BlockView(node.block, ids, "unfinal", node.certificate, None, self._core.spec.slot_start_ms(node.slot), failed)

    @property
    def _blocks_from(self) -> int:
        """What is promised; a little more may be there."""
        return max(self._core.blocks_from, self._store.blocks_from)

    def _require_kept(self, height: int) -> None:
        if height < self._store.blocks_from:
            raise BlockPrunedError(height, self._blocks_from)

    def _final(self, height: int | None) -> BlockView | None:
        self._require_kept(height or self._store.blocks_from)
        stored = self._store.final_block(height) if height else None
        return None if stored is None else self._decode_final(stored)

    def _split(self, height: int) -> SplitBlock:
        """A final block, split and not decoded further."""
        split = self._splits.get(height)
        if split is None:
            self._require_kept(height)
            stored = self._store.final_block(height)
            assert stored is not None, "an indexed transaction lies in a stored block"
            split = self._splits[height] = SplitBlock(decode_envelope(stored.raw), stored.failed)
            if len(self._splits) > SPLITS_MAX:
                del self._splits[next(iter(self._splits))]
        return split

    def _decode_final(self, stored: FinalBlock) -> BlockView:
        """What is stored was checked when it was imported: its transactions are named and not decoded."""
        envelope = decode_envelope(stored.raw)
        ids = [id_of(raw) for raw in envelope.transactions]
        confirms = decode_certificate(stored.certificate) if stored.certificate else None
        return BlockView(envelope, ids, "final", None, confirms, self._core.spec.slot_start_ms(envelope.header.slot), stored.failed)


def _included(transaction: Transaction, status: str, height: int, position: int, failed: Sequence[Failure]) -> TransactionView:
    """A transaction in a block: it succeeded unless it is listed as failed."""
    failure = failure_at(failed, position)
    code = None if failure is None else failure.code
    return TransactionView(transaction.id, status, height, position, code, "" if code is None else MEANINGS[code], transaction)


def _standing(row: Delegate, *, active: bool) -> Standing:
    if row.retired:
        return "retired"
    if row.demoted:
        return "demoted"
    return "active" if active else "standby"


def _position(position: Position, view: View) -> PositionView:
    delegate = DELEGATES.load(view, position.delegate)
    assert delegate is not None, "a position names a registered delegate"
    return PositionView(position.delegate, position_amount(position, delegate), unsettled_reward(position, delegate))


def _unbonding(stakes: Stakes, slot: int, delegate_of: DelegateOf) -> tuple[UnbondingView, ...]:
    """What will be released after `slot`, less what a conviction took of it."""
    waiting = (entry for entry in stakes.unbonding if entry.release_slot > slot)
    return tuple(UnbondingView(unbonding_amount(entry, delegate_of), entry.release_slot) for entry in waiting)
