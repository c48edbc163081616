"""What people and programs may ask of a node: pure reads over the engine, the store and the network.

Every read says as of which block it speaks.  Nothing here changes anything.
"""

from __future__ import annotations

from itertools import islice

from p2pchain.chain.actions.delegate import candidate_ids
from p2pchain.chain.block import Envelope, decode_envelope
from p2pchain.chain.staking import matured_amount, unsettled_reward
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
    View,
)
from p2pchain.chain.transaction import decode_transaction
from p2pchain.chain.tree import Node
from p2pchain.chain.types import AccountId, BlockId, TransactionId
from p2pchain.chain.votes import Subject, decode_certificate
from p2pchain.node.condition import describe_condition
from p2pchain.node.effects import SlotMissed
from p2pchain.node.engine import Engine
from p2pchain.node.ports import FinalBlock, Network, PeerRefusal, PeerView, Store
from p2pchain.node.views import (
    AccountView,
    At,
    BlockReference,
    BlockView,
    DelegateView,
    PoolView,
    PositionView,
    ScheduleView,
    Standing,
    StatusView,
    TransactionView,
    UnbondingView,
)
from p2pchain.wire.messages import Tips

RANGE_BYTES_MAX = 1 << 20
"""Block bytes that one read of a range looks at (one block at least): about 30 ms of decoding."""
ENVELOPES_MAX = 4
"""Blocks kept split, because whoever asks for one transaction of a block asks for the next: at most 16 MiB."""


class Queries:
    """Read access for the API.  Cheap enough to run on the loop between two events."""

    def __init__(self, engine: Engine, store: Store, network: Network, *, node_id: bytes, version: str) -> None:
        self._engine = engine
        self._core = engine.core
        self._store = store
        self._network = network
        self._node_id = node_id
        self._version = version
        self._envelopes: dict[int, Envelope] = {}

    def status(self, now_ms: int) -> StatusView:
        core, sync = self._core, self._engine.sync
        slot = core.spec.slot_at(now_ms)
        schedule = core.head.schedule
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
            syncing=sync.is_behind,
            pool_transactions=len(core.pool),
            pool_bytes=core.pool.bytes,
            delegate=self._own_account(),
            producing=core.key in schedule.keys and core.sign is not None and not self._engine.producer.paused,
            condition=describe_condition(self._engine, slot),
        )

    def account(self, account: AccountId, at: At) -> AccountView:
        view, subject = self._view(at)
        row = ACCOUNTS.load(view, account) or EMPTY_ACCOUNT
        stakes = STAKES.load(view, account) if row.staker else None
        slot = self._core.slot
        return AccountView(
            account=account,
            balance=row.balance + (matured_amount(stakes, slot) if stakes else 0),
            nonce=row.nonce,
            positions=tuple(_position(position, view) for position in stakes.positions) if stakes else (),
            unbonding=tuple(UnbondingView(*u) for u in stakes.unbonding if u.release_slot > slot) if stakes else (),
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
        found = self._store.final_range(max(1, from_height), limit, RANGE_BYTES_MAX)
        return [self._decode_final(block) for block in found]

    def transaction(self, item: TransactionId) -> TransactionView | None:
        """Where a transaction is: final first, then in a block, then waiting, then ended."""
        location = self._store.transaction(item)
        if location is not None:
            raw = self._envelope(location.height).transactions[location.position]
            transaction = decode_transaction(raw, self._core.spec)
            return TransactionView(item, "final", location.height, location.position, None, "", transaction)
        for node in self._not_durable():
            assert node.block is not None
            for index, transaction in enumerate(node.block.transactions):
                if transaction.id == item:
                    return TransactionView(item, "included", node.height, index, None, "", transaction)
        waiting = self._core.pool.get(item)
        if waiting is not None:
            return TransactionView(item, "pending", None, None, None, "", waiting)
        ended = self._core.pool.ended(item)
        return None if ended is None else TransactionView(item, ended.ending, None, None, ended.code, ended.message, None)

    def delegates(self, at: At) -> list[DelegateView]:
        """All registered delegates by weight, highest first."""
        view, _ = self._view(at)
        totals = GLOBALS.load(view)
        last = {missed.delegate: missed for missed in self._engine.misses.latest}
        found = [self._delegate(account, view, totals) for account in candidate_ids(CANDIDATES.load(view))]
        known = sorted((d for d in found if d is not None), key=lambda d: (-d.stake, d.account))
        waiting = [d.account for d in sorted(known, key=lambda d: d.demoted) if not d.active and d.stake >= self._stake_min]
        ranks = {account: place for place, account in enumerate(waiting, 1)}
        return [d._replace(rank=ranks.get(d.account), last_miss=last.get(d.account)) for d in known]

    def misses(self, limit: int) -> list[SlotMissed]:
        """What this node saw missed since it started, newest first."""
        return list(islice(reversed(self._engine.misses.latest), limit))

    def schedule(self, now_ms: int, turns: int) -> ScheduleView:
        schedule = self._core.head.schedule
        slot = self._core.spec.slot_at(now_ms)
        first = max(slot, schedule.start_slot)
        listed = [schedule.turn(first + i) for i in range(turns)]
        return ScheduleView(listed[0].round if listed else schedule.round, slot, listed, self._core.head.subject)

    def pool(self, limit: int) -> PoolView:
        pool = self._core.pool
        items = list(islice(pool, limit))
        limits = pool.limits
        return PoolView(len(pool), pool.bytes, limits.transactions_max, limits.bytes_max, pool.fee_floor(), items)

    def peers(self) -> list[tuple[PeerView, Tips | None]]:
        return [(peer, self._core.peers.get(peer.peer)) for peer in self._network.peers()]

    def refusals(self) -> list[PeerRefusal]:
        return list(self._network.refusals())

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
        return DelegateView(account, *terms, row.missed_in_row, bool(row.demoted), _standing(row, active=active), None, None)

    @property
    def _stake_min(self) -> int:
        return self._core.head.schedule.terms.params.stake_min

    def _unfinal(self, node: Node) -> BlockView:
        assert node.block is not None
        return BlockView(node.block, "unfinal", node.certificate, None, self._core.spec.slot_start_ms(node.slot))

    def _final(self, height: int | None) -> BlockView | None:
        stored = self._store.final_block(height) if height else None
        return None if stored is None else self._decode_final(stored)

    def _envelope(self, height: int) -> Envelope:
        """A final block, split and not decoded further."""
        envelope = self._envelopes.get(height)
        if envelope is None:
            stored = self._store.final_block(height)
            assert stored is not None, "an indexed transaction lies in a stored block"
            envelope = self._envelopes[height] = decode_envelope(stored.raw)
            if len(self._envelopes) > ENVELOPES_MAX:
                del self._envelopes[next(iter(self._envelopes))]
        return envelope

    def _decode_final(self, stored: FinalBlock) -> BlockView:
        spec = self._core.spec
        envelope = decode_envelope(stored.raw)
        block = envelope.with_transactions([decode_transaction(raw, spec) for raw in envelope.transactions])
        confirms = decode_certificate(stored.certificate) if stored.certificate else None
        return BlockView(block, "final", None, confirms, spec.slot_start_ms(envelope.header.slot))


def _standing(row: Delegate, *, active: bool) -> Standing:
    if row.retired:
        return "retired"
    if row.demoted:
        return "demoted"
    return "active" if active else "standby"


def _position(position: Position, view: View) -> PositionView:
    delegate = DELEGATES.load(view, position.delegate)
    assert delegate is not None, "a position names a registered delegate"
    return PositionView(position.delegate, position.amount, unsettled_reward(position, delegate))
