"""What a node can be asked for, as values: the answers of `node.queries`, before anybody makes JSON of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, TypeAlias

from p2pchain.chain.block import Block, Envelope
from p2pchain.chain.changing import Change, Proposal, Requirement
from p2pchain.chain.evidence import Offence
from p2pchain.chain.outcomes import Failure
from p2pchain.chain.schedule import Turn
from p2pchain.chain.terms import Terms
from p2pchain.chain.transaction import Transaction
from p2pchain.chain.types import AccountId, TransactionId
from p2pchain.chain.votes import Certificate, Subject
from p2pchain.node.effects import SlotMissed
from p2pchain.node.history import IndexView
from p2pchain.node.progress import Lack, SyncView
from p2pchain.node.room import Room

At: TypeAlias = Literal["head", "final"]


class StatusView(NamedTuple):
    chain_id: bytes
    name: str
    node_id: bytes
    version: str
    head: Subject
    final: Subject
    slot: int
    """The slot that it is now."""
    leader: bytes | None
    """Account of the delegate whose slot it is."""
    peers: int
    syncing: bool
    pool_transactions: int
    pool_bytes: int
    delegate: bytes | None
    """Account that this node signs for, if it is a registered delegate."""
    producing: bool
    condition: str
    """In words: what the node is doing, or what it waits for and why."""
    protocol: int
    """Version that the next block takes."""
    protocol_supported: int
    """Newest version that this node knows."""
    requirement: Requirement | None
    """A version beyond that, once it is scheduled."""
    sync: SyncView | None = None
    """How far a catch-up has come; None while the node is in step."""
    room: Room | None = None
    """On disk, where the node writes; None until it was measured."""
    pool_fee_floor: int = 0
    """Least fee a byte that gets into the pool now."""
    clock_offset_ms: int | None = None
    """How far this machine's clock is ahead of those of the delegates (negative: behind); None where too few were heard."""
    blocks_from: int = 1
    """Final blocks below this height were pruned, or are about to be."""
    lack: Lack | None = None
    """What it needs to catch up and no peer gives."""
    indexed: IndexView | None = None
    """None where there is none."""


class PositionView(NamedTuple):
    delegate: bytes
    amount: int
    reward: int
    """Not yet claimed."""


class UnbondingView(NamedTuple):
    amount: int
    release_slot: int


class AccountView(NamedTuple):
    account: AccountId
    balance: int
    """What can be spent now, matured unbonding included."""
    nonce: int
    positions: tuple[PositionView, ...]
    unbonding: tuple[UnbondingView, ...]
    delegate: DelegateView | None
    next_nonce: int
    """First nonce that no pending transaction of this account uses."""
    subject: Subject
    """The block as of which this is said."""


Standing: TypeAlias = Literal["active", "standby", "demoted", "retired"]
"""Where a delegate stands; a demoted or retired one may still have its seat (`active`) until the next election."""


class DelegateView(NamedTuple):
    account: bytes
    consensus_key: bytes
    commission_bps: int
    stake: int
    weight: float
    """Share of the total stake."""
    active: bool
    retired: bool
    produced: int
    missed: int
    """Heartbeat slots that the chain counted, since ever."""
    missed_in_row: int
    demoted: bool
    standing: Standing
    rank: int | None
    """Of a standby: its place in the queue for a seat, from 1."""
    last_miss: SlotMissed | None
    """The last slot that this node saw it miss, since it started."""
    convicted: bool = False
    """It contradicted itself and never stands again."""
    slashed_bps: int = 0
    """Share of its stake, in 1/10000, that this took."""
    last_ballot_slot: int | None = None
    """Slot of the newest ballot of an active delegate that this node heard since it started."""


class BlockView(NamedTuple):
    block: Block | Envelope
    """Of a final one the parts: nobody has asked yet what its transactions say."""
    ids: Sequence[TransactionId]
    """Of its transactions, in order."""
    status: Literal["final", "unfinal"]
    votes: Certificate | None
    """Certificate of votes on this block, while it is not final."""
    confirms: Certificate | None
    """The proof that made it final, where it has its own."""
    time_ms: int
    failed: Sequence[Failure] = ()
    """Its transactions that paid their fee and did nothing else."""


class TransactionView(NamedTuple):
    id: TransactionId
    status: str
    """pending, included, final, expired, replaced, rejected"""
    height: int | None
    position: int | None
    code: str | None
    """Why it ended without effect, also where a block includes it."""
    message: str
    transaction: Transaction | None


class EvidenceView(NamedTuple):
    """Two contradicting messages that this node has seen, ready to be submitted."""

    offence: Offence
    first: bytes
    second: bytes
    delegate: bytes | None
    """Account of whoever signed, if it is a registered delegate."""
    convicted: bool
    """As of the head: submitting it again would only cost the fee."""


class PoolView(NamedTuple):
    transactions: int
    bytes: int
    transactions_max: int
    bytes_max: int
    fee_per_byte_min: int
    """Least fee a byte that gets into the pool now."""
    items: Sequence[Transaction]


class ScheduleView(NamedTuple):
    round: int
    slot: int
    turns: Sequence[Turn]
    subject: Subject


class TermsView(NamedTuple):
    """The terms above a block, and how they will change."""

    terms: Terms
    scheduled: Sequence[Change]
    proposals: Sequence[Proposal]
    votes_needed: int
    """For a proposal to be agreed to."""
    subject: Subject


BlockReference: TypeAlias = Literal["head", "final"] | int | bytes
"""A height, a 32-byte block id, or a tip."""
